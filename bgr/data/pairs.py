"""Photos or cut-outs with their mattes, as lists of files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, overload

from bgr.errors import BgrError
from bgr.io.files import list_images
from bgr.io.images import image_size
from bgr.io.manifest import Manifest


class Pair(NamedTuple):
    """A photo or foreground and its matte.

    Attributes:
        image: the file, which may have the matte as its alpha channel.
        alpha: matte of the same size; None where it is the image's own alpha channel.
        trimap: trimap of the same size; None where it is derived from the matte.
    """

    image: Path
    alpha: Path | None
    trimap: Path | None = None


class ManifestPairs(Sequence[Pair]):
    """The samples of a manifest as pairs, made as they are asked for.

    Args:
        manifest: rows with `image` or `foreground`, and with `alpha` and `trimap` where there are any.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.root = manifest.path.parent

    def __len__(self) -> int:
        return len(self.manifest)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = self.manifest[index]
        alpha, trimap = (self.root / row[k] if k in row else None for k in ("alpha", "trimap"))
        return Pair(
            self.root / row["foreground" if "foreground" in row else "image"], alpha, trimap
        )


def paired_by_stem(images: Sequence[Path], mattes: Path) -> list[Pair]:
    """Images with the mattes of the same stem in a folder, in the order of the images.

    Raises:
        BgrError: the folder holds no image, or an image has no matte.
    """
    by_stem = {path.stem: path for path in list_images(mattes)}
    missing = [image.name for image in images if image.stem not in by_stem]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise BgrError(
            f"{len(missing)} of {len(images)} photos in {images[0].parent} have no matte: {shown}",
            f"a file of the same stem in {mattes}",
            "add the mattes or remove these photos",
        )
    return [Pair(image, by_stem[image.stem]) for image in images]


def check_sizes(image: Path, matte: Path) -> None:
    """Raise BgrError when a photo and its matte differ in size, by their headers."""
    height, width = image_size(image)
    matte_height, matte_width = image_size(matte)
    if (height, width) != (matte_height, matte_width):
        raise BgrError(
            f"{matte} is {matte_width}x{matte_height}, {image} is {width}x{height} (WxH)",
            "a matte of the same size as its photo, after EXIF rotation",
            "export the matte again at the photo's size, or remove the pair",
        )


def check_headers(pairs: Sequence[Pair]) -> None:
    """Check every file's header at start, so that bad data fails before training does.

    Raises:
        BgrError: a file is empty or not an image, or sizes differ.
    """
    for pair in pairs:
        if pair.alpha is None:
            image_size(pair.image)
        else:
            check_sizes(pair.image, pair.alpha)
