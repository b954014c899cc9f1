"""Answers that need no network must not wait for torch."""

import subprocess
import sys

import pytest

PROBE = """
import sys
from bgr.cli.main import main
sys.argv = ["bgr", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
heavy = [m for m in ("torch", "pytorch_lightning", "albumentations", "cv2") if m in sys.modules]
print("heavy:", heavy)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "sede=3"],
        ["trian"],
        ["train", "data=foldr"],
        ["train", "--cfg", "job"],
    ],
)
def test_answers_before_torch_is_imported(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("heavy: []")
    assert "Traceback" not in done.stderr
