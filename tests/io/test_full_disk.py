"""A full disk: one message, the old file intact, nothing half-written."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bgr.errors import BgrError
from bgr.io.checkpoints import load_checkpoint, save_checkpoint
from bgr.io.images import write_image


def test_checkpoint(small_disk: Path) -> None:
    path = small_disk / "last.ckpt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises(BgrError, match=r"disk full while writing .*last\.ckpt"):
        save_checkpoint(path, {"step": 2, "weights": torch.rand(1000, 1000)})
    assert load_checkpoint(path) == {"step": 1}
    assert [p.name for p in small_disk.iterdir()] == ["last.ckpt"]


def test_image(small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    with pytest.raises(BgrError, match="disk full"):
        write_image(small_disk / "noise.png", noise)
    assert not list(small_disk.iterdir())
