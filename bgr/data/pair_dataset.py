"""Samples of photos with their mattes, as they are or composited; and of cut-outs."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bgr.data.backgrounds import BackgroundPool, Pairing
from bgr.data.dataset import MattingDataset, Split
from bgr.data.geometry import Geometry
from bgr.data.pairs import ManifestPairs, Pair, check_sizes
from bgr.data.warps import covering, extended, resized
from bgr.errors import BgrError
from bgr.io.images import ImageArray, read_alpha, read_image, read_rgba
from bgr.io.lazy import LazySequence

Kind = Literal["photo", "cutout"]


def uses_mattes(needs: Collection[str]) -> bool:
    """Whether a model needs more than photos; one without stated needs does."""
    return not needs or not set(needs) <= {"image", "low_res", "high_res"}


class PairDataset(MattingDataset):
    """Photos and mattes of one split.

    Cut-outs are always composited, and so are photos for a model that needs a background. Other photos
    are, in the train split only, for a share of the draws. The background comes from a pool, or is
    generated when there is no pool and one is needed. Photos with a captured background of their own
    are given as they are.

    Args:
        pairs: the photos and mattes of this split.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: pool of images without people.
        composite: share of train draws in which a photo's person is placed over another background;
            without effect where there is no pool.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets (`BackgroundPool`).
        kind: `photo`, or `cutout` for colours of people without their background.

    Raises:
        BgrError: when a sample is read: unreadable file, or matte of another size than its photo.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        split: Split,
        size: Sequence[int],
        backgrounds: Sequence[Path] = (),
        composite: float = 0.5,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
        kind: Kind = "photo",
    ) -> None:
        super().__init__(split, size, seed, geometry, needs)
        self.pairs = pairs
        self.kind = kind
        self.pool = BackgroundPool(backgrounds, pairing, (self.height, self.width))
        if not len(pairs):
            raise BgrError(f"the {split} split is empty", "at least one sample", "change the split")
        # All samples of a dataset have the same keys, so that they collate.
        wanted = self.needs & {"captured_background", "target_background"}
        self.has_rooms = wanted == {"captured_background"} and has_rooms(pairs)
        self.composites = kind == "cutout" or (bool(wanted) and not self.has_rooms)
        self.photos_alone = kind == "photo" and not uses_mattes(self.needs)
        mixes = split == "train" and bool(self.pool.files) and not self.has_rooms
        self.share = composite if mixes else 0.0
        detail = person_detail = 1.0
        if self.geometry is not None:
            detail, person_detail = self.geometry.detail, self.geometry.person_detail
        self.enough = self.sides(detail)
        self.person_enough = self.sides(person_detail) if self.composites else self.enough

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, index: int) -> str:
        return self.pairs[index].image.stem

    def files(self) -> list[Path]:
        if isinstance(self.pairs, ManifestPairs):
            return [self.pairs.manifest.path, *self.pool.files]
        return [f for pair in self.pairs for f in pair if f is not None] + self.pool.files

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, ImageArray]:
        if self.photos_alone:
            return {"image": read_image(self.pairs[index].image, self.person_enough)}
        colours, mattes = self.read(index)
        if not self.composites:
            arrays = {"image": colours} | mattes
            if rng.random() < self.share:
                (background,) = self.pool.read(index, rng, 1, colours.shape[:2])
                background = covering(background, *colours.shape[:2])
                arrays["image"] = composited(colours, background, mattes["alpha"])
            if self.share and "foreground" in self.needs:
                arrays["foreground"] = colours
            return arrays
        if self.kind == "cutout":
            colours = extended(colours, mattes["alpha"])
        keys = ["captured_background"]
        if "target_background" in self.needs:
            keys.append("target_background")
        rooms = self.pool.read(index, rng, len(keys), self.enough)
        return {"foreground": colours} | mattes | dict(zip(keys, rooms, strict=True))

    def read(self, index: int) -> tuple[ImageArray, dict[str, ImageArray]]:
        """Colours of a sample, (H, W, 3), and what belongs to it, of the same size.

        That is `alpha` and, where there is one, `trimap`, (H, W), and `captured_background`, (H, W, 3).
        """
        pair = self.pairs[index]
        if pair.alpha is None:
            colours, alpha = read_rgba(pair.image)
            return colours, {"alpha": alpha}
        files = {"image": pair.image, "alpha": pair.alpha}
        if pair.trimap is not None and "trimap" in self.needs:
            files["trimap"] = pair.trimap
        if self.has_rooms and pair.captured_background is not None:
            files["captured_background"] = pair.captured_background
        arrays = {}
        for key, path in files.items():
            check_sizes(pair.image, path)
            read = read_alpha if key in ("alpha", "trimap") else read_image
            arrays[key] = read(path, self.person_enough)
        # Only JPEGs are decoded at less than full size; the others follow.
        height, width = min(array.shape[:2] for array in arrays.values())
        arrays = {key: resized(array, height, width) for key, array in arrays.items()}
        return arrays.pop("image"), arrays


def has_rooms(pairs: Sequence[Pair]) -> bool:
    """Whether photos come with their captured backgrounds; those of a manifest are all alike.

    Raises:
        BgrError: some do and some do not.
    """
    some = pairs[:1] if isinstance(pairs, LazySequence) else pairs
    having = [pair.image for pair in some if pair.captured_background is not None]
    if having and len(having) < len(some):
        lacking = next(pair.image for pair in some if pair.captured_background is None)
        raise BgrError(
            f"{having[0]} has a captured background, and {lacking} has none",
            "captured_background/ in every root, or in none",
        )
    return bool(having)


def composited(foreground: ImageArray, background: ImageArray, alpha: ImageArray) -> ImageArray:
    """Foreground (H, W, 3) over background (H, W, 3) by alpha (H, W), all uint8, rounded."""
    share = alpha[..., None].astype(np.float32) / 255
    mixed = background + share * (foreground.astype(np.float32) - background)
    return np.asarray(mixed.round(), np.uint8)
