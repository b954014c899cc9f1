"""`bgr evaluate predictions=<dir> truth=<dir>`: score what any program has predicted."""

from pathlib import Path

from hydra import compose
from omegaconf import DictConfig

from bgr.cli.console import print_table
from bgr.config import build
from bgr.errors import BgrError
from bgr.evaluation.folders import score_folders


def evaluate_folders(config: DictConfig) -> None:
    """Score a folder of predictions by any program."""
    if config.truth is None:
        raise BgrError("predictions without truth", "truth=<folder of true mattes or images>")
    evaluator = build(config.evaluator or compose("train").evaluator)
    predictions, truth = Path(config.predictions), Path(config.truth)
    trimaps = None if config.trimaps is None else Path(config.trimaps)
    output = Path(config.output or f"{predictions}_scores")
    table = score_folders(predictions, truth, trimaps, evaluator, output)
    print_table(table, f"{predictions} against {truth}")
    print(f"tables {output}")
