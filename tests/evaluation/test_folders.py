"""Scoring folders of predictions of any program, and intervals."""

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgr.evaluation.evaluator import Evaluation, Evaluator, bootstrap
from tests.conftest import TINY, Answer

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = json.loads((ORACLES / "expected.json").read_text())["cases"]


def test_oracle_folders_give_the_reference_numbers(
    bgr: Callable[..., Answer], tmp_path: Path
) -> None:
    code, out, err = bgr(
        "evaluate", f"predictions={ORACLES}/pred", f"truth={ORACLES}/true", f"output={tmp_path}/out"
    )
    assert code == 0, err
    assert "16 images" in out
    with open(tmp_path / "out" / "per_image.csv", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    for case, expected in CASES.items():
        for metric, key in (("mad", "mad"), ("gradient", "grad")):
            reference = expected["metrics"][key]["rvm_lr_np1"]
            assert float(rows[case][metric]) == pytest.approx(reference, rel=2e-6, abs=1e-7)
    table = (tmp_path / "out" / "table.md").read_text()
    assert "gradient (`rvm`, sum / 1000, min-max normalised)" in table
    assert "predictions & " in (tmp_path / "out" / "table.tex").read_text()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    low, high = summary["intervals_95"]["predictions"]["mad"]
    assert low < summary["means"]["predictions"]["mad"] < high


def test_unknown_region_of_given_trimaps(bgr: Callable[..., Answer], tmp_path: Path) -> None:
    folders = [f"{name}={ORACLES}/{file}" for name, file in
               (("predictions", "pred"), ("truth", "true"), ("trimaps", "trimap"))]  # fmt: skip
    code, _, err = bgr("evaluate", *folders, "evaluator=bgmv2", f"output={tmp_path}/out")
    assert code == 0, err
    with open(tmp_path / "out" / "per_image.csv", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    expected = CASES["08_hair_blur"]["metrics"]
    for metric, key in (("mse", "mse"), ("sad", "sad"), ("connectivity", "conn")):
        reference = expected[key]["octave_bmv2_unknown"]
        assert float(rows["08_hair_blur"][metric]) == pytest.approx(reference, rel=2e-6)
    assert rows["13_no_unknown"]["mse"] == "nan"
    note = json.loads((tmp_path / "out" / "summary.json").read_text())["note"]
    assert "mse is undefined on 1 image(s)" in note


def test_images_are_scored_by_psnr_and_ssim(bgr: Callable[..., Answer], tmp_path: Path) -> None:
    folders = [f"predictions={ORACLES}/frames/pred", f"truth={ORACLES}/frames/true"]
    code, out, err = bgr("evaluate", *folders, "evaluator=srgan", f"output={tmp_path}/out")
    assert code == 0, err
    assert "ssim" in out


def test_what_is_missing_is_named(bgr: Callable[..., Answer], tmp_path: Path) -> None:
    for kind in ("pred", "true"):
        shutil.copytree(ORACLES / kind, tmp_path / kind)
    arguments = ["evaluate", f"predictions={tmp_path}/pred"]
    code, _, err = bgr(*arguments)
    assert code == 1
    assert "truth=<folder" in err
    (tmp_path / "true" / "07_portrait_noise.png").unlink()
    code, _, err = bgr(*arguments, f"truth={tmp_path}/true")
    assert code == 1
    assert "07_portrait_noise.png" in err
    Image.new("L", (3, 3), 9).save(tmp_path / "true" / "07_portrait_noise.png")
    code, _, err = bgr(*arguments, f"truth={tmp_path}/true")
    assert code == 1
    assert "differ in size" in err
    code, _, err = bgr("evaluate")
    assert code == 1
    assert "runs=[<dir>,<dir>]" in err
    assert "Traceback" not in err


def test_runs_are_compared_image_by_image(bgr: Callable[..., Answer], tmp_path: Path) -> None:
    for name, model in (("a", "portrait"), ("b", "background_matting_base")):
        small = ["model.network.width=0.25"] if name == "a" else []
        small += ["model.network.backbone=mobilenetv2"] if name == "b" else []
        tiny = [a for a in TINY if "width" not in a]
        code, _, err = bgr(
            "train", f"model={model}", *tiny, *small, "trainer.max_epochs=1",
            f"hydra.run.dir={tmp_path / name}",
        )  # fmt: skip
        assert code == 0, err
    code, out, err = bgr("evaluate", f"runs=[{tmp_path / 'a'},{tmp_path / 'b'}]")
    assert code == 0, err
    assert "b minus a" in out
    folder = tmp_path / "a" / "evaluation" / "compared_test"
    scores = {}
    for name, file in (("a", "per_image.csv"), ("b", "per_image_b.csv")):
        with open(folder / file, newline="") as handle:
            scores[name] = {row["name"]: float(row["mad"]) for row in csv.DictReader(handle)}
    assert set(scores["a"]) == set(scores["b"])
    differences = [scores["b"][image] - scores["a"][image] for image in scores["a"]]
    summary = json.loads((folder / "summary.json").read_text())
    mean = sum(differences) / len(differences)
    assert summary["means"]["b minus a"]["mad"] == pytest.approx(mean, rel=1e-6)
    code, _, err = bgr("evaluate", f"runs=[{tmp_path / 'a'}]")
    assert code == 1
    assert "two or more" in err


def test_bootstrap_interval_covers_the_mean_of_a_known_distribution() -> None:
    """About 95 of 100 intervals of samples from a normal distribution hold its mean."""
    rng = np.random.default_rng(1)
    intervals = [bootstrap(rng.normal(5, 2, 60).tolist()) for _ in range(200)]
    covered = sum(low <= 5 <= high for low, high in intervals)
    assert 0.9 <= covered / 200 <= 0.99
    assert bootstrap([1.0, math.nan, 1.0]) == (1.0, 1.0)
    assert all(math.isnan(v) for v in Evaluation(["a"], {"mad": [math.nan]}).interval("mad"))


def test_unknown_region_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="whole, unknown, foreground, background"):
        Evaluator({"mad": "rvm"}, "val/mad", region="hair")
