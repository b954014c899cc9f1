"""Stopping a run between two steps, and going on exactly there."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import CheckpointIO

from bgr.io.checkpoints import load_checkpoint, save_checkpoint
from bgr.systems.base import steps_done


class Stopped(BaseException):
    """A run was stopped by a signal; its state is saved.

    Args:
        signal_number: the signal.
        step: optimiser steps done.
    """

    def __init__(self, signal_number: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name} after step {step}")
        self.exit_code = 128 + signal_number


class GracefulStop(pl.Callback):
    """On Ctrl-C or SIGTERM, saves `last.ckpt` after the current step and raises `Stopped`.

    A signal that arrives during validation takes effect when the validation has ended. The callback
    also keeps the state of the random generators in every checkpoint, so that dropout goes on as it
    would have.

    Args:
        folder: where `last.ckpt` goes.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "last.ckpt"
        self.received: int | None = None
        self.previous: dict[int, Any] = {}
        self.random_states: dict[str, Any] | None = None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._restore_handlers()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:  # asked twice: do not wait for the step
            raise KeyboardInterrupt
        self.received = number

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Here and not earlier: Lightning has installed its own handlers by now, and these replace them.
        self.previous = {s: signal.signal(s, self._receive) for s in self.signals}
        if self.random_states is not None:
            torch.set_rng_state(self.random_states["cpu"])
            if pl_module.device.type == "cuda" and self.random_states["cuda"] is not None:
                torch.cuda.set_rng_state(self.random_states["cuda"], pl_module.device)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        between_steps = not trainer.fit_loop._should_accumulate()
        at_epoch_end = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        if self.received is not None and between_steps and not at_epoch_end:
            trainer._logger_connector.update_train_step_metrics()  # Lightning would after this hook
            self._stop(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.received is not None:
            self._stop(trainer)

    def _stop(self, trainer: pl.Trainer) -> None:
        assert self.received is not None
        trainer.save_checkpoint(self.path)
        raise Stopped(self.received, steps_done(trainer))

    def state_dict(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.random_states = state_dict


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's checkpoints through `bgr.io.checkpoints`: atomic, and read without running code."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        save_checkpoint(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return load_checkpoint(Path(path), map_location or "cpu")

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)
