"""Reading and writing images as RGB uint8 arrays.

Photos of any kind that Pillow opens (grey, palette, CMYK, 16-bit, with transparency) come out as 8-bit
RGB, upright according to their EXIF orientation. 16-bit values are scaled by 255 / 65535.

Plain JPEGs are decoded by OpenCV, which gives the same pixels as Pillow in half the time and can decode
at a half, a quarter or an eighth of the size in less still.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bgr.errors import BgrError
from bgr.io.files import atomic_write

ImageArray = NDArray[np.uint8]

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_TRANSPOSED_ORIENTATIONS = (5, 6, 7, 8)
_ORIENTATION_TAG = 0x0112
DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
_END_OF_JPEG = b"\xff\xd9"
# OpenCV's flags for a reduced size in RGB order are those of grey with the bit of RGB added.
_REDUCED_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def read_image(path: Path, at_least: tuple[int, int] | None = None) -> ImageArray:
    """Read a photo as (H, W, 3) uint8 RGB.

    Args:
        path: the file.
        at_least: height and width that are enough: a JPEG is decoded at a half, a quarter or an eighth
            of its sides where neither gets smaller than this and both divide evenly. Other formats, and
            None, give full size.

    Raises:
        BgrError: the file is missing, empty, damaged, or not an image.
    """
    with _Opened(path) as file:
        fast = _decode_jpeg(file, path, cv2.IMREAD_COLOR_RGB, at_least)
        if fast is not None:
            return fast
        return np.asarray(_eight_bit(ImageOps.exif_transpose(file)).convert("RGB"))


def read_rgba(path: Path) -> tuple[ImageArray, ImageArray]:
    """Read a cut-out as colours (H, W, 3) and alpha (H, W), uint8, not premultiplied.

    Raises:
        BgrError: the file cannot be read or has no alpha channel.
    """
    with _Opened(path) as file:
        if not _has_alpha(file):
            raise BgrError(
                f"{path} has no alpha channel (mode {file.mode})",
                "an RGBA image",
                "put photos into image/ and their mattes into alpha/ if they are separate files",
            )
        pixels = np.asarray(ImageOps.exif_transpose(file).convert("RGBA"))
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])


def read_alpha(path: Path, at_least: tuple[int, int] | None = None) -> ImageArray:
    """Read a matte or mask as (H, W) uint8, 255 where the person is.

    The matte is the alpha channel of an image that has one which is not opaque everywhere (the
    AISegment layout), else the luminance.

    Args:
        path: the file.
        at_least: as for `read_image`.

    Raises:
        BgrError: the file cannot be read, or holds class labels 0 and 1 instead of 0 to 255.
    """
    with _Opened(path) as file:
        alpha = _decode_jpeg(file, path, 0, at_least)
        if alpha is None:
            upright = ImageOps.exif_transpose(file)
            if _has_alpha(upright):
                alpha = np.asarray(upright.convert("RGBA"))[..., 3]
            if alpha is None or alpha.min() == 255:
                alpha = np.asarray(_eight_bit(upright).convert("L"))
    if alpha.max() == 1:
        raise BgrError(
            f"{path} holds the values 0 and 1",
            "a matte from 0 (background) to 255 (person)",
            "multiply the mask by 255 before saving it",
        )
    return np.ascontiguousarray(alpha)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as `read_image` returns it, from the header alone.

    Raises:
        BgrError: the file is missing, empty, or not an image.
    """
    with _Opened(path) as file:
        width, height = file.size
        turned = Image.Image.getexif(file).get(_ORIENTATION_TAG) in _TRANSPOSED_ORIENTATIONS
    return (width, height) if turned else (height, width)


def has_alpha(path: Path) -> bool:
    """Whether an image can hold a matte of its own, from the header alone.

    Raises:
        BgrError: the file is missing, empty, or not an image.
    """
    with _Opened(path) as file:
        return _has_alpha(file)


def write_image(path: Path, pixels: ImageArray, quality: int = 95) -> None:
    """Write (H, W), (H, W, 3) or (H, W, 4) uint8 atomically; the suffix chooses the format.

    Args:
        path: the file.
        pixels: what to write.
        quality: of JPEG and WebP, 1 to 100; other formats lose nothing.

    Raises:
        BgrError: the disk is full or the folder is not writable.
    """
    format = Image.registered_extensions()[path.suffix.lower()]
    with atomic_write(path) as temporary:
        Image.fromarray(pixels).save(temporary, format=format, quality=quality)


def to_uint8(x: NDArray[np.floating[Any]]) -> ImageArray:
    """Round [0, 1] to 0..255; values outside are clipped. Rounding, not truncation."""
    return (x * 255).round().clip(0, 255).astype(np.uint8)


def encode_png(pixels: ImageArray) -> bytes:
    """PNG file contents of (H, W, 3) uint8 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


class _Opened:
    """Open an image and turn every way it can fail into one message that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Image.Image:
        try:
            self.file = Image.open(self.path)
        except FileNotFoundError as error:
            raise BgrError(f"no file {self.path}", fix="check the path") from error
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise self._damaged(error) from error
        return self.file

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.file.close()
        if isinstance(error, DECODING_ERRORS):
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BgrError:
        empty = self.path.is_file() and self.path.stat().st_size == 0
        reason = "the file is empty" if empty else str(error).replace(f" '{self.path}'", "")
        return BgrError(
            f"cannot read {self.path}: {reason}",
            "an undamaged image",
            "restore or remove the file (and its partner of the same name)",
        )


def _decode_jpeg(
    file: Image.Image, path: Path, colour: int, at_least: tuple[int, int] | None
) -> ImageArray | None:
    """Decode a plain JPEG; None where Pillow has to: other formats and modes, turned or cut short.

    OpenCV fills the missing part of a file cut short with grey, so only files that end as a JPEG must
    are given to it.
    """
    modes = ("RGB",) if colour else ("RGB", "L")  # the luminance is a channel of the file's own
    if file.format != "JPEG" or file.mode not in modes:
        return None
    if file.getexif().get(_ORIENTATION_TAG, 1) != 1:
        return None
    contents = path.read_bytes()
    if not contents.endswith(_END_OF_JPEG):
        return None
    width, height = file.size
    scale = 1
    while at_least is not None and scale < 8:
        across, over = divmod(width, 2 * scale)
        down, below = divmod(height, 2 * scale)
        if down < at_least[0] or across < at_least[1] or over or below:  # a rest would shift it
            break
        scale *= 2
    reading = _REDUCED_GREY[scale] | colour | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(contents, np.uint8), reading)
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _has_alpha(file: Image.Image) -> bool:
    return file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info


def _eight_bit(file: Image.Image) -> Image.Image:
    """Scale 16-bit grey values to 8 bits; Pillow's own conversion would clip them."""
    if file.mode in _SIXTEEN_BIT:
        values = np.asarray(file).astype(np.float64)
        return Image.fromarray(to_uint8(values / 65535))
    return file
