"""Scoring predictors on a data set, image by image."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bgr.metrics import functional
from bgr.metrics.conventions import HIGHER_IS_BETTER, subject, unit
from bgr.metrics.per_image import PerImageMean
from bgr.types import Batch

REGIONS = ("whole", "unknown", "foreground", "background")
RESAMPLES = 2000

Predictor = Callable[[Batch], Batch]
"""From a composed batch to the predicted version of its keys."""


class Evaluator:
    """A protocol: which metrics, under which conventions, and which one training watches.

    Args:
        metrics: convention of each metric, by the metric's name in `bgr.metrics.functional`.
        monitor: key by which the best checkpoint is chosen, `val/<metric>`.
        mode: `min` or `max`.
        region: where mattes are scored: `whole`, `unknown` (of the trimap), `foreground` (true alpha
            above 0) or `background`. Colours are always scored where true alpha is above 0, images
            everywhere.
        rounded: whether predictions are rounded to 8 bits first, as those in files are.

    Raises:
        ValueError: an unknown metric, convention or region.
    """

    def __init__(
        self,
        metrics: Mapping[str, str],
        monitor: str,
        mode: str = "min",
        region: str = "whole",
        rounded: bool = False,
    ) -> None:
        if region not in REGIONS:
            raise ValueError(f"no region {region!r}; defined: {', '.join(REGIONS)}")
        self.region = region
        self.rounded = rounded
        self.metrics = dict(metrics)
        self.subjects = {m: subject(m) for m in self.metrics}
        self.units = {m: self._unit(m) for m in self.metrics}
        self.monitor = monitor
        self.mode = mode

    @property
    def subject(self) -> str:
        """Batch key that the monitored metric compares; reports show its pictures."""
        return subject(self.monitor.rpartition("/")[2])

    def _unit(self, metric: str) -> str:
        where = f", {self.region} pixels" if self.region != "whole" else ""
        return unit(metric, self.metrics[metric]) + where * (self.subjects[metric] == "alpha")

    @property
    def needs(self) -> tuple[str, ...]:
        """Batch keys that scoring reads."""
        trimap = ("trimap",) if self.region == "unknown" else ()
        return (*dict.fromkeys(self.subjects.values()), *trimap)

    def per_image(self, pred: Batch, true: Batch) -> dict[str, Tensor]:
        """Every metric on a batch; values (B,), NaN where undefined."""
        values = {}
        for metric, key in self.subjects.items():
            made: Tensor = pred[key]  # type: ignore[literal-required]
            if self.rounded:
                made = (made.float() * 255).round() / 255
            region = None
            if key == "alpha":
                region = functional.region_of(self.region, true["alpha"], true.get("trimap"))
            elif key == "foreground":
                region = functional.region_of("foreground", true["alpha"])
            function = getattr(functional, metric)
            values[metric] = function(made, true[key], region, self.metrics[metric])  # type: ignore[literal-required]
        return values

    def means(self) -> dict[str, PerImageMean]:
        """Fresh accumulators, one a metric."""
        return {m: PerImageMean() for m in self.metrics}


@dataclass
class Evaluation:
    """Scores of one predictor.

    Attributes:
        names: image names.
        scores: metric -> one value an image, NaN where undefined.
    """

    names: list[str] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """Mean over the images on which the metric is defined; NaN if none."""
        defined = [v for v in self.scores[metric] if not math.isnan(v)]
        return sum(defined) / len(defined) if defined else math.nan

    def interval(self, metric: str) -> tuple[float, float]:
        """95 % confidence interval of the mean, by a seeded bootstrap over the images."""
        return bootstrap(self.scores[metric])

    def minus(self, other: "Evaluation") -> "Evaluation":
        """Paired differences of two predictors' scores on the same images."""
        scores = {
            m: [a - b for a, b in zip(values, other.scores[m], strict=True)]
            for m, values in self.scores.items()
        }
        return Evaluation(self.names, scores)

    def undefined(self, metric: str) -> int:
        """Number of images on which the metric is undefined."""
        return sum(math.isnan(v) for v in self.scores[metric])

    def note_of_undefined(self) -> str:
        """What a table says of undefined values; empty where there are none."""
        counts = {m: self.undefined(m) for m in self.scores}
        return "".join(
            f" {m} is undefined on {n} image(s), left out of its mean."
            for m, n in counts.items()
            if n
        )

    def order(self, metric: str) -> list[int]:
        """Indices of the images from best to worst; undefined ones last."""
        sign = -1 if metric in HIGHER_IS_BETTER else 1
        return sorted(
            range(len(self.names)),
            key=lambda i: (math.isnan(v := self.scores[metric][i]), sign * v),
        )


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of `values` without NaN: percentiles of 2,000 seeded resamples."""
    defined = np.array([v for v in values if not math.isnan(v)])
    if not len(defined):
        return math.nan, math.nan
    draws = np.random.default_rng(0).integers(len(defined), size=(RESAMPLES, len(defined)))
    low, high = np.percentile(defined[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


@torch.inference_mode()
def evaluate(
    predictors: Mapping[str, Predictor],
    batches: Iterable[Batch],
    evaluator: Evaluator,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Evaluation]:
    """Score several predictors on the same batches.

    Args:
        predictors: label -> predictor.
        batches: composed batches on the predictors' device.
        evaluator: what to measure.
        advance: called after each batch, for a progress bar.
    """
    results = {label: Evaluation(scores={m: [] for m in evaluator.metrics}) for label in predictors}
    for batch in batches:
        for label, predict in predictors.items():
            values = evaluator.per_image(predict(batch), batch)
            results[label].names += batch["name"]
            for metric, value in values.items():
                results[label].scores[metric] += value.tolist()
        advance()
    return results


def best_of(candidates: Sequence[Evaluation], evaluator: Evaluator) -> dict[str, float]:
    """The best mean of each metric over several predictors, which may differ by metric."""
    row = {}
    for metric in evaluator.metrics:
        means = [c.mean(metric) for c in candidates]
        defined = [m for m in means if not math.isnan(m)] or [math.nan]
        row[metric] = max(defined) if metric in HIGHER_IS_BETTER else min(defined)
    return row
