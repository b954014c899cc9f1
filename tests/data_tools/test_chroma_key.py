"""Keying against composites whose matte and foreground are known, and against the real stills."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bgr.errors import BgrError
from bgr.io.images import ImageArray, read_alpha, read_image, write_image
from bgr.io.manifest import Manifest
from data_tools.chroma_key import main
from data_tools.keying import Settings, difference_key, key_colour, paper_alpha

SCREENS = {"green": (40, 180, 60), "blue": (30, 60, 200), "yellow-green": (190, 195, 15)}
SIZE = (120, 160)


def person(softness: float = 2.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matte (head and shoulders, soft edge) and colours (skin over dark cloth) in [0, 1]."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width]
    head = 26 - np.hypot(x - 80, y - 45)
    body = 45 - np.hypot(x - 80, (y - 120) * 1.1)
    alpha = (np.maximum(head, body) / softness + 0.5).clip(0, 1)
    skin, cloth = np.array([0.78, 0.58, 0.48]), np.array([0.12, 0.12, 0.15])
    return alpha, np.where((y < 76)[..., None], skin, cloth)


def composite(
    screen: tuple[int, int, int], uneven: float = 0.0, noise: float = 0.0, softness: float = 2.0
) -> tuple[ImageArray, NDArray[np.float64], NDArray[np.float64]]:
    """Picture, its matte and its foreground; the screen gets darker from right to left."""
    alpha, colours = person(softness)
    light = np.linspace(1 - uneven, 1, SIZE[1])[None, :, None]
    mixed = alpha[..., None] * colours + (1 - alpha[..., None]) * np.array(screen) / 255 * light
    mixed += np.random.default_rng(0).normal(0, noise, mixed.shape) if noise else 0
    return (mixed * 255).round().clip(0, 255).astype(np.uint8), alpha, colours


def mean_difference(pred: ImageArray, true: NDArray[np.float64]) -> float:
    """MAD x 1000."""
    return float(1000 * np.abs(pred / 255 - true).mean())


def overlap(pred: ImageArray, true: NDArray[np.float64]) -> float:
    """Intersection over union of alpha >= 0.5."""
    p, t = pred >= 127.5, true >= 0.5
    return float((p & t).sum() / (p | t).sum())


def rejected(output: Path) -> list[list[str]]:
    with open(output / "skipped.csv", newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize(
    ("uneven", "noise", "bound"), [(0.0, 0.0, 1.0), (0.4, 0.0, 2.0), (0.4, 0.012, 5.0)]
)
def test_matte_and_foreground_of_a_composite(
    screen: tuple[int, int, int], uneven: float, noise: float, bound: float
) -> None:
    picture, true, colours = composite(screen, uneven, noise)
    key = key_colour([picture])
    assert key is not None
    alpha, foreground = difference_key(picture, key, Settings())
    assert mean_difference(alpha, true) < bound
    seen = alpha > 25
    assert np.abs(foreground / 255 - colours)[seen].mean() < 0.05
    # No cast: on the subject, the screen's channels stand out no more than in the true colours.
    strong = np.array(screen) > max(screen) / 2
    excess = foreground[..., strong].min(-1) / 255 - foreground[..., ~strong].max(-1) / 255
    true_excess = colours[..., strong].min(-1) - colours[..., ~strong].max(-1)
    assert np.percentile((excess - true_excess)[seen], 99) < 0.08


def test_exact_composite_of_a_plain_subject_is_recovered() -> None:
    true, _ = person(softness=4)
    screen = np.array(SCREENS["green"])
    picture = (true[..., None] * (150, 120, 110) + (1 - true[..., None]) * screen).round()
    picture = picture.astype(np.uint8)
    alpha, foreground = difference_key(picture, SCREENS["green"], Settings(edge=0.1))
    error = np.abs(alpha / 255 - true)
    assert error.max() < 0.1  # the faintest ends of an edge count as screen or subject
    assert error[(alpha > 0) & (alpha < 255)].max() < 0.05
    assert np.abs(foreground[alpha > 25].astype(int) - (150, 120, 110)).mean() < 2
    assert mean_difference(alpha, true) < mean_difference(paper_alpha(picture), true) / 5


def test_shadow_on_the_screen_is_screen() -> None:
    picture, true, _ = composite(SCREENS["green"])
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    shadow = 1 - 0.5 * np.exp(-(((x - 25) / 12.0) ** 2) - ((y - 60) / 20.0) ** 2)
    picture = np.where((true == 0)[..., None], picture * shadow[..., None], picture).astype(
        np.uint8
    )
    alpha, _ = difference_key(picture, SCREENS["green"], Settings())
    assert alpha[40:80, 10:45].max() == 0


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_key_is_found(screen: tuple[int, int, int]) -> None:
    picture, _, _ = composite(screen, noise=0.01)
    assert np.abs(np.array(key_colour([picture])) - screen).max() <= 3


@pytest.mark.parametrize(
    "colour", [(128, 128, 128), (190, 140, 110), (200, 40, 30), (150, 185, 210)]
)
def test_grey_skin_red_and_pale_sky_are_no_screen(colour: tuple[int, int, int]) -> None:
    assert key_colour([np.full((40, 40, 3), colour, np.uint8)]) is None


def test_paper_method_is_range_and_median() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    pixels[8:30, 10:40] = pixels[8:30, 10:40] // 8 + np.array([20, 180, 40], np.uint8)
    rgb = pixels.astype(np.float64)
    value, span = rgb.max(-1), np.ptp(rgb, axis=-1)
    r, g, b = np.moveaxis(rgb, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        saturation = np.where(value > 0, 255 * span / value, 0)
        sector = np.where(value == r, (g - b) / span, np.where(value == g, 2 + (b - r) / span, 0))
        sector = np.where((value == b) & (value > r) & (value > g), 4 + (r - g) / span, sector)
    hue = np.nan_to_num(sector * 30 % 180)
    green = (hue.round() >= 50) & (hue.round() <= 90) & (saturation.round() >= 80) & (value >= 80)
    close = (np.abs(hue - 49.5) < 0.1) | (np.abs(hue - 90.5) < 0.1)  # 8-bit rounding decides
    close |= np.abs(saturation - 79.5) < 0.1
    windows, doubtful = (
        sliding_window_view(np.pad(mask, 3, mode="edge"), (7, 7)) for mask in (~green, close)
    )
    sure = ~doubtful.any((2, 3))
    assert sure.mean() > 0.8
    median = np.median(windows, axis=(2, 3)) > 0.5
    assert 0.1 < median[sure].mean() < 0.9
    np.testing.assert_array_equal(paper_alpha(pixels)[sure], 255 * median[sure])


def test_stills_clips_and_pictures_without_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    picture, true, _ = composite(SCREENS["green"])
    write_image(source / "still.png", picture)
    write_image(source / "street.png", (person()[1] * 255).astype(np.uint8))
    write_image(source / "wall.png", np.full((*SIZE, 3), SCREENS["blue"], np.uint8))
    blue = composite(SCREENS["blue"])[0]
    code = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(source / "clip.avi"), code, 25, SIZE[::-1])
    for _ in range(7):
        writer.write(cv2.cvtColor(blue, cv2.COLOR_RGB2BGR))
    writer.release()
    arguments = [str(source), str(output), "--every", "3", "--workers", "1"]
    main([*arguments, "--dry-run"])
    assert not output.exists()
    main(arguments)
    rows = list(Manifest(output))
    names = ["clip_00000", "clip_00003", "clip_00006", "still"]
    assert [row["name"] for row in rows] == names
    assert [row["group"] for row in rows] == ["clip", "clip", "clip", "still"]
    for row in rows:
        assert row["foreground"] == f"foreground/{row['name']}.png"
        assert read_image(output / row["foreground"]).shape == (*SIZE, 3)
        bound = 1 if row["name"] == "still" else 9  # the clip's colours have half the resolution
        assert mean_difference(read_alpha(output / row["alpha"]), true) < bound
    assert rejected(output) == [
        ["street", "no green or blue screen along the borders"],
        ["wall", "nothing before the screen"],
    ]
    assert read_image(output / "contact_sheet.jpg").shape[0] > 160

    made = {p: p.stat().st_mtime_ns for p in output.glob("*/*.png")}
    capsys.readouterr()
    main(arguments)
    assert "6 items were done before" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in output.glob("*/*.png")} == made


def test_workers_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, screen in SCREENS.items():
        write_image(tmp_path / "in" / f"{name}.png", composite(screen, 0.3, 0.01)[0])
    for workers in ("1", "2"):
        main([str(tmp_path / "in"), str(tmp_path / workers), "--workers", workers])
    for path in (tmp_path / "1").glob("*/*.png"):
        assert path.read_bytes() == (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes()


def test_settings_of_one_file(tmp_path: Path) -> None:
    source, settings = tmp_path / "in", tmp_path / "settings.yaml"
    source.mkdir()
    picture, true, _ = composite(SCREENS["green"])
    picture[:60, :20] = (200, 30, 30)  # a lamp beside the screen
    for name in ("a", "b"):
        write_image(source / f"{name}.png", picture)
    settings.write_text("a:\n  garbage: [[30, 0], [159, 0], [159, 119], [30, 119]]\n")
    main([str(source), str(tmp_path / "out"), "--settings", str(settings), "--workers", "1"])
    a, b = (read_alpha(tmp_path / "out" / "alpha" / f"{name}.png") for name in "ab")
    assert a[:50, :15].max() == 0
    assert b[:50, :15].min() == 255
    assert np.abs(a / 255 - true)[:, 30:].mean() < 0.002
    settings.write_text("a:\n  despill: 0.5\n")
    with pytest.raises(BgrError, match="the same options as before"):
        main([str(source), str(tmp_path / "out"), "--settings", str(settings)])


def test_key_of_the_command_line_and_of_the_settings(tmp_path: Path) -> None:
    washed = (120, 160, 125)  # too pale to be found
    write_image(tmp_path / "a.png", composite(washed)[0])
    true = person()[0]
    with pytest.raises(BgrError, match="none of 1 items gave a sample"):
        main([str(tmp_path / "a.png"), str(tmp_path / "found"), "--workers", "1"])
    assert rejected(tmp_path / "found")[0][0] == "a"
    (tmp_path / "s.yaml").write_text("a: {key: [120, 160, 125]}")
    key, settings = ["--key", "120,160,125"], ["--settings", str(tmp_path / "s.yaml")]
    for name, options in (("named", key), ("set", settings)):
        main([str(tmp_path / "a.png"), str(tmp_path / name), *options, "--workers", "1"])
        assert mean_difference(read_alpha(tmp_path / name / "alpha" / "a.png"), true) < 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {inward: 0.2}", "unknown setting.*inward(.|\n)*to mend:  inner"),
        ("stil: {inner: 0.2}", "unknown file.*stil(.|\n)*to mend:  still"),
        ("still: {inner: wide}", "wide"),
        ("still: {inner: 0.9}", "inner < outer"),
        ("still: {key: [1, 2]}", "three values"),
        ("still: {garbage: [[0, 0], [9, 9]]}", "three or more points"),
        ("still: 3", "settings by file name"),
        ("[1, 2]", "settings by file name"),
        ("still: [", "cannot read"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, message: str) -> None:
    write_image(tmp_path / "still.png", composite(SCREENS["green"])[0])
    (tmp_path / "s.yaml").write_text(text.replace("a:", "still:"))
    with pytest.raises(BgrError, match=message):
        main([str(tmp_path / "still.png"), str(tmp_path / "o"), "--settings", f"{tmp_path}/s.yaml"])


def test_damaged_clip_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    write_image(tmp_path / "in" / "still.png", composite(SCREENS["green"])[0])
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--workers", "1"]
    with pytest.raises(BgrError, match="broken"):
        main(arguments)
    main([*arguments, "--on-error", "skip"])
    assert "1 samples, 0 items skipped, 1 damaged" in capsys.readouterr().out


@pytest.mark.real
def test_default_is_better_than_the_paper_on_real_stills(real_data: Path) -> None:
    mattes = sorted((real_data / "greenscreen" / "pha").glob("*.png"))
    assert mattes
    for path in mattes:
        picture, true = read_image(real_data / "greenscreen" / path.name), read_alpha(path) / 255
        key = key_colour([picture])
        assert key is not None
        alpha, paper = difference_key(picture, key, Settings())[0], paper_alpha(picture)
        assert mean_difference(alpha, true) < min(8, mean_difference(paper, true))
        assert overlap(alpha, true) > max(0.97, overlap(paper, true))


@pytest.mark.real
@pytest.mark.parametrize("screen", ["green", "blue"])
def test_default_is_better_than_the_paper_on_fur(screen: str, real_data: Path) -> None:
    """A true matte over a screen that is lit unevenly and noisy."""
    folder = real_data / "trimap_matting"
    true = read_alpha(folder / "alpha" / "lemur.png") / 255
    colours = read_image(folder / "foreground" / "lemur.png")
    height, width = true.shape
    light = np.linspace(0.7, 1.15, width)[None, :] * np.linspace(1, 0.85, height)[:, None]
    lit = light[..., None] * SCREENS[screen]
    noise = np.random.default_rng(0).normal(0, 3, colours.shape)
    picture = true[..., None] * colours + (1 - true[..., None]) * lit + noise
    picture = picture.clip(0, 255).astype(np.uint8)
    key = key_colour([picture])
    assert key is not None
    alpha, paper = difference_key(picture, key, Settings())[0], paper_alpha(picture)
    assert mean_difference(alpha, true) < min(7, mean_difference(paper, true))
    assert overlap(alpha, true) > max(0.99, overlap(paper, true))
