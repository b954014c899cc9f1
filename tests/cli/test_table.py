"""`bgr table`: measured where it can be, honest where it cannot."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import REPOSITORY, Answer


def test_portrait_table(bgr: Callable[..., Answer], tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "experiments", tmp_path / "experiments")
    code, out, err = bgr("table", "paper=portrait")
    assert code == 0, err
    assert "| 199,420 | 199,420 |" in out
    assert "695,362" in out
    assert out.count("not measured: needs") == 4


def test_unknown_paper(bgr: Callable[..., Answer]) -> None:
    code, _, err = bgr("table", "paper=nothing")
    assert code == 1
    assert "no table" in err
