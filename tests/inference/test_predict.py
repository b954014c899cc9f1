"""Pieces of `bgr predict`; the whole of it is tried in tests/cli."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgr.errors import BgrError
from bgr.inference.predict import covering, estimate_foreground, find_inputs, read_background


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
