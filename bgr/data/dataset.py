"""What every dataset shares: splits, and randomness that depends on (seed, epoch, index) alone."""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_args

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bgr.errors import BgrError
from bgr.io.images import ImageArray

Split = Literal["train", "val", "test"]
T = TypeVar("T")

cv2.setNumThreads(0)  # workers are the parallelism; OpenCV's own threads would fight over the cores


class Geometry(Protocol):
    """A random warp of stacked channels, (H, W, C) uint8 to the size it was made for."""

    def __call__(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray: ...


class MattingDataset(Dataset[dict[str, Any]]):
    """Base of the datasets.

    A position is `epoch * len(dataset) + index`. Positions below `len(dataset)` are the samples as
    listed; later ones are the same samples with other random draws. A sample depends on its seed and
    its position only, so the number of workers changes nothing and a resumed run replays exactly.

    Args:
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        seed: seed of the random draws of the train split.
        geometry: random warp of the train split; other splits, and None, are resized only.
        needs: batch keys that the model reads; a dataset adds those that it can give and does not
            give anyway.
    """

    def __init__(
        self,
        split: Split,
        size: Sequence[int],
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
    ) -> None:
        check_split(split)
        self.split = split
        self.height, self.width = size
        self.seed = seed if split == "train" else 0  # val and test are the same for every seed
        self.geometry = geometry if split == "train" else None
        self.needs = frozenset(needs)

    def __len__(self) -> int:
        raise NotImplementedError

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, ImageArray]:
        """Arrays of one sample, (H, W) or (H, W, 3) uint8, all of one size, keyed as in `Batch`."""
        raise NotImplementedError

    def name(self, index: int) -> str:
        """Name of a sample in reports."""
        raise NotImplementedError

    def files(self) -> list[Path]:
        """Files the samples are made of; empty for generated data."""
        return []

    def __getitem__(self, position: int) -> dict[str, Any]:
        epoch, index = divmod(position, len(self))
        key = [self.seed, get_args(Split).index(self.split), epoch, index]
        rng = np.random.default_rng(key)
        arrays = self.sample(index, rng)
        warped = self._warp(arrays, rng)
        item: dict[str, Any] = {k: _to_tensor(v) for k, v in warped.items()}
        item["name"] = self.name(index)
        if self.split == "train":
            item["seed"] = int(rng.integers(2**62))
        return item

    def _warp(self, arrays: dict[str, ImageArray], rng: np.random.Generator) -> dict[str, Any]:
        """Warp all arrays of a sample by the same random geometry, in one stack of channels."""
        stack = np.dstack(list(arrays.values()))
        if self.geometry is not None:
            stack = self.geometry(stack, rng)
        else:
            stack = resized(stack, self.height, self.width)
        ends = np.cumsum([a.shape[2] if a.ndim == 3 else 1 for a in arrays.values()])
        return dict(zip(arrays, np.split(stack, ends[:-1], axis=2), strict=True))

    def fingerprint(self) -> str:
        """Hash of the names and sizes of the files, or of one sample of generated data."""
        digest = hashlib.sha256(f"{type(self).__name__} {self.split} {len(self)}".encode())
        for file in self.files():
            digest.update(f"{file.parent.name}/{file.name} {file.stat().st_size}\n".encode())
        if not self.files():
            for array in self.sample(0, np.random.default_rng(0)).values():
                digest.update(array.tobytes())
        return digest.hexdigest()[:16]


def check_split(split: str) -> None:
    """Raise BgrError when there is no split of that name."""
    if split not in get_args(Split):
        raise BgrError(f"no split {split!r}", f"one of {', '.join(get_args(Split))}")


def resized(pixels: ImageArray, height: int, width: int) -> ImageArray:
    """Resize (H, W, C) uint8; area average when shrinking, bilinear when enlarging."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[0] * pixels.shape[1] > height * width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    parts = [  # OpenCV averages areas of at most four channels at a time
        cv2.resize(
            np.ascontiguousarray(pixels[..., first : first + 4]),
            (width, height),
            interpolation=interpolation,
        ).reshape(height, width, -1)
        for first in range(0, pixels.shape[2], 4)
    ]
    return np.asarray(np.concatenate(parts, axis=2), np.uint8)


def seeded_split(
    items: Sequence[T], split: Split, fractions: Sequence[float], seed: int
) -> list[T]:
    """The part of `items` that belongs to a split, after a seeded shuffle.

    Args:
        items: everything, in a reproducible order.
        split: which part.
        fractions: shares of train, val and test; val and test get at least one item each.
        seed: seed of the shuffle.

    Raises:
        BgrError: the part is empty.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not np.isclose(sum(fractions), 1):
        raise BgrError(
            f"split fractions are {list(fractions)}",
            "three shares (train, val, test) that sum to 1",
        )
    order = np.random.default_rng(seed).permutation(len(items))
    val, test = (max(1, round(f * len(items))) if f else 0 for f in fractions[1:])
    bounds = {"val": (0, val), "test": (val, val + test), "train": (val + test, len(items))}
    start, stop = bounds[split]
    part = [items[i] for i in sorted(order[start:stop])]
    if not part:
        raise BgrError(
            f"the {split} split is empty: {len(items)} item(s), shares {list(fractions)}",
            "at least one item in every split",
            "add images, or change data.fractions",
        )
    return part


def _to_tensor(array: ImageArray) -> Tensor:
    """(H, W, C) uint8 array to (C, H, W) uint8 tensor."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
