"""Progress of a training run: a bar in a terminal, a line now and then elsewhere."""

import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bgr.systems.base import steps_done

SMOOTHING = 0.9  # of the samples/s and waiting shares, per step
REFRESH = 0.25  # seconds between two updates of the bar; each reads the loss from the device


class TrainingProgress(pl.Callback):
    """Shows step, ETA, loss, samples/s and the share of time spent waiting for data.

    Args:
        seconds: time between two lines where the output is not a terminal.
    """

    def __init__(self, seconds: float = 15.0) -> None:
        self.seconds = seconds
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task: TaskID | None = None
        self.step_seconds = self.waiting = self.last_end = self.last_line = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.start()
        total = int(trainer.estimated_stepping_batches)
        self.task = self.bar.add_task("train", total=total, completed=steps_done(trainer), text="")
        self.last_line = self.last_end = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.last_end = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.last_end = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        now = time.perf_counter()
        fetched: float = trainer.datamodule.fetched_at  # type: ignore[attr-defined]
        seconds, waited = now - self.last_end, fetched - self.last_end
        first = self.step_seconds == 0
        keep = 0.0 if first else SMOOTHING
        self.step_seconds = keep * self.step_seconds + (1 - keep) * seconds
        self.waiting = keep * self.waiting + (1 - keep) * waited
        self.last_end = now
        assert self.task is not None
        if now - self.last_line < (REFRESH if self.console.is_terminal else self.seconds):
            return
        self.last_line = now
        text = self._text(trainer, len(batch["name"]))
        self.bar.update(self.task, completed=steps_done(trainer), text=text)
        if not self.console.is_terminal:
            total = int(trainer.estimated_stepping_batches)
            line = f"step {steps_done(trainer)}/{total}  {text}"
            self.console.print(line, highlight=False, soft_wrap=True)

    def _text(self, trainer: pl.Trainer, batch_size: int) -> str:
        left = int(trainer.estimated_stepping_batches) - steps_done(trainer)
        minutes, seconds = divmod(round(left * self.step_seconds), 60)
        shown = {k.removeprefix("train/"): v for k, v in trainer.callback_metrics.items()}
        keys = [k for k in shown if k == "loss/total" or k.startswith("val/")][:2]
        parts = [f"{k} {float(shown[k]):.4f}" for k in keys]
        samples = batch_size / self.step_seconds
        waiting = self.waiting / self.step_seconds
        parts += [f"{samples:.1f} samples/s", f"{waiting:.0%} waiting for data"]
        return "  ".join([f"ETA {minutes}:{seconds:02d}", *parts])

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.bar.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.bar.stop()
