"""Pieces of `bgr predict`; the whole of it is tried in tests/cli."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bgr.errors import BgrError
from bgr.inference.predict import (
    covering,
    estimate_foreground,
    find_inputs,
    predict,
    read_background,
)
from bgr.models.background_matting import MattingRefine
from bgr.models.bgrsr_gan import BGRSRGenerator
from bgr.models.srgan import SRGenerator
from bgr.models.unet_gan import UNet
from bgr.systems.background_matting import BackgroundMattingSystem
from bgr.systems.base import MattingSystem
from bgr.systems.bgrsr_gan import BGRSRGANSystem
from bgr.systems.srgan import SRGANSystem
from bgr.systems.unet_gan import UNetGANSystem


def test_colour_or_file_as_background(tmp_path: Path) -> None:
    assert read_background("#ff8000").tolist() == [[[255, 128, 0]]]
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "b.png")
    assert read_background(str(tmp_path / "b.png")).shape == (3, 4, 3)


@pytest.mark.parametrize("text", ["#ff80", "#gg0000", "#ff800000"])
def test_bad_colours_are_refused(text: str) -> None:
    with pytest.raises(BgrError, match=text):
        read_background(text)


@pytest.mark.parametrize(("height", "width"), [(50, 200), (200, 50), (30, 40)])
def test_a_background_covers_without_distortion(height: int, width: int) -> None:
    """A circle in the middle stays a circle in the middle."""
    y, x = np.mgrid[:120, :160]
    circle = ((y - 59.5) ** 2 + (x - 79.5) ** 2 < 15**2).astype(np.uint8) * 255
    out = covering(np.dstack([circle] * 3), height, width)[..., 0] > 127
    assert out.shape == (height, width)
    rows, columns = np.nonzero(out)
    assert rows.mean() == pytest.approx((height - 1) / 2, abs=0.6)
    assert columns.mean() == pytest.approx((width - 1) / 2, abs=0.6)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_estimated_foreground_loses_the_old_background() -> None:
    """A red disc with a soft edge over green: the edge's colour is red again."""
    y, x = np.mgrid[:60, :60]
    alpha = np.clip((20 - np.hypot(y - 30, x - 30)) / 8 + 0.5, 0, 1)
    red, green = np.array([200.0, 20, 20]), np.array([10.0, 220, 10])
    image = (alpha[..., None] * red + (1 - alpha[..., None]) * green).round().astype(np.uint8)
    edge = (alpha > 0.3) & (alpha < 0.7)
    foreground = estimate_foreground(image, alpha)[edge] * 255
    assert np.abs(foreground - red).mean() < 15 < np.abs(image[edge] - red).mean()


def test_two_photos_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("me.jpg", "me.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with pytest.raises(BgrError, match=r"me\.jpg, me\.png"):
        find_inputs(tmp_path)


def photo(path: Path, size: tuple[int, int] = (50, 36)) -> Path:
    rng = np.random.default_rng(len(path.name))
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path)
    return path


def run(system: MattingSystem, folder: Path, given: dict[str, Path], background: bool) -> None:
    behind = read_background("#204060") if background else None
    inputs = [photo(folder / "in" / "a.png")]
    predict(system.eval(), (32, 48), inputs, folder / "out", behind, given, torch.device("cpu"))


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_super_resolution_doubles_the_photo(tmp_path: Path) -> None:
    run(SRGANSystem(SRGenerator(1), nn.Identity(), {}, {}), tmp_path, {}, background=False)
    assert size(tmp_path / "out" / "image" / "a.png") == (100, 72)


def test_replacement_needs_a_background_and_doubles_the_size(tmp_path: Path) -> None:
    system = BGRSRGANSystem(BGRSRGenerator(1), nn.Identity(), {}, {})
    with pytest.raises(BgrError, match="target_background=<file"):
        run(system, tmp_path, {}, background=False)
    run(system, tmp_path, {}, background=True)
    assert size(tmp_path / "out" / "composite" / "a.png") == (96, 64)


def test_captured_background_of_one_file_or_of_each_photo(tmp_path: Path) -> None:
    system = BackgroundMattingSystem(MattingRefine("mobilenetv2"), {"alpha": 1.0})
    with pytest.raises(
        BgrError, match=r"needs captured_background(.|\n)*captured_background=<file"
    ):
        run(system, tmp_path, {}, background=False)
    room = photo(tmp_path / "rooms" / "a.jpg", (20, 20))
    for source in (room, room.parent):
        run(system, tmp_path, {"captured_background": source}, background=True)
        for kind in ("alpha", "cutout", "composite"):
            assert size(tmp_path / "out" / kind / "a.png") == (50, 36)
    room.rename(room.with_name("b.jpg"))
    with pytest.raises(BgrError, match="no captured_background for"):
        run(system, tmp_path, {"captured_background": room.parent}, background=True)


def test_trimap_of_a_photo(tmp_path: Path) -> None:
    system = UNetGANSystem(UNet(), nn.Identity(), {}, {})
    trimap = np.full((36, 50), 128, np.uint8)
    Image.fromarray(trimap).save(tmp_path / "trimap.png")
    run(system, tmp_path, {"trimap": tmp_path / "trimap.png"}, background=False)
    assert size(tmp_path / "out" / "alpha" / "a.png") == (50, 36)
