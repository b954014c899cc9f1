"""Where a run comes from: machine, versions, code and data."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bgr.data.dataset import MattingDataset
from bgr.io.files import write_text

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "hydra-core", "kornia", "albumentations")


def write_environment(
    path: Path, datasets: Mapping[Any, MattingDataset], numerics: Mapping[str, Any]
) -> None:
    """Write where a run comes from as JSON: machine, versions, git commit, data fingerprints."""
    environment = {
        "bgr": version("bgr"),
        "python": platform.python_version(),
        "packages": {p: version(p) for p in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "numerics": dict(numerics),
        "command": sys.argv,
        "commit": git_commit(),
        "data": {
            split: {"samples": len(d), "fingerprint": d.fingerprint()}
            for split, d in datasets.items()
        },
    }
    write_text(path, json.dumps(environment, indent=2) + "\n")


def git_commit() -> str | None:
    """Commit of the code that runs, with `+changes` where files differ; None outside a checkout."""
    source = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(source), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if not git("ls-files", "--", Path(__file__).name):
            return None  # installed inside somebody else's checkout
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
