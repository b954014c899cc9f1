"""Photos or cut-outs with their mattes, as lists of files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bgr.errors import BgrError
from bgr.io.files import list_images
from bgr.io.images import image_size
from bgr.io.lazy import LazySequence
from bgr.io.manifest import Manifest


class Pair(NamedTuple):
    """A photo or foreground and its matte.

    Attributes:
        image: the file, which may have the matte as its alpha channel.
        alpha: matte of the same size; None where it is the image's own alpha channel.
        trimap: trimap of the same size; None where it is derived from the matte.
        captured_background: the empty room of the photo, of the same size; None where there is none.
    """

    image: Path
    alpha: Path | None
    trimap: Path | None = None
    captured_background: Path | None = None


def image_name(pair: Pair) -> str:
    """What a pair is known by in a seeded split."""
    return pair.image.name


class ManifestPairs(LazySequence[Pair]):
    """The samples of a manifest as pairs, made as they are asked for.

    Args:
        manifest: rows with `image` or `foreground`, and with `alpha`, `trimap` and
            `captured_background` where there are any.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.root = manifest.path.parent
        self.cutouts = bool(len(manifest)) and "foreground" in manifest[0]

    def __len__(self) -> int:
        return len(self.manifest)

    def make(self, index: int) -> Pair:
        row = self.manifest[index]
        keys = ("alpha", "trimap", "captured_background")
        others = (self.root / row[key] if key in row else None for key in keys)
        return Pair(self.manifest.file(row, "foreground", "image"), *others)


def paired_by_stem(
    images: Sequence[Path], mattes: Path, captured: Path | None = None
) -> list[Pair]:
    """Images with the mattes (and captured backgrounds) of the same stem, in the order of the images.

    Raises:
        BgrError: a folder holds no image, or an image has no partner in it.
    """
    alphas = partners(images, mattes, "matte")
    rooms = [None] * len(images) if captured is None else partners(images, captured, "background")
    return [
        Pair(image, alpha, captured_background=room)
        for image, alpha, room in zip(images, alphas, rooms, strict=True)
    ]


def partners(images: Sequence[Path], folder: Path, what: str) -> list[Path]:
    """Files of a folder with the stems of some images, in the order of the images.

    Raises:
        BgrError: the folder holds no image, or an image has no partner in it.
    """
    by_stem = {path.stem: path for path in list_images(folder)}
    missing = [image.name for image in images if image.stem not in by_stem]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise BgrError(
            f"{len(missing)} of {len(images)} photos in {images[0].parent} have no {what}: {shown}",
            f"a file of the same stem in {folder}",
            f"add the {what}s or remove these photos",
        )
    return [by_stem[image.stem] for image in images]


def check_sizes(image: Path, other: Path) -> None:
    """Raise BgrError when a photo and what belongs to it differ in size, by their headers."""
    height, width = image_size(image)
    other_height, other_width = image_size(other)
    if (height, width) != (other_height, other_width):
        raise BgrError(
            f"{other} is {other_width}x{other_height}, {image} is {width}x{height} (WxH)",
            "files of the same size as their photo, after EXIF rotation",
            "export it again at the photo's size, or remove both",
        )


def check_headers(pairs: Sequence[Pair]) -> None:
    """Check every file's header at start, so that bad data fails before training does.

    Raises:
        BgrError: a file is empty or not an image, or sizes differ.
    """
    for pair in pairs:
        for other in pair[1:]:
            if other is not None:
                check_sizes(pair.image, other)
        if pair.alpha is None:
            image_size(pair.image)
