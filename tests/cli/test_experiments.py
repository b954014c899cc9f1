"""Every experiment of conf/ runs: two steps each, on data of the layout it expects."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Answer
from tests.data.test_folder import write_aisegment

QUICK = [
    "trainer.fast_dev_run=true",
    "trainer.accelerator=cpu",
    "loader.workers=0",
    "model.network.width=0.25",
]
QUICK += ["loader.batch_size=2", "size=[32,32]"]
CONF = Path(__file__).parents[2] / "conf" / "experiment"


def test_every_experiment_is_tried_below() -> None:
    tried = {"demo", "portrait_aisegment", "portrait_finetune_pfcn", "portrait_real"}
    assert {path.stem for path in CONF.glob("*.yaml")} == tried


def test_demo(bgr: Callable[..., Answer]) -> None:
    code, _, err = bgr("train", "experiment=demo", *QUICK)
    assert code == 0, err


def test_two_stages_of_the_paper(
    bgr: Callable[..., Answer], portraits: Path, tmp_path: Path
) -> None:
    """The second stage starts from the folder of the first."""
    write_aisegment(portraits, tmp_path / "ai")
    short = [a for a in QUICK if "fast" not in a] + ["trainer.max_steps=2"]
    code, _, err = bgr(
        "train", "experiment=portrait_aisegment", f"data.root={tmp_path / 'ai'}", *short
    )
    assert code == 0, err
    (first,) = (tmp_path / "runs").glob("*_portrait_aisegment")
    code, _, err = bgr(
        "train",
        "experiment=portrait_finetune_pfcn",
        f"init={first}",
        f"data.root={portraits}",
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
