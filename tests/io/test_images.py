"""Photos of every kind a camera or an editor writes, and damaged ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgr.errors import BgrError
from bgr.io.files import atomic_write, make_folder
from bgr.io.images import image_size, read_alpha, read_image, read_rgba, write_image

RED = (200, 40, 30)


def photo(height: int = 6, width: int = 9) -> Image.Image:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2] = RED
    return Image.fromarray(pixels)


def test_palette_greyscale_cmyk_and_transparent_photos_become_rgb(tmp_path: Path) -> None:
    photo().quantize(8).save(tmp_path / "palette.png")
    photo().convert("RGBA").save(tmp_path / "rgba.png")
    photo().convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    photo().convert("L").save(tmp_path / "grey.png")
    for name, tolerance in (("palette.png", 2), ("rgba.png", 0), ("cmyk.jpg", 6)):
        pixels = read_image(tmp_path / name)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels[1, 4].astype(int) - RED).max() <= tolerance, name
    grey = read_image(tmp_path / "grey.png")
    assert grey.shape == (6, 9, 3)
    assert (grey[..., 0] == grey[..., 2]).all()


def test_sixteen_bit_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 1, 128, 255]
    assert read_alpha(tmp_path / "deep.png")[0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo().save(tmp_path / "turned.png", exif=exif)
    upright = read_image(tmp_path / "turned.png")
    turned = orientation >= 5
    assert upright.shape == ((9, 6, 3) if turned else (6, 9, 3))
    assert image_size(tmp_path / "turned.png") == upright.shape[:2]
    # The red half: top, bottom, left or right, by the EXIF standard.
    halves = {
        "top": upright[0, 2],
        "bottom": upright[-1, 2],
        "left": upright[4, 0],
        "right": upright[4, -1],
    }
    where = ["top", "top", "bottom", "bottom", "left", "right", "right", "left"][orientation - 1]
    assert tuple(halves[where]) == RED


def test_alpha_comes_from_the_alpha_channel_or_the_luminance(tmp_path: Path) -> None:
    alpha = np.arange(48, dtype=np.uint8).reshape(6, 8)
    rgba = np.dstack([np.zeros((6, 8, 3), np.uint8), alpha])
    Image.fromarray(rgba).save(tmp_path / "aisegment.png")
    grey = np.dstack([alpha, alpha, alpha, np.full_like(alpha, 255)])
    Image.fromarray(grey).save(tmp_path / "opaque.png")
    Image.fromarray(alpha > 20).save(tmp_path / "one_bit.png")
    assert (read_alpha(tmp_path / "aisegment.png") == alpha).all()
    assert (read_alpha(tmp_path / "opaque.png") == alpha).all()
    assert set(np.unique(read_alpha(tmp_path / "one_bit.png"))) == {0, 255}
    assert (read_rgba(tmp_path / "aisegment.png")[1] == alpha).all()


def test_class_labels_are_not_taken_for_a_matte(tmp_path: Path) -> None:
    Image.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / "labels.png")
    with pytest.raises(BgrError, match=r"labels\.png holds the values 0 and 1(.|\n)*multiply"):
        read_alpha(tmp_path / "labels.png")


def damaged(folder: Path) -> dict[str, Path]:
    photo(400, 400).save(folder / "whole.jpg")
    content = (folder / "whole.jpg").read_bytes()
    files = {"empty.jpg": b"", "truncated.jpg": content[: len(content) // 2], "text.png": b"hello"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


@pytest.mark.parametrize("name", ["empty.jpg", "truncated.jpg", "text.png", "absent.png"])
def test_unreadable_files_are_named(tmp_path: Path, name: str) -> None:
    damaged(tmp_path)
    with pytest.raises(BgrError, match=name):
        read_image(tmp_path / name)


def test_cutout_without_alpha_says_what_to_do(tmp_path: Path) -> None:
    photo().save(tmp_path / "opaque.png")
    with pytest.raises(BgrError, match=r"opaque\.png has no alpha channel(.|\n)*image/"):
        read_rgba(tmp_path / "opaque.png")


def test_written_image_is_read_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    write_image(tmp_path / "a.png", pixels)
    colours, alpha = read_rgba(tmp_path / "a.png")
    assert (np.dstack([colours, alpha]) == pixels).all()


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BgrError, match="cannot write"):
        make_folder(tmp_path / "file" / "folder")
