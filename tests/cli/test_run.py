"""Train, evaluate and predict from the command line, as a user does."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
from PIL import Image

from bgr.data.folder import FolderDataset
from tests.conftest import TINY, Answer

Bgr = Callable[..., Answer]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished tiny run."""
    folder = tmp_path_factory.mktemp("finished")
    command = [
        sys.executable,
        "-m",
        "bgr.cli.main",
        "train",
        *TINY,
        "trainer.max_epochs=1",
        "name=tiny",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "runs").iterdir()
    return run


def test_a_run_leaves_what_the_readme_promises(finished: Path) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_tiny", finished.name)
    names = {p.relative_to(finished).as_posix() for p in finished.rglob("*") if p.is_file()}
    assert names == {
        "config.yaml", "metrics.csv", "environment.json", "report.html", "summary.json",
        "per_image.csv", "table.md", "table.tex", "checkpoints/best.ckpt", "checkpoints/last.ckpt",
    }  # fmt: skip
    environment = json.loads((finished / "environment.json").read_text())
    assert environment["data"]["train"]["samples"] == 12
    assert environment["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    columns = (finished / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"step", "val/mad", "val/iou"} <= set(columns)


def test_the_report_is_one_file_that_opens_offline(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page.count("data:image/png;base64,") == 8  # four test images, best and worst
    for text in ("best constant", "centre ellipse", "untrained", "rvm: mean x 1000", "<svg"):
        assert text in page


def test_the_checkpoint_holds_the_configuration_as_plain_data(finished: Path) -> None:
    checkpoint = torch.load(finished / "checkpoints" / "best.ckpt", weights_only=True)
    assert checkpoint["config"]["size"] == [32, 32]
    assert checkpoint["config"]["model"]["network"]["width"] == 0.25


def test_evaluate_scores_the_named_split(finished: Path, bgr: Bgr, tmp_path: Path) -> None:
    code, out, err = bgr("evaluate", f"run={finished}", "split=val", f"output={tmp_path / 'out'}")
    assert code == 0, err
    assert "val split, 4 images" in out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["gradient"]["convention"] == "rvm"
    with open(tmp_path / "out" / "per_image.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == summary["images"] == 4
    mean = np.mean([float(row["mad"]) for row in rows])
    assert summary["means"]["trained"]["mad"] == pytest.approx(mean)


def test_evaluate_on_other_data(finished: Path, bgr: Bgr, portraits: Path) -> None:
    code, out, err = bgr(
        "evaluate", f"run={finished}", "data=folder", f"data.root={portraits}", "output=elsewhere"
    )
    assert code == 0, err
    assert "test split, 1 images" in out


def test_predict_keeps_resolution_and_orientation(
    finished: Path, bgr: Bgr, portraits: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    folder = tmp_path / "in, it's (1) #new"
    folder.mkdir()
    photo = Image.open(portraits / "image" / "00000.png").resize((70, 50))
    photo.save(folder / "sideways.jpg", exif=exif)
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    code, _, err = bgr(
        "predict", f"run={finished}", f"input={folder}", "target_background=#0080ff", "output=out"
    )
    assert code == 0, err
    sizes = {
        p.relative_to(tmp_path / "out").as_posix(): Image.open(p).size
        for p in (tmp_path / "out").rglob("*.png")
    }
    kinds = ("alpha", "cutout", "composite")
    assert sizes == {f"{k}/sideways.png": (50, 70) for k in kinds} | {
        f"{k}/cmyk.png": (70, 50) for k in kinds
    }
    alpha = np.asarray(Image.open(tmp_path / "out" / "alpha" / "sideways.png"), float) / 255
    cutout = np.asarray(Image.open(tmp_path / "out" / "cutout" / "sideways.png"), float)
    composite = np.asarray(Image.open(tmp_path / "out" / "composite" / "sideways.png"), float)
    expected = alpha[..., None] * cutout[..., :3] + (1 - alpha[..., None]) * (0, 128, 255)
    assert np.abs(composite - expected).max() < 2


def test_predict_goes_on_after_a_damaged_photo(
    finished: Path, bgr: Bgr, portraits: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(portraits / "image" / "00001.png", tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"")
    code, _, err = bgr("predict", f"run={finished}", "input=in", "output=out")
    assert code == 1
    assert "1 of 2 photos" in err
    assert "bad.jpg: the file is empty" in err
    assert {p.name for p in (tmp_path / "out" / "alpha").iterdir()} == {"good.png"}


def test_training_on_ones_own_folder_is_one_command(
    bgr: Bgr, portraits: Path, tmp_path: Path
) -> None:
    code, _, err = bgr(
        "train", "data=folder", f"data.root={portraits}", "size=[32,32]", "loader.workers=0",
        "model.network.width=0.25", "trainer.accelerator=cpu", "trainer.max_epochs=1",
        "augment=photometric", "model.loss_weights.auxiliary=1",
    )  # fmt: skip
    assert code == 0, err
    assert list((tmp_path / "runs").glob("*_portrait/report.html"))


def test_fine_tuning_starts_from_the_weights_of_a_run(
    bgr: Bgr, finished: Path, tmp_path: Path
) -> None:
    code, _, err = bgr(
        "train", *TINY, "trainer.max_epochs=1", f"init={finished}", "model.lr=0.0", "name=tuned"
    )
    assert code == 0, err
    (run,) = (tmp_path / "runs").iterdir()
    before = torch.load(finished / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    after = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(before["network.head.weight"], after["network.head.weight"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "data=folder", "data.root=nowhere"], r"no folder nowhere(.|\n)*data\.root"),
        (["train", "data=folder"], r"data\.root is not given(.|\n)*data\.root=<value>"),
        (["train", "run=nowhere"], r"nowhere is not a run"),
        (["train", "precision=64"], r"precision is '64'(.|\n)*bf16-mixed"),
        (["train", "size=[50,50]"], r"50x50(.|\n)*multiples of 16"),
        (["train", "geometry.rotation=200"], r"rotation is 200"),
        (["train", "model.loss_weights.l2=1"], r"l2"),
        (["train", "hydra.run.dir=/proc/nowhere"], r"/proc/nowhere"),
        (["evaluate", "run=nowhere"], r"nowhere is not a run"),
        (["train", "trainer.devices=2"], r"devices is 2(.|\n)*one device"),
        (["evaluate", "run=nowhere", "split=x"], r"nowhere is not a run"),
        (["predict", "run=x", "input=y", "output=z"], r"x is not a run"),
        (["predict"], r"is not given"),
        (["bench"], r"bgr bench step"),
    ],
)  # fmt: skip
def test_mistakes_get_one_message_and_leave_nothing(
    arguments: list[str], message: str, bgr: Bgr, tmp_path: Path
) -> None:
    limits = ["loader.workers=0", "trainer.max_steps=1", "trainer.accelerator=cpu"]
    code, _, err = bgr(*arguments, *(limits if arguments[0] == "train" else []))
    assert code == 1
    assert re.search(message, err), err
    assert "Traceback" not in err
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix in (".ckpt", ".part")]


def test_debug_shows_the_traceback(bgr: Bgr) -> None:
    with pytest.raises(Exception, match="no folder nowhere"):
        bgr("train", "data=folder", "data.root=nowhere", "debug=true")


def test_checkpoint_of_another_model(bgr: Bgr, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "copy"))
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("width: 0.25", "width: 0.5"))
    for arguments in (["evaluate", f"run={run}"], ["train", f"run={run}", "trainer.max_epochs=2"]):
        code, _, err = bgr(*arguments)
        assert code == 1
        assert "is a checkpoint of another model" in err
        assert "Traceback" not in err


def test_damaged_image_stops_training_with_its_name(
    bgr: Bgr, portraits: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(portraits, tmp_path / "photos"))
    for path in (root / "image").iterdir():  # the val photo is whole: the fault shows in a worker
        if path.stem not in {p.image.stem for p in FolderDataset(str(root), "val", (32, 32)).pairs}:
            path.write_bytes(path.read_bytes()[:400])
    code, _, err = bgr(
        "train", "data=folder", f"data.root={root}", "size=[32,32]", "loader.workers=1",
        "trainer.accelerator=cpu",
    )  # fmt: skip
    assert code == 1
    assert re.search(r"cannot read .*photos/image/\d+\.png", err)
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_checkpoint_and_the_run_goes_on(
    number: signal.Signals, tmp_path: Path, bgr: Bgr
) -> None:
    """A real process, a real signal; the loss curve has every step once."""
    overrides = [*TINY, "data.length=4000", "trainer.max_epochs=1", "trainer.log_every_n_steps=1"]
    overrides.append("loader.workers=1")
    command = [sys.executable, "-m", "bgr.cli.main", "train", *overrides]
    command.append("hydra.run.dir=runs/stopped")
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    run = tmp_path / "runs" / "stopped"
    deadline = time.monotonic() + 60
    while not (run / "metrics.csv").is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, number)  # the workers get it too, as from a terminal or a scheduler
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert f"stopped by {number.name} after step" in err
    step = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    code, _, err = bgr("train", f"run={run}", f"trainer.max_steps={step + 3}")
    assert code == 0, err
    assert f"going on after step {step}" in err
    with open(run / "metrics.csv") as file:
        steps = [int(r["step"]) for r in csv.DictReader(file) if r.get("train/loss/total")]
    assert steps == list(range(step + 3))


