"""The root schema of every command: its keys, their types and defaults."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class TrainConfig:
    """Keys of `bgr train`; groups are checked by the signatures they name."""

    name: str
    size: list[int]
    seed: int = 0
    precision: str = "auto"
    compile: bool = False
    debug: bool = False
    run: str | None = None
    init: str | None = None
    model: Any = None
    data: Any = None
    geometry: Any = None
    augment: Any = None
    mismatch: Any = None
    loader: Any = None
    evaluator: Any = None
    trainer: Any = None
    callbacks: Any = None
    logger: Any = None
    paths: Any = None


@dataclass
class EvaluateConfig:
    """Keys of `bgr evaluate`."""

    run: str | None = None
    runs: list[str] | None = None
    predictions: str | None = None
    truth: str | None = None
    trimaps: str | None = None
    checkpoint: str = "best"
    split: str = "test"
    output: str | None = None
    data: Any = None
    evaluator: Any = None
    batch_size: int = 32
    workers: int = 1
    device: str = "auto"
    debug: bool = False


@dataclass
class PredictConfig:
    """Keys of `bgr predict`."""

    run: str
    input: str
    output: str
    checkpoint: str = "best"
    target_background: str | None = None
    captured_background: str | None = None
    trimap: str | None = None
    size: list[int] | None = None
    device: str = "auto"
    debug: bool = False


@dataclass
class BenchConfig:
    """Keys of `bgr bench`."""

    model: Any = None
    size: list[int] = field(default_factory=lambda: [256, 256])
    batch_size: int = 8
    steps: int = 5
    rounds: int = 3
    compile: bool = False
    device: str = "auto"
    debug: bool = False


@dataclass
class SummaryConfig:
    """Keys of `bgr summary`."""

    model: Any = None
    size: Any = "256x256"
    debug: bool = False


@dataclass
class TableConfig:
    """Keys of `bgr table`."""

    paper: str
    experiments: str = "experiments"
    debug: bool = False
