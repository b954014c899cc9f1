"""What every dataset shares: splits, and randomness that depends on (seed, epoch, index) alone."""

import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bgr.data.geometry import Geometry
from bgr.data.warps import covering, resized
from bgr.errors import BgrError
from bgr.io.files import lot
from bgr.io.images import ImageArray

Split = Literal["train", "val", "test"]
T = TypeVar("T")

cv2.setNumThreads(0)  # workers are the parallelism; OpenCV's own threads would fight over the cores


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
        """Arrays of one sample, (H, W) or (H, W, 3) uint8, keyed as in `Batch`.

        All but the backgrounds have one size. With a `foreground` come an `alpha` and a
        `captured_background`, from which the image is composited on the batch; else there is an `image`.
        """
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
        item: dict[str, Any] = self._warp(self.sample(index, rng), rng)
        item["name"] = self.name(index)
        if self.split == "train":
            item["seed"] = int(rng.integers(2**62))
        return item

    def _warp(self, arrays: dict[str, ImageArray], rng: np.random.Generator) -> dict[str, Tensor]:
        """Warp what one camera saw by one geometry, and each background to be composited by its own."""
        apart = ("target_background", *(() if "image" in arrays else ("captured_background",)))
        person = {k: v for k, v in arrays.items() if k not in apart}
        merged = cv2.merge(list(person.values()))
        # Of a single channel, OpenCV drops the axis.
        stack = np.asarray(merged.reshape(*merged.shape[:2], -1), np.uint8)
        if self.geometry is None:
            stack = resized(stack, self.height, self.width)
        elif "image" in person:
            stack = self.geometry.photo(stack, rng)
        else:
            stack = self.geometry.person(stack, rng)
        widths = [v.shape[2] if v.ndim == 3 else 1 for v in person.values()]
        warped = dict(zip(person, _to_tensor(stack).split(widths), strict=True))  # type: ignore[no-untyped-call]
        for key, pixels in arrays.items():
            if key in person:
                continue
            if self.geometry is None:
                background = covering(pixels, self.height, self.width)
            else:
                background = self.geometry.background(pixels, rng)
            warped[key] = _to_tensor(background)
        return warped

    def sides(self, detail: float) -> tuple[int, int] | None:
        """Height and width that a file may be decoded at, given a geometry's detail.

        None, which is full size, outside the train split: what is measured depends on no decoder.
        """
        if self.split != "train":
            return None
        return math.ceil(self.height * detail), math.ceil(self.width * detail)

    def fingerprint(self) -> str:
        """Hash of the files' names and sizes, of lists their contents, or of one generated sample."""
        digest = hashlib.sha256(f"{type(self).__name__} {self.split} {len(self)}".encode())
        for file in self.files():
            digest.update(f"{file.parent.name}/{file.name} {file.stat().st_size}\n".encode())
            if file.suffix in (".json", ".jsonl", ".txt"):  # a list: what it says is the data
                digest.update(file.read_bytes())
        if not self.files():
            for array in self.sample(0, np.random.default_rng(0)).values():
                digest.update(array.tobytes())
        return digest.hexdigest()[:16]


def check_split(split: str) -> None:
    """Raise BgrError when there is no split of that name."""
    if split not in get_args(Split):
        raise BgrError(f"no split {split!r}", f"one of {', '.join(get_args(Split))}")


def seeded_split(
    items: Sequence[T],
    split: Split,
    fractions: Sequence[float],
    seed: int,
    name: Callable[[T], str],
) -> list[T]:
    """The part of `items` that belongs to a split, after a seeded shuffle.

    An item's place in the shuffle depends on the seed and its name alone: where items are added or
    removed, nearly all others stay in their splits.

    Args:
        items: everything, in a reproducible order.
        split: which part.
        fractions: shares of train, val and test; val and test get at least one item each.
        seed: seed of the shuffle.
        name: what an item is known by, wherever its folder is.

    Raises:
        BgrError: the part is empty.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not np.isclose(sum(fractions), 1):
        raise BgrError(
            f"split fractions are {list(fractions)}",
            "three shares (train, val, test) that sum to 1",
        )
    places = [lot(seed, name(item)) for item in items]
    order = sorted(range(len(items)), key=places.__getitem__)
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
    height, width, channels = array.shape
    tensor = torch.empty((channels, height, width), dtype=torch.uint8)
    cv2.split(np.ascontiguousarray(array), list(tensor.numpy()))
    return tensor