@pytest.mark.parametrize("logger", ["wandb", "tensorboard"])
def test_other_loggers_need_no_account(
    logger: str, bgr: Bgr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in [k for k in os.environ if k.startswith("WANDB")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    code, _, err = bgr("train", *TINY, "trainer.max_epochs=1", f"logger={logger}")
    assert code == 0, err
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "metrics.csv").is_file()
    if logger == "wandb":
        wandb.teardown()  # waits for its background process to write
        (offline,) = run.glob("wandb/offline-run-*")
        stored = next(offline.glob("*.wandb")).read_bytes()
        for logged in (
            b"loss_weights",
            b"val/mad",
            b"test/gradient",
            b"Worst cases by mad",
            b"model-",
        ):
            assert logged in stored, logged
        assert list(offline.glob("files/media/images/*.png"))
        assert (run / "wandb_id").read_text() in offline.name
    pattern = "wandb/offline-run-*/*.wandb" if logger == "wandb" else "tensorboard/**/events.*"
    assert list(run.glob(pattern))


def test_fast_dev_run(bgr: Bgr, tmp_path: Path) -> None:
    code, _, err = bgr("train", *TINY, "trainer.fast_dev_run=true")
    assert code == 0, err
    assert not list(tmp_path.rglob("*.ckpt"))


def test_disk_full_while_training(bgr: Bgr, small_disk: Path) -> None:
    code, _, err = bgr(
        "train", *TINY, "trainer.max_epochs=1", f"hydra.run.dir={small_disk / 'run'}"
    )
    assert code == 1
    assert "disk full while writing" in err
    assert "Traceback" not in err
    assert not list(small_disk.rglob("*.part"))


def test_a_moved_run_goes_on_in_its_new_place(bgr: Bgr, finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "moved"))
    before = (finished / "metrics.csv").read_text()
    code, _, err = bgr("train", f"run={run}", "trainer.max_epochs=2")
    assert code == 0, err
    assert (finished / "metrics.csv").read_text() == before
    step = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert step == 6
    assert (run / "environment_resumed.json").is_file()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.network.width=0.5", "checkpoint of another model"),
        ("data=folder", "cannot take data=folder"),
        ("+new=1", "cannot take"),
        ("trainer.max_epoch=3", r"such as trainer\.max_epochs"),
        ("size=[50,50]", "50x50"),
    ],
)
def test_a_wrong_override_leaves_the_run_as_it_was(
    override: str, message: str, bgr: Bgr, finished: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "copy"))
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    code, _, err = bgr("train", f"run={run}", override)
    assert code == 1
    assert re.search(message, err), err
    assert "Traceback" not in err
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_a_one_cycle_run_cannot_be_made_longer(bgr: Bgr, tmp_path: Path) -> None:
    arguments = (
        *TINY,
        "trainer.max_epochs=1",
        "model.schedule=one_cycle",
        "hydra.run.dir=runs/cycle",
    )
    assert bgr("train", *arguments).code == 0
    code, _, err = bgr("train", "run=runs/cycle", "trainer.max_epochs=2")
    assert code == 1
    assert "one-cycle schedule" in err


def test_bf16_and_gradient_clipping(bgr: Bgr) -> None:
    code, _, err = bgr(
        "train", *TINY, "trainer.max_epochs=1", "precision=bf16", "trainer.gradient_clip_val=1.0"
    )
    assert code == 0, err
    assert "bf16-mixed" in err


def test_evaluate_scores_a_whole_folder(bgr: Bgr, finished: Path, portraits: Path) -> None:
    code, out, err = bgr(
        "evaluate", f"run={finished}", "data=folder", f"data.root={portraits}",
        "data.fractions=[0,0,1]", "output=all",
    )  # fmt: skip
    assert code == 0, err
    assert "test split, 10 images" in out


def test_bench_step_prints_the_ratio_and_the_floor(bgr: Bgr) -> None:
    code, out, err = bgr(
        "bench", "step", "size=[32,32]", "batch_size=2", "steps=1", "rounds=1",
        "model.network.width=0.25", "device=cpu",
    )  # fmt: skip
    assert code == 0, err
    assert re.search(r"ratio +\d+\.\d\dx", out)
    assert "GFLOP a sample" in out
