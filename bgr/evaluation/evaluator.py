"""Scoring predictors on a data set, image by image."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bgr.metrics import functional
from bgr.metrics.conventions import HIGHER_IS_BETTER, subject, unit
from bgr.metrics.per_image import PerImageMean
from bgr.types import Batch

Predictor = Callable[[Batch], Batch]
"""From a composed batch to the predicted version of its keys."""


class Evaluator:
    """A protocol: which metrics, under which conventions, and which one training watches.

    Args:
        metrics: convention of each metric, by the metric's name in `bgr.metrics.functional`.
        monitor: key by which the best checkpoint is chosen, `val/<metric>`.
        mode: `min` or `max`.

    Raises:
        ValueError: an unknown metric or convention.
    """

    def __init__(self, metrics: Mapping[str, str], monitor: str, mode: str = "min") -> None:
        self.metrics = dict(metrics)
        self.units = {m: unit(m, c) for m, c in self.metrics.items()}
        self.subjects = {m: subject(m) for m in self.metrics}
        self.monitor = monitor
        self.mode = mode

    @property
    def subject(self) -> str:
        """Batch key that the monitored metric compares; reports show its pictures."""
        return subject(self.monitor.rpartition("/")[2])

    def per_image(self, pred: Batch, true: Batch) -> dict[str, Tensor]:
        """Every metric on a batch; values (B,)."""
        return {
            m: getattr(functional, m)(pred[key], true[key], convention=self.metrics[m])  # type: ignore[literal-required]
            for m, key in self.subjects.items()
        }

    def means(self) -> dict[str, PerImageMean]:
        """Fresh accumulators, one a metric."""
        return {m: PerImageMean(m, c) for m, c in self.metrics.items()}


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

    def undefined(self, metric: str) -> int:
        """Number of images on which the metric is undefined."""
        return sum(math.isnan(v) for v in self.scores[metric])

    def order(self, metric: str) -> list[int]:
        """Indices of the images from best to worst; undefined ones last."""
        sign = -1 if metric in HIGHER_IS_BETTER else 1
        return sorted(
            range(len(self.names)),
            key=lambda i: (math.isnan(v := self.scores[metric][i]), sign * v),
        )


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
