"""Checkpoints: plain tensors and containers, written atomically, read without running code."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from bgr.errors import BgrError
from bgr.io.files import atomic_write, make_folder


def save_checkpoint(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill or a full disk leaves the previous one intact.

    Raises:
        BgrError: the disk is full or the folder is not writable.
    """
    buffer = io.BytesIO()  # torch's own file writer hides the reason when the disk is full
    torch.save(checkpoint, buffer)
    make_folder(path.parent)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`.

    Raises:
        BgrError: the file is missing, damaged, or would run code when unpickled.
    """
    if not path.is_file():
        raise BgrError(f"no checkpoint {path}", "a .ckpt file written by `bgr train`")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        reason = str(error) or "the file is empty"
        raise BgrError(
            f"cannot read checkpoint {path}: {reason.splitlines()[0]}",
            "an undamaged file that holds only tensors and plain containers",
            "use another checkpoint of the run (best.ckpt or last.ckpt)",
        ) from error
    return checkpoint
