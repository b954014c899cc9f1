"""Stopping and going on: bit-equal to a run that was never stopped."""

import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from bgr.data.augment import PhotometricAugment
from bgr.data.datamodule import DataModule
from bgr.data.folder import FolderDataset
from bgr.data.geometry import AffineGeometry, PortraitGeometry
from bgr.data.mismatch import CapturedMismatch
from bgr.data.synthetic import SyntheticDataset
from bgr.evaluation.evaluator import Evaluator
from bgr.models.mobile_deeplab import MobileDeepLabV3
from bgr.systems.portrait import PortraitSystem
from bgr.training.metrics_file import MetricsFile
from bgr.training.run import fit
from bgr.training.stopping import AtomicCheckpointIO, GracefulStop, Stopped
from bgr.training.validation import Validation

STEPS_AN_EPOCH = 3


class SignalAt(pl.Callback):
    """Sends this process SIGTERM when a step begins."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            self.step = -1  # once: an accumulated step has several batches
            signal.raise_signal(signal.SIGTERM)


class KillAt(pl.Callback):
    """Raises when a step begins, so that only ModelCheckpoint's own checkpoint is left."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step:
            raise ZeroDivisionError


def run(
    folder: Path,
    workers: int = 0,
    stop: pl.Callback | None = None,
    resume: bool = False,
    accumulate: int = 1,
    photos: Path | None = None,
) -> PortraitSystem:
    """Three epochs of a network with dropout and BatchNorm, under a one-cycle schedule.

    On drawn people, or on photos composited, augmented and cropped in every way there is.
    """
    pl.seed_everything(5, verbose=False)
    weights = {"l1": 1.0, "cross_entropy": 1.0, "gradient": 1.0}
    system = PortraitSystem(MobileDeepLabV3(0.35), weights, lr=1e-3, schedule="one_cycle")
    geometry = PortraitGeometry((32, 32))
    datasets = {
        "train": SyntheticDataset("train", (32, 32), 4 * STEPS_AN_EPOCH + 1, geometry=geometry),
        "val": SyntheticDataset("val", (32, 32), val_length=3),
    }
    data = DataModule(datasets, batch_size=4, workers=workers, augment=PhotometricAugment())
    if photos is not None:
        needs = ("image", "alpha", "captured_background")
        affine = AffineGeometry((32, 32))
        datasets["train"] = FolderDataset(
            str(photos), "train", (32, 32), geometry=affine, needs=needs
        )
        augment = PhotometricAugment(0.2, 0.2, 0.1, blur=0.3, sharpen=0.3, motion=0.3)
        data = DataModule(
            datasets,
            2,
            workers,
            5,
            augment,
            CapturedMismatch(),
            (0.01, 0.1),
            0.5,
            (*needs, "trimap"),
        )
    evaluator = Evaluator({"mad": "rvm"}, "val/mad", "min")
    callbacks = [GracefulStop(str(folder)), Validation(evaluator)]
    last = ModelCheckpoint(str(folder), "last", every_n_epochs=1, enable_version_counter=False)
    callbacks += [last] + ([stop] if stop is not None else [])
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=3, callbacks=callbacks, logger=MetricsFile(str(folder)),
        plugins=[AtomicCheckpointIO()], log_every_n_steps=1, enable_progress_bar=False,
        enable_model_summary=False, accumulate_grad_batches=accumulate,
        num_sanity_val_steps=0,
    )  # fmt: skip
    fit(trainer, system, data, folder / "last.ckpt" if resume else None)
    return system


def same_weights(a: PortraitSystem, b: PortraitSystem) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(ours[k], theirs[k]) for k in ours)


def metrics(folder: Path) -> str:
    return (folder / "metrics.csv").read_text()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop_at", [0, 2, 3, 4, 8])
def test_stopped_and_resumed_is_bit_equal(tmp_path: Path, stop_at: int, workers: int) -> None:
    """Stops in the middle of an epoch, and on its first and last step."""
    whole = run(tmp_path / "whole")
    with pytest.raises(Stopped, match="SIGTERM") as stopped:
        run(tmp_path / "parts", workers, SignalAt(stop_at))
    assert stopped.value.exit_code == 143
    resumed = run(tmp_path / "parts", workers, resume=True)
    assert same_weights(whole, resumed)
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")


@pytest.mark.parametrize("stop_at", [3, 6])
def test_composited_photos_go_on_where_they_were(
    tmp_path: Path, portraits: Path, stop_at: int
) -> None:
    whole = run(tmp_path / "whole", photos=portraits)
    with pytest.raises(Stopped):
        run(tmp_path / "parts", 2, SignalAt(stop_at), photos=portraits)
    resumed = run(tmp_path / "parts", 1, resume=True, photos=portraits)
    assert same_weights(whole, resumed)
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")


def test_killed_and_resumed_from_the_last_epoch_is_bit_equal(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "parts", 1, KillAt(5))
    resumed = run(tmp_path / "parts", 1, resume=True)
    assert same_weights(whole, resumed)
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")


def test_a_stop_waits_for_the_accumulated_gradient(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", accumulate=2)
    with pytest.raises(Stopped):
        run(tmp_path / "parts", stop=SignalAt(2), accumulate=2)
    assert same_weights(whole, run(tmp_path / "parts", resume=True, accumulate=2))


def test_workers_do_not_change_the_losses(tmp_path: Path) -> None:
    alone, shared = run(tmp_path / "0"), run(tmp_path / "2", workers=2)
    assert metrics(tmp_path / "0") == metrics(tmp_path / "2")
    assert same_weights(alone, shared)


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped):
        run(tmp_path, stop=SignalAt(1))
    assert signal.getsignal(signal.SIGTERM) is before
