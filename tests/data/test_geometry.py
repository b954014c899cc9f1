"""Random geometry: what belongs together moves together, and sizes and ranges hold."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bgr.data.geometry import AffineGeometry, Geometry, PortraitGeometry
from bgr.data.warps import covering, resized
from bgr.io.images import ImageArray, read_image

STILL = {"rotation": 0.0, "translate": 0.0, "shear": 0.0}


def disc(height: int, width: int) -> ImageArray:
    """Four channels that all show the same disc."""
    canvas = np.zeros((height, width), np.uint8)
    cv2.circle(canvas, (width // 2, height // 2), min(height, width) // 4, 255, -1, cv2.LINE_AA)
    return np.dstack([canvas] * 4)


@pytest.mark.parametrize(
    "geometry", [PortraitGeometry((64, 48), rotation=90), AffineGeometry((64, 48))]
)
def test_colours_and_matte_move_together(geometry: Geometry) -> None:
    rng = np.random.default_rng(0)
    for warp in (geometry.photo, geometry.person):
        for _ in range(20):
            made = warp(disc(100, 130), rng)
            assert made.shape == (64, 48, 4)
            assert all((made[..., c] == made[..., 3]).all() for c in range(3))
            assert made.max() > 128


@pytest.mark.parametrize(
    "geometry", [PortraitGeometry((64, 48), rotation=60), AffineGeometry((64, 48))]
)
def test_photos_and_backgrounds_have_no_border(geometry: Geometry) -> None:
    rng = np.random.default_rng(1)
    white = np.full((90, 70, 3), 255, np.uint8)
    for _ in range(30):
        assert geometry.photo(white, rng).min() == 255
        assert geometry.background(white, rng).min() == 255


def test_a_person_is_scaled_as_asked_and_stands_in_emptiness() -> None:
    geometry = AffineGeometry((80, 80), **STILL, person_scale=(0.25, 0.5))
    rng = np.random.default_rng(2)
    full = np.full((160, 160, 4), 255, np.uint8)
    shares = [float((geometry.person(full, rng)[..., 3] > 127).mean()) for _ in range(200)]
    assert 0.17**2 < min(shares) < 0.3**2
    assert 0.42**2 < max(shares) < 0.52**2


def test_a_person_cut_off_by_the_edge_of_the_file_has_no_dark_line() -> None:
    geometry = AffineGeometry((80, 80), rotation=20.0, translate=0.2, person_scale=(0.2, 0.9))
    rng = np.random.default_rng(3)
    white = np.full((200, 300, 4), 255, np.uint8)
    for _ in range(40):
        made = geometry.person(white, rng).astype(float)
        colours, alpha = made[..., :3], made[..., 3:] / 255
        assert (alpha * colours + (1 - alpha) * 255 > 254.9).all()


def test_at_scale_one_a_photo_is_what_covers_the_sample() -> None:
    geometry = AffineGeometry((40, 40), **STILL, background_scale=(1.0, 1.0))
    ramp = np.tile(np.linspace(0, 250, 120, dtype=np.uint8), (80, 1))
    photo = np.dstack([ramp, ramp, ramp])
    middle = covering(photo, 40, 40)
    rng = np.random.default_rng(3)
    for _ in range(6):
        made = geometry.photo(photo, rng)
        same = min(np.abs(made.astype(int) - other).mean() for other in (middle, middle[:, ::-1]))
        assert same < 2


def test_draws_repeat_with_their_seed() -> None:
    photo = np.random.default_rng(4).integers(0, 256, (90, 120, 4), np.uint8)
    for geometry in (PortraitGeometry((32, 32)), AffineGeometry((32, 32))):
        first = [geometry.person(photo, np.random.default_rng(s)) for s in (5, 6)]
        again = geometry.person(photo, np.random.default_rng(5))
        assert (first[0] == again).all()
        assert (first[0] != first[1]).any()


@pytest.mark.parametrize(
    "wrong", [{"person_scale": (0, 1)}, {"person_scale": (1, 0.5)}, {"shear": 90}]
)
def test_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        AffineGeometry((32, 32), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("height", [31, 64, 97])
def test_seven_channels_resize_like_their_parts(height: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 48, 7), np.uint8)
    together = resized(pixels, height, 40)
    apart = [resized(pixels[..., c : c + 1], height, 40) for c in range(7)]
    assert (together == np.concatenate(apart, axis=2)).all()


def test_covering_keeps_the_aspect() -> None:
    canvas = np.zeros((100, 300, 3), np.uint8)
    cv2.circle(canvas, (150, 50), 40, (255, 255, 255), -1)
    made = covering(canvas, 50, 50)[..., 0]
    assert abs(int((made > 127).any(axis=0).sum()) - int((made > 127).any(axis=1).sum())) <= 1


def test_a_jpeg_decoded_small_shows_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(0, 256, (20, 30, 3), np.uint8), (480, 320))
    Image.fromarray(scene).save(tmp_path / "a.jpg", quality=95)
    full = read_image(tmp_path / "a.jpg")
    half = read_image(tmp_path / "a.jpg", at_least=(150, 200))
    assert full.shape == (320, 480, 3)
    assert half.shape == (160, 240, 3)
    reference = np.asarray(Image.fromarray(full).resize((240, 160), Image.Resampling.BOX))
    assert np.abs(half.astype(int) - reference).mean() < 1
    assert read_image(tmp_path / "a.jpg", at_least=(161, 200)).shape == full.shape
