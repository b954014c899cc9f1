"""Loaders over the three splits of a dataset, in an order that a resumed run replays."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from bgr.data.augment import PhotometricAugment
from bgr.data.compose import TRIMAP_BAND, compose
from bgr.data.dataset import MattingDataset, Split
from bgr.data.mismatch import CapturedMismatch
from bgr.processes import ignore_signals
from bgr.types import Batch


class ShuffledPositions(Sampler[int]):
    """Positions of the train split, shuffled anew each epoch by (seed, epoch) alone.

    Args:
        length: number of samples in the dataset.
        batch_size: samples a step.
        seed: seed of the shuffles.
        batches_done: says how many batches the run has trained on so far, over all epochs.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, batches_done: Callable[[], int]
    ) -> None:
        self.length = length
        self.seed = seed
        self.batches_done = batches_done
        # Incomplete last batches are dropped, unless there is no complete one.
        self.batch_size = min(batch_size, length)
        self.batches = length // self.batch_size

    def __len__(self) -> int:
        return self.batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        epoch, done = divmod(self.batches_done(), self.batches)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
        positions = epoch * self.length + order[: len(self)]
        yield from positions[done * self.batch_size :].tolist()


class DataModule(pl.LightningDataModule):
    """Batches of a dataset's splits.

    Args:
        datasets: the dataset of each split; only those that a command needs.
        batch_size: samples a training step; evaluation uses the same.
        workers: loader processes; `auto` is one per core up to 8, less one for the training process.
        seed: seed of the shuffle.
        augment: changes pictures and image of training batches, on the device.
        mismatch: changes the captured background of training batches, on the device.
        trimap_band: smallest and largest radius of a derived trimap's unknown band, as a share of the
            shorter side.
        smallest_crop: training batches are cropped to sides from this share of a sample's to the whole.
        needs: batch keys that the model reads.
    """

    def __init__(
        self,
        datasets: Mapping[Split, MattingDataset],
        batch_size: int = 32,
        workers: int | str = "auto",
        seed: int = 0,
        augment: PhotometricAugment | None = None,
        mismatch: CapturedMismatch | None = None,
        trimap_band: Sequence[float] = TRIMAP_BAND,
        smallest_crop: float = 1.0,
        needs: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.datasets = datasets
        self.batch_size = batch_size
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.workers = max(1, min(cores or 1, 8) - 1) if workers == "auto" else int(workers)
        self.seed = seed
        self.augment = augment
        self.mismatch = mismatch
        self.trimap_band = trimap_band
        self.smallest_crop = smallest_crop
        self.needs = needs
        self.fetched_at = 0.0
        self.restored = 0

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled batches, going on where the run stands."""
        dataset = self.datasets["train"]
        sampler = ShuffledPositions(
            len(dataset), self.batch_size, self.seed, batches_done=lambda: self.batches_done
        )
        return self._loader(dataset, sampler.batch_size, sampler)

    @property
    def batches_done(self) -> int:
        """Batches trained on so far, over all epochs.

        Lightning may build the train loader, to count its batches, before it restores its own progress
        from a checkpoint; the DataModule's state is restored earlier.
        """
        assert self.trainer is not None
        progress = self.trainer.fit_loop.epoch_loop.batch_progress.state_dict()
        return max(self.restored, int(progress["total"]["processed"]))

    def state_dict(self) -> dict[str, Any]:
        return {"batches_done": self.batches_done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.restored = state_dict["batches_done"]

    def val_dataloader(self) -> DataLoader[Any]:
        """The val split, in order."""
        return self.ordered("val")

    def ordered(self, split: Split) -> DataLoader[Any]:
        """Batches of a split, each sample once, in order."""
        return self._loader(self.datasets[split], self.batch_size)

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Note when the loader delivered a batch, for the share of time spent waiting."""
        self.fetched_at = time.perf_counter()
        return batch

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Augment, composite and derive on the device."""
        return compose(
            batch,
            self.needs,
            self.augment,
            self.mismatch,
            self.trimap_band,
            self.smallest_crop,
        )

    def _loader(
        self, dataset: MattingDataset, batch_size: int, sampler: Sampler[int] | None = None
    ) -> DataLoader[Any]:
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=ignore_signals,
            persistent_workers=self.workers > 0 and sampler is not None,
            # A generator of its own: creating an iterator must not draw from the training RNG.
            generator=torch.Generator().manual_seed(self.seed),
        )
