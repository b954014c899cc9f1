"""Every experiment of conf/ runs: two steps each, on data of the layout it expects."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Answer
from tests.data.layouts import WRITERS, subjects_of

QUICK = [
    "trainer.fast_dev_run=true",
    "trainer.accelerator=cpu",
    "loader.workers=0",
    "model.network.width=0.25",
]
QUICK += ["loader.batch_size=2", "size=[32,32]"]
CONF = Path(__file__).parents[2] / "conf" / "experiment"


MODELS = [
    "unet_gan",
    "srgan",
    "bgrsr_gan",
    "fcn_resnet",
    "background_matting_base",
    "background_matting",
]
RANDOM = ["model.discriminator.weights=null"]
FEATURES = [*RANDOM, "model.perceptual.weights=null"]
SMALL = ["model.network.weights=null", "model.network.backbone=mobilenetv2"]
STAGES: list[list[tuple[str, list[str]]]] = [  # each later stage starts from the run before it
    [("unet_gan", RANDOM)],
    [("srgan_pretrain", RANDOM), ("srgan", FEATURES)],
    [("bgrsr_gan_pretrain", []), ("bgrsr_gan", FEATURES)],
    [("fcn_resnet", ["model.network.weights=null"])],
    [("fcn_resnet_pretrained", ["model.network.weights=null"])],
    [("bgmv2_paper_base", SMALL), ("bgmv2_paper", SMALL)],
    [("bgmv2_code_base", SMALL), ("bgmv2_code", SMALL)],
    [("student_base", SMALL), ("student", SMALL)],
]


def data_of(experiment: str, portraits: Path, root: Path) -> list[str]:
    """Writes portraits in the layout of an experiment's data set; gives the overrides it needs."""
    text = (CONF / f"{experiment}.yaml").read_text()
    found = re.search(r"override /data: (\w+)", text)
    if found is None:  # what it is based on says it
        base = re.search(r"^  - (\w+)$", text, re.MULTILINE)
        assert base is not None
        return data_of(base[1], portraits, root)
    root.mkdir()
    overrides = [f"data.root={root}", *WRITERS[found[1]](root, subjects_of(portraits))]
    if "backgrounds: ???" in text:
        overrides.append(f"data.backgrounds={portraits / 'image'}")
    return overrides


@pytest.mark.parametrize("stages", STAGES, ids=lambda stages: stages[-1][0])
def test_stages(
    stages: list[tuple[str, list[str]]],
    bgr: Callable[..., Answer],
    portraits: Path,
    tmp_path: Path,
) -> None:
    """One epoch of two steps, without the published weights, which are not here."""
    started: list[str] = []
    data = data_of(stages[0][0], portraits, tmp_path / "data")
    for name, changes in stages:
        short = ["trainer.max_epochs=1"] if name != "fcn_resnet_pretrained" else []
        code, out, err = bgr(
            "train", f"experiment={name}", *data, "trainer.accelerator=cpu", "loader.workers=0",
            "loader.batch_size=4", "size=[32,32]", *short, *changes, *started,
        )  # fmt: skip
        assert code == 0, err
        (folder,) = (tmp_path / "runs").glob(f"*_{name}")
        assert "trained" in out
        started = [f"init={folder}"]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_on_synthetic_data(model: str, bgr: Callable[..., Answer]) -> None:
    quick = [a for a in QUICK if "width" not in a]
    code, _, err = bgr("train", f"model={model}", *quick)
    assert code == 0, err


@pytest.mark.real
@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains_on_real_photos(
    model: str, bgr: Callable[..., Answer], real_data: Path
) -> None:
    quick = [a for a in QUICK if "width" not in a]
    data = ["data=folder", f"data.root={real_data / 'portraits_alpha'}"]
    data.append(f"data.backgrounds={real_data / 'backgrounds'}")
    code, _, err = bgr("train", f"model={model}", *data, "data.fractions=[0.6,0.2,0.2]", *quick)
    assert code == 0, err


def test_every_experiment_is_tried_below() -> None:
    portrait = {"demo", "portrait_aisegment", "portrait_finetune_pfcn", "portrait_real"}
    tried = portrait | {name for stages in STAGES for name, _ in stages}
    assert {path.stem for path in CONF.glob("*.yaml")} == tried


def test_demo(bgr: Callable[..., Answer]) -> None:
    code, _, err = bgr("train", "experiment=demo", *QUICK)
    assert code == 0, err


def test_two_stages_of_the_paper(
    bgr: Callable[..., Answer], portraits: Path, tmp_path: Path
) -> None:
    """The second stage starts from the folder of the first."""
    data = data_of("portrait_aisegment", portraits, tmp_path / "ai")
    short = [a for a in QUICK if "fast" not in a] + ["trainer.max_steps=2"]
    code, _, err = bgr("train", "experiment=portrait_aisegment", *data, *short)
    assert code == 0, err
    (first,) = (tmp_path / "runs").glob("*_portrait_aisegment")
    code, _, err = bgr(
        "train",
        "experiment=portrait_finetune_pfcn",
        f"init={first}",
        *data_of("portrait_finetune_pfcn", portraits, tmp_path / "pfcn"),
        *QUICK,
    )
    assert code == 0, err


@pytest.mark.real
def test_real_portraits(
    bgr: Callable[..., Answer], real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BGR_REAL_DATA", str(real_data))
    code, _, err = bgr("train", "experiment=portrait_real", *QUICK)
    assert code == 0, err


@pytest.mark.slow
def test_torch_compile_is_one_override_away(bgr: Callable[..., Answer]) -> None:
    code, _, err = bgr("train", "experiment=demo", *QUICK, "compile=true")
    assert code == 0, err
