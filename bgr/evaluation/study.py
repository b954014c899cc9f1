"""Evaluate a system on one split beside its baselines, and write what a reader needs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor
from torch.utils.data import DataLoader

from bgr.data.compose import compose
from bgr.data.dataset import MattingDataset
from bgr.evaluation.baselines import images_without_a_network, mattes_without_looking
from bgr.evaluation.evaluator import Evaluation, Evaluator, Predictor, best_of, evaluate
from bgr.evaluation.report import (
    INTERVALS_NOTE,
    Gallery,
    Table,
    panel,
    read_curves,
    write_files,
    write_per_image,
    write_report,
)
from bgr.io.files import make_folder
from bgr.types import Batch

PRIOR_SAMPLES = 200  # mattes from which the priors are fitted
PANELS = 6

NOTE = "untrained: the network with random weights."
NOTE_MATTES = (
    " Baselines that do not look at the image are fitted on the very mattes that are scored. best "
    "constant: per metric, the best of the mattes 0, 1, mean and median. centre ellipse: per metric, "
    "the better of the ellipses of least MAD and of greatest IoU."
)


def study(
    predictors: Mapping[str, Predictor],
    dataset: MattingDataset,
    loader: DataLoader[Any],
    evaluator: Evaluator,
    needs: Collection[str],
    device: torch.device,
    folder: Path,
    title: str,
    details: Mapping[str, str],
    metrics_csv: Path,
    compared: Sequence[str] = (),
) -> tuple[Table, list[Gallery]]:
    """Score predictors and baselines without a network; write tables and the HTML report.

    Args:
        predictors: label -> predictor; the first is the one reported image by image.
        dataset: the split that is scored.
        loader: batches of `dataset`, in order.
        evaluator: what to measure.
        needs: batch keys that predictors and metrics read.
        device: where the predictors run.
        folder: where the files go.
        title: heading of the report.
        details: heading -> text at the end of the report.
        metrics_csv: curves of the training run; left out where the file is missing.
        compared: labels of predictors that are compared with the first, image by image.

    Returns:
        The table of means, and panels of the worst and best images.
    """
    make_folder(folder)
    if evaluator.subject == "alpha":
        blind = mattes_without_looking(_mattes(dataset))
        note = NOTE + NOTE_MATTES
    else:
        blind = images_without_a_network(replaces="target_background" in needs)
        note = NOTE
    everything = dict(predictors)
    for label, candidates in blind.items():
        everything |= {f"{label} {i}": p for i, p in enumerate(candidates)}
    with Progress(transient=True) as bar:
        task = bar.add_task(f"evaluating {len(dataset)} images", total=len(loader))
        results = evaluate(
            everything, _on_device(loader, device, needs), evaluator, lambda: bar.advance(task)
        )
    first = next(iter(predictors))
    scored = {label: results[label] for label in predictors}
    scored |= {f"{label} minus {first}": results[label].minus(results[first]) for label in compared}
    rows = {label: {m: e.mean(m) for m in evaluator.metrics} for label, e in scored.items()}
    for label, candidates in blind.items():
        rows[label] = best_of([results[f"{label} {i}"] for i in range(len(candidates))], evaluator)
    intervals = {
        label: {m: e.interval(m) for m in evaluator.metrics} for label, e in scored.items()
    }
    for label in compared:
        write_per_image(folder / f"per_image_{label}.csv", results[label])
    note += results[first].note_of_undefined()
    table = Table(evaluator, rows, len(dataset), f"{note} {INTERVALS_NOTE}", intervals)
    galleries = _galleries(results[first], evaluator, dataset, predictors[first], device, needs)
    write_files(folder, table, results[first])
    write_report(
        folder / "report.html",
        title,
        f"{title}; dataset {type(dataset).__name__}, fingerprint {dataset.fingerprint()}",
        dataset.split,
        table,
        galleries,
        read_curves(metrics_csv),
        details,
    )
    return table, galleries


def _on_device(
    batches: Iterable[Batch], device: torch.device, needs: Collection[str]
) -> Iterator[Batch]:
    for batch in batches:
        for key, value in batch.items():
            if isinstance(value, Tensor):
                batch[key] = value.to(device)  # type: ignore[literal-required]
        yield compose(batch, needs)


def _mattes(dataset: MattingDataset) -> list[Tensor]:
    """Mattes (1, H, W) in [0, 1] of at most `PRIOR_SAMPLES` samples, evenly spread."""
    indices = np.linspace(0, len(dataset) - 1, min(len(dataset), PRIOR_SAMPLES)).astype(int)
    return [dataset[int(i)]["alpha"].float() / 255 for i in indices]


@torch.inference_mode()
def _galleries(
    evaluation: Evaluation,
    evaluator: Evaluator,
    dataset: MattingDataset,
    predict: Predictor,
    device: torch.device,
    needs: Collection[str],
) -> list[Gallery]:
    """Panels of the worst and the best images by the monitored metric."""
    metric = evaluator.monitor.rpartition("/")[2]
    order = evaluation.order(metric)
    galleries = []
    for heading, indices in (("Worst cases", order[::-1][:PANELS]), ("Best cases", order[:PANELS])):
        panels = []
        for index in indices:
            sample = torch.utils.data.default_collate([dataset[index]])
            batch = next(_on_device([sample], device, needs))
            picture = panel(batch, predict(batch), evaluator.subject)
            value = evaluation.scores[metric][index]
            panels.append((f"{evaluation.names[index]}: {metric} {value:.4g}", picture))
        galleries.append(Gallery(f"{heading} by {metric}", panels))
    return galleries
