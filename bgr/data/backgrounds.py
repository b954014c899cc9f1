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
        count: int,
        at_least: tuple[int, int] | None = None,
    ) -> list[ImageArray]:
        """Different backgrounds of a sample, (H, W, 3) uint8 each.

        Args:
            index: the sample.
            rng: its draws.
            count: how many, 1 or 2; of a pool with a single file, both are the same.
            at_least: sides that are enough, as for `read_image`.
        """
        if not self.files:
            return [textured_background(rng, *self.size) for _ in range(count)]
        size = len(self.files)
        zipped = self.pairing == "zip"
        chosen = [index % size if zipped else int(rng.integers(size))]
        if count == 2:
            step = 1 if zipped or size == 1 else 1 + int(rng.integers(size - 1))
            chosen.append((chosen[0] + step) % size)
        return [read_image(self.files[number], at_least) for number in chosen]


def background_files(source: Path) -> list[Path]:
    """Images of a folder, or those that a text file lists one a line.

    Raises:
        BgrError: the source is missing or empty.
    """
    if source.suffix != ".txt" and source.is_dir():
        return list_images(source)
    if not source.is_file():
        raise BgrError(
            f"no {source}",
            "a folder of images, or a .txt file that lists them",
            "check the backgrounds",
        )
    lines = source.read_text(encoding="utf-8").splitlines()
    files = [source.parent / line for line in lines if line.strip()]
    if not files:
        raise BgrError(f"no image is listed in {source}", "one path a line")
    return files
