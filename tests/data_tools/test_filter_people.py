"""`python -m data_tools filter_people`, with a small detector trained here from scratch.

The detector's people are red figures; blue figures of the same shape are none. A tool that confused the
order of the channels would take the ones for the others.
"""

import csv
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bgr.errors import BgrError
from bgr.io.images import read_image, write_image
from bgr.io.manifest import Manifest
from data_tools.filter_people import class_ids, decide, find_weights, main, write_lists
from tests.conftest import REPOSITORY

SIDE = 96
RED, BLUE = (210, 40, 40), (40, 40, 210)
NAMES = {0: "person", 1: "bicycle", 2: "car"}


def scene(rng: np.random.Generator, *figures: tuple[int, int, int]) -> tuple[NDArray, list]:
    """A textured picture with figures, and their boxes (centre x, y, width, height; 0 to 1)."""
    coarse = rng.integers(40, 216, (6, 6, 3), np.uint8)
    pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    boxes = []
    for index, colour in enumerate(figures):
        width = int(rng.integers(16, 26))
        height = 2 * width
        left = int(rng.integers(0, SIDE // 2 - width)) + index * SIDE // 2
        top = int(rng.integers(0, SIDE - height))
        head = (left + width // 2, top + width // 3)
        cv2.circle(pixels, head, width // 3, colour, -1)
        cv2.ellipse(
            pixels, (head[0], top + height), (width // 2, height * 2 // 3), 0, 180, 360, colour, -1
        )
        centre = ((left + width / 2) / SIDE, (top + height / 2) / SIDE)
        boxes.append((*centre, width / SIDE, height / SIDE))
    noisy = pixels + rng.normal(0, 8, pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8), boxes


def kinds(count: int) -> list[tuple[tuple[int, int, int], ...]]:
    """As many pictures with a person as without, with and without blue figures."""
    return [
        ((RED,), (BLUE,), (RED, BLUE), (), (BLUE, RED), (BLUE, BLUE))[i % 6] for i in range(count)
    ]


@pytest.fixture(scope="module")
def yolo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """ultralytics, with settings of its own in place of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("settings")))
        patch.setenv("YOLO_OFFLINE", "true")
        patch.setenv("YOLO_VERBOSE", "false")
        patch.setenv("ULTRALYTICS_SAFE_LOAD", "1")
        threads = torch.get_num_threads()
        pytest.importorskip("ultralytics", reason="needs the extra bgr[curate]")
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights(yolo: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of red figures, trained from random weights."""
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for index, figures in enumerate(kinds(240)):
        pixels, boxes = scene(rng, *figures)
        write_image(folder / "images" / f"{index:03}.png", pixels)
        people = [box for box, colour in zip(boxes, figures, strict=True) if colour == RED]
        lines = [" ".join(map(str, (0, *box))) for box in people]
        (folder / "labels" / f"{index:03}.txt").write_text("\n".join(lines))
    data = folder / "data.yaml"
    data.write_text(f"path: {folder}\ntrain: images\nval: images\nnames: {{0: person}}\n")
    YOLO("yolo11n.yaml").train(
        data=str(data),
        epochs=12,
        imgsz=SIDE,
        batch=16,
        device="cpu",
        workers=0,
        seed=0,
        optimizer="AdamW",
        lr0=0.002,
        warmup_epochs=1,
        mosaic=0,
        hsv_h=0,
        amp=False,
        val=False,
        plots=False,
        pretrained=False,
        verbose=False,
        project=str(folder),
        name="run",
    )
    return folder / "run" / "weights" / "last.pt"


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, dict[str, bool]]:
    """A folder of 60 pictures that the detector has not seen, and which show a person."""
    rng = np.random.default_rng(5)
    truth = {}
    for index, figures in enumerate(kinds(60)):
        name = f"{'ab'[index % 2]}/{index:02}.png"
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "images" / name, scene(rng, *figures)[0])
        truth[name] = RED in figures
    return tmp_path / "images", truth


def filter_people(images: Path, output: Path, weights: Path, *options: str) -> None:
    arguments = (images, output, "--weights", weights, "--size", SIDE, "--device", "cpu", *options)
    main([str(argument) for argument in arguments])


def found(output: Path) -> dict[str, float]:
    return {row["name"]: row["score"] for row in Manifest(output)}


@pytest.mark.parametrize(
    ("found", "people", "score"),
    [([], 0, 0.0), ([0.2499], 0, 0.2499), ([0.25, 0.9, 0.1], 2, 0.9), ([0.249996], 1, 0.25)],
)
def test_threshold_decides(found: list[float], people: int, score: float) -> None:
    without, with_people = (decide(found, 0.25, keep) for keep in (False, True))
    assert without == {"score": score, "people": people, "kept": people == 0}
    assert with_people == {"score": score, "people": people, "kept": people > 0}


def test_classes_by_name_and_number() -> None:
    assert class_ids(["car", "0", "person"], NAMES) == (0, 2)
    with pytest.raises(BgrError, match=r"(?s)'persons'.*person"):
        class_ids(["persons"], NAMES)
    with pytest.raises(BgrError, match=r"(?s)'3' among their 3.*0 to 2"):
        class_ids(["3"], NAMES)


def test_lists_and_contact_sheet(tmp_path: Path) -> None:
    rows = []
    for index in range(30):
        path = tmp_path / f"grey, {index:02}.png"  # a comma, as a name may have
        write_image(path, np.full((40, 40, 3), 8 * index, np.uint8))
        score = index / 100
        rows.append(
            {"image": str(path), "people": score >= 0.15, "score": score, "kept": index < 15}
        )
    write_lists(tmp_path, rows, 0.15)
    assert (tmp_path / "kept.txt").read_text().splitlines() == [r["image"] for r in rows[:15]]
    assert (tmp_path / "rejected.txt").read_text().splitlines() == [r["image"] for r in rows[15:]]
    with open(tmp_path / "scores.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["image"], float(line["score"])) for line in table] == [
        (row["image"], row["score"]) for row in rows
    ]
    sheet = read_image(tmp_path / "contact_sheet.jpg")
    first = [int(sheet[80 + 178 * line, 80].mean()) for line in range(4)]
    # Kept ones down from the threshold, then rejected ones up from it, six a line.
    assert first == pytest.approx([8 * 14, 8 * 8, 8 * 15, 8 * 21], abs=2)


@pytest.mark.parametrize("wrong", [("--confidence", "1.5"), ("--batch", "0")])
def test_senseless_options_are_refused(wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        main(["images", "out", "--keep", "with", *wrong])


def test_without_the_extra_the_message_names_it(portraits: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("ultralytics"):
        pytest.skip("ultralytics is installed")
    with pytest.raises(BgrError, match=r"(?s)bgr\[curate\].*AGPL-3.0"):
        main([str(portraits / "image"), str(tmp_path / "out"), "--keep", "without"])
    assert not (tmp_path / "out").exists()


def test_offline_the_message_names_the_file_and_its_place(
    yolo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # a port where nothing listens
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / "yolo11n.pt"
    with pytest.raises(BgrError, match=rf"(?s)yolo11n\.pt.*or {place}\n.*https://github\.com"):
        find_weights("yolo11n.pt")
    assert not list(place.parent.iterdir())
    place.write_bytes(b"put there by hand")
    assert find_weights("yolo11n.pt") == place
    with pytest.raises(BgrError, match=r"models/own\.pt"):
        find_weights("models/own.pt")


@pytest.mark.parametrize("contents", [b"", b"no weights"])
def test_damaged_weights(yolo: None, portraits: Path, tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "own.pt").write_bytes(contents)
    with pytest.raises(BgrError, match=r"own\.pt"):
        filter_people(portraits, tmp_path / "out", tmp_path / "own.pt", "--keep", "with")


def test_weights_cannot_run_code(yolo: None, portraits: Path, tmp_path: Path) -> None:
    if not hasattr(importlib.import_module("ultralytics.nn.tasks"), "_SafeLoad"):
        pytest.skip("this version of ultralytics has no restricted loading")

    class Harmful:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "touched",)

    torch.save({"model": Harmful()}, tmp_path / "own.pt")
    with pytest.raises(BgrError, match=r"own\.pt"):
        filter_people(portraits, tmp_path / "out", tmp_path / "own.pt", "--keep", "with")
    assert not (tmp_path / "touched").exists()


@pytest.mark.slow
def test_keeps_pictures_without_people_and_resumes(
    weights: Path,
    scenes: tuple[Path, dict[str, bool]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
) -> None:
    images, truth = scenes
    output = tmp_path / "out"
    before = {path: sha(path) for path in images.rglob("*.png")}
    filter_people(images, output, weights, "--keep", "without")
    rows = list(Manifest(output))
    right = [row["kept"] != truth[row["name"]] for row in rows]
    assert len(rows) == 60
    assert np.mean(right) >= 0.9
    kept, rejected = (
        (output / name).read_text().splitlines() for name in ("kept.txt", "rejected.txt")
    )
    assert kept == [row["image"] for row in rows if row["kept"]]
    assert sorted(kept + rejected) == sorted(str(path) for path in before)
    assert {path: sha(path) for path in images.rglob("*.png")} == before
    assert Manifest(output).header["arguments"]["weights_sha256"] == sha(weights)
    assert read_image(output / "contact_sheet.jpg").shape[0] == 4 * 178
    assert "0 items were done before" in capfd.readouterr().out

    lists = (output / "scores.csv").read_text()
    filter_people(images, output, weights, "--keep", "without", "--batch", "5")
    assert "60 items were done before" in capfd.readouterr().out
    assert (output / "scores.csv").read_text() == lists
    write_image(images / "b" / "000.png", scene(np.random.default_rng(8), RED)[0])
    filter_people(images, output, weights, "--keep", "without")
    assert "60 items were done before" in capfd.readouterr().out
    assert str(images / "b" / "000.png") in (output / "rejected.txt").read_text().splitlines()
    with pytest.raises(BgrError, match="keep was without, now with"):
        filter_people(images, output, weights, "--keep", "with")


@pytest.mark.slow
def test_scores_do_not_depend_on_batches_or_processes(
    weights: Path, scenes: tuple[Path, dict[str, bool]], tmp_path: Path
) -> None:
    images, _ = scenes
    wide = np.concatenate([read_image(images / f"{name}.png") for name in ("a/00", "b/01")], axis=1)
    write_image(images / "wide.png", wide)
    reference, others = tmp_path / "16", (("--batch", "1"), ("--workers", "2"))
    filter_people(images, reference, weights, "--keep", "with")
    for options in others:
        output = tmp_path / options[0]
        filter_people(images, output, weights, "--keep", "with", *options)
        assert found(output) == pytest.approx(found(reference), abs=1e-3)


@pytest.mark.slow
def test_damaged_pictures_are_named_and_cost_no_others(
    weights: Path, scenes: tuple[Path, dict[str, bool]], tmp_path: Path
) -> None:
    images, _ = scenes
    damaged = images / "a" / "20.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BgrError, match=r"a/20\.png"):
        filter_people(images, tmp_path / "out", weights, "--keep", "with")
    filter_people(images, tmp_path / "out", weights, "--keep", "with", "--on-error", "skip")
    assert len(Manifest(tmp_path / "out")) == 59
    assert "20.png" in (tmp_path / "out" / "skipped.csv").read_text()
    damaged.write_bytes(whole)
    filter_people(images, tmp_path / "out", weights, "--keep", "with")
    assert len(Manifest(tmp_path / "out")) == 60


@pytest.mark.slow
def test_wrong_class_and_device(weights: Path, portraits: Path, tmp_path: Path) -> None:
    with pytest.raises(BgrError, match=r"(?s)'persn'.*person"):
        filter_people(portraits, tmp_path / "out", weights, "--keep", "with", "--classes", "persn")
    with pytest.raises(BgrError, match="device 99"):
        filter_people(portraits, tmp_path / "out", weights, "--keep", "with", "--device", "99")


@pytest.mark.slow
@pytest.mark.real
def test_leaves_no_clutter_where_it_runs(weights: Path, real_data: Path, tmp_path: Path) -> None:
    program = (sys.executable, "-m", "data_tools", "filter_people")
    options = ("--keep", "without", "--weights", str(weights), "--device", "cpu")
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [*program, str(real_data / "backgrounds"), "../out", *options],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not list(here.iterdir())
    assert len(done.stdout.splitlines()) == 2  # the summary alone
    assert len(Manifest(tmp_path / "out")) == len(list((real_data / "backgrounds").glob("*.jpg")))


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
