"""Validation metrics while training."""

from typing import Any

import pytorch_lightning as pl

from bgr.evaluation.evaluator import Evaluator
from bgr.metrics.per_image import PerImageMean


class Validation(pl.Callback):
    """Logs `val/<metric>` for every metric of an evaluator.

    Args:
        evaluator: what to measure.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.means: dict[str, PerImageMean] = {}

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.means = {m: v.to(pl_module.device) for m, v in self.evaluator.means().items()}

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        for metric, values in self.evaluator.per_image(outputs, batch).items():
            self.means[metric].update(values)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log_dict(
            {f"val/{m}": v.compute() for m, v in self.means.items()}, rank_zero_only=False
        )
