"""Checkpoints are plain data; anything else is refused."""

import os
from pathlib import Path

import pytest
import torch

from bgr.errors import BgrError
from bgr.io.checkpoints import load_checkpoint, save_checkpoint


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hacked",)


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a" / "x.ckpt", {"w": torch.arange(3), "config": {"k": [1, "b"]}})
    loaded = load_checkpoint(tmp_path / "a" / "x.ckpt")
    assert loaded["config"] == {"k": [1, "b"]}
    assert loaded["w"].tolist() == [0, 1, 2]


def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(BgrError, match=r"cannot read checkpoint .*evil\.ckpt"):
        load_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.ckpt").write_bytes(content)
    with pytest.raises(BgrError, match=r"broken\.ckpt"):
        load_checkpoint(tmp_path / "broken.ckpt")


def test_truncated_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    save_checkpoint(path, {"w": torch.rand(1000)})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BgrError, match=r"cut\.ckpt"):
        load_checkpoint(path)
