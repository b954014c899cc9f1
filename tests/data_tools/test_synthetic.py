"""`python -m data_tools synthetic` writes what `data=folder` reads."""

from pathlib import Path

import pytest

from bgr.data.folder import FolderDataset
from data_tools.__main__ import main


def test_written_portraits_train(tmp_path: Path) -> None:
    assert main(["synthetic", str(tmp_path / "out"), "--count", "3", "--size", "48", "32"]) == 0
    dataset = FolderDataset(str(tmp_path / "out"), "train", (48, 32))
    assert dataset[0]["image"].shape == (3, 48, 32)
    assert 0 < float(dataset[0]["alpha"].float().mean()) < 255


def test_unknown_tool_lists_the_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synthetik"]) == 1
    assert "synthetic" in capsys.readouterr().err


def test_unwritable_output_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["synthetic", str(tmp_path / "file" / "out"), "--count", "1"]) == 1
    assert "cannot write" in capsys.readouterr().err
