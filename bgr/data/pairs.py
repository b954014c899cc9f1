"""Photos with their mattes, as they are or composited over other backgrounds."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bgr.data.dataset import Geometry, MattingDataset, Split, resized
from bgr.data.textures import textured_background
from bgr.errors import BgrError
from bgr.io.files import list_images
from bgr.io.images import ImageArray, image_size, read_alpha, read_image, read_rgba


class Pair(NamedTuple):
    """A photo and its matte.

    Attributes:
        image: photo, or a cut-out with an alpha channel.
        alpha: matte of the same size; None where the photo's own alpha channel is the matte.
    """

    image: Path
    alpha: Path | None


def uses_mattes(needs: Collection[str]) -> bool:
    """Whether a model needs more than photos; one without stated needs does."""
    return not needs or not set(needs) <= {"image", "low_res", "high_res"}


class PairDataset(MattingDataset):
    """Photos and mattes of one split.

    Cut-outs are always composited, and so are photos for a model that needs a background. Other photos
    are, in the train split only, for a share of the draws. The background is drawn from a pool of
    files, or generated when there is no pool and one is needed.

    Args:
        pairs: the photos and mattes of this split.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folders of images without people.
        composite: share of train draws in which a photo's person is placed over another background;
            without effect where there is no pool.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.

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
    ) -> None:
        super().__init__(split, size, seed, geometry, needs)
        self.pairs = pairs
        self.backgrounds = [image for folder in backgrounds for image in list_images(folder)]
        # All samples of a dataset have the same keys, so that they collate.
        cutouts = any(pair.alpha is None for pair in pairs)
        self.needs_background = bool(self.needs & {"captured_background", "target_background"})
        self.composites = (
            cutouts or self.needs_background or (split == "train" and bool(self.backgrounds))
        )
        self.share = composite
        self.photos_alone = not uses_mattes(self.needs)

    def __len__(self) -> int:
        return len(self.pairs)

    def name(self, index: int) -> str:
        return self.pairs[index].image.stem

    def files(self) -> list[Path]:
        return [f for pair in self.pairs for f in pair if f is not None] + self.backgrounds

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, ImageArray]:
        pair = self.pairs[index]
        if self.photos_alone:
            return {"image": read_image(pair.image)}
        if pair.alpha is None:
            image, alpha = read_rgba(pair.image)
        else:
            image, alpha = read_image(pair.image), read_alpha(pair.alpha)
            check_sizes(pair, image.shape[:2], alpha.shape)
        if not self.composites:
            return {"image": image, "alpha": alpha}
        image, alpha = self._shrunk(image), self._shrunk(alpha[..., None])
        if (
            pair.alpha is None
            or self.needs_background
            or (self.split == "train" and self.backgrounds and rng.random() < self.share)
        ):
            background = self._background(rng, *image.shape[:2])
        else:
            background = image  # compositing an image over itself gives the image
        arrays = {"foreground": image, "alpha": alpha, "captured_background": background}
        if "target_background" in self.needs:
            arrays["target_background"] = self._background(rng, *image.shape[:2])
        return arrays

    def _shrunk(self, pixels: ImageArray) -> ImageArray:
        """Shrink to at most 1.5 times the sample's size, which bounds the work on large photos."""
        height, width = round(self.height * 1.5), round(self.width * 1.5)
        if pixels.shape[0] > height and pixels.shape[1] > width:
            return resized(pixels, height, width)
        return pixels

    def _background(self, rng: np.random.Generator, height: int, width: int) -> ImageArray:
        if not self.backgrounds:
            return textured_background(rng, height, width)
        background = read_image(self.backgrounds[rng.integers(len(self.backgrounds))])
        if rng.random() < 0.5:
            background = background[:, ::-1]
        full_height, full_width = background.shape[:2]
        share = rng.uniform(0.6, 1.0)
        h, w = max(1, int(full_height * share)), max(1, int(full_width * share))
        top, left = rng.integers(full_height - h + 1), rng.integers(full_width - w + 1)
        return resized(background[top : top + h, left : left + w], height, width)


def check_sizes(pair: Pair, image: tuple[int, ...], alpha: tuple[int, ...]) -> None:
    """Raise BgrError when a photo and its matte, both (H, W), differ in size."""
    if image != alpha:
        raise BgrError(
            f"{pair.alpha} is {alpha[1]}x{alpha[0]}, {pair.image} is {image[1]}x{image[0]} (WxH)",
            "a matte of the same size as its photo, after EXIF rotation",
            "export the matte again at the photo's size, or remove the pair",
        )


def check_headers(pairs: Sequence[Pair]) -> None:
    """Check every file's header at start, so that bad data fails before training does.

    Raises:
        BgrError: a file is empty or not an image, or sizes differ.
    """
    for pair in pairs:
        image = image_size(pair.image)
        if pair.alpha is not None:
            check_sizes(pair, image, image_size(pair.alpha))
