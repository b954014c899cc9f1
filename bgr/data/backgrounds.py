"""Pools of images without people, and which of them a sample gets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from bgr.data.textures import textured_background
from bgr.errors import BgrError
from bgr.io.files import list_images
from bgr.io.images import ImageArray, read_image

Pairing = Literal["random", "zip"]


class BackgroundPool:
    """Backgrounds of a dataset; generated textures where there are no files.

    Args:
        sources: folders of images, or text files with one path a line, as
            `python -m data_tools filter_people` writes them.
        pairing: `random` draws anew for every sample and epoch; `zip` gives sample i the i-th
            background, over and over, as the code of BackgroundMattingV2 does.
        size: height and width of a texture.

    Raises:
        BgrError: a source is missing or empty, or the pairing is unknown.
    """

    def __init__(self, sources: Sequence[Path], pairing: Pairing, size: tuple[int, int]) -> None:
        if pairing not in get_args(Pairing):
            raise BgrError(f"data.pairing is {pairing!r}", " or ".join(get_args(Pairing)))
        self.files = [file for source in sources for file in background_files(source)]
        self.pairing = pairing
        self.size = size

    def read(
        self,
        index: int,
        rng: np.random.Generator,
        at_least: tuple[int, int] | None = None,
        number: int = 0,
    ) -> ImageArray:
        """A background, (H, W, 3) uint8.

        Args:
            index: the sample.
            rng: its draws.
            at_least: sides that are enough, as for `read_image`.
            number: 0 for the first background of the sample, 1 for the second.
        """
        if not self.files:
            return textured_background(rng, *self.size)
        zipped = self.pairing == "zip"
        chosen = (index + number) % len(self.files) if zipped else rng.integers(len(self.files))
        return read_image(self.files[chosen], at_least)


def background_files(source: Path) -> list[Path]:
    """Images of a folder, or those that a text file lists one a line.

    Raises:
        BgrError: the source is missing or empty.
    """
    if source.suffix != ".txt":
        return list_images(source)
    if not source.is_file():
        raise BgrError(f"no file {source}", "a list of images, one path a line")
    lines = source.read_text(encoding="utf-8").splitlines()
    files = [source.parent / line for line in lines if line.strip()]
    if not files:
        raise BgrError(f"no image is listed in {source}", "one path a line")
    return files
