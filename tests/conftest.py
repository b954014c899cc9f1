"""Fixtures: generated data, the real photos where they are, and the program itself."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from bgr.cli.main import main
from data_tools.synthetic import write_portraits

torch.set_num_threads(1)  # small tensors; and other work on the machine does not stall the tests

REPOSITORY = Path(__file__).parents[1]


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def bgr(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Answer]:
    """Run the program in this process, in an empty folder; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Answer:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["bgr", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with image/ and alpha/ of ten synthetic portraits, 64x48."""
    folder = tmp_path_factory.mktemp("portraits")
    write_portraits(folder, count=10, size=(64, 48), seed=1)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real photos; skips where they are not."""
    folder = Path(os.environ.get("BGR_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real photos at {folder}; set BGR_REAL_DATA to their folder")
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a configuration but for no checkpoint."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


TINY = (
    "size=[32,32]",
    "model.network.width=0.25",
    "loader.batch_size=4",
    "loader.workers=0",
    "trainer.accelerator=cpu",
    "data.length=12",
    "data.val_length=4",
    "data.test_length=4",
)
"""Overrides that make a synthetic training run last a second."""
