"""Speed of a training step: bgr's defaults against float32, contiguous, eager."""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from rich.progress import track
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from bgr.systems.adversarial import AdversarialSystem
from bgr.systems.base import MattingSystem
from bgr.training.machine import Numerics, apply_numerics, choose_numerics, keep_freed_memory
from bgr.training.run import quiet_lightning
from bgr.types import Batch

PLAIN = Numerics("32-true", False, "reference")
MATMUL = 2048  # side of the matrices whose product gives the machine's peak


class StepBench(NamedTuple):
    """What was measured.

    Attributes:
        numerics: what `precision: auto` chose.
        plain: samples/s of float32, contiguous, eager, one value a round.
        default: samples/s of the defaults, one value a round.
        flops: floating point operations of one sample's step.
        peak: FLOP/s of a large matrix product in the chosen precision on this machine.
    """

    numerics: Numerics
    plain: list[float]
    default: list[float]
    flops: int
    peak: float

    @property
    def ratio(self) -> float:
        """Median over the rounds of default / plain."""
        return statistics.median(d / p for d, p in zip(self.default, self.plain, strict=True))


def bench_step(
    system: MattingSystem,
    size: Sequence[int],
    batch_size: int,
    steps: int,
    rounds: int,
    compiled: bool,
    device: torch.device,
) -> StepBench:
    """Time training steps of both set-ups in turns, each in a fresh process.

    Args:
        system: the system to train.
        size: height and width of the input.
        batch_size: samples a step.
        steps: timed steps a round, after two untimed ones; the fastest counts.
        rounds: how often both set-ups are measured.
        compiled: whether the defaults are measured with torch.compile.
        device: where to run.
    """
    numerics = choose_numerics(system.network, device)
    speeds: dict[bool, list[float]] = {False: [], True: []}
    spawn = multiprocessing.get_context("spawn")
    for _ in track(range(rounds), "measuring", transient=True):
        for default in (False, True):
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                chosen, compile_it = (numerics, compiled) if default else (PLAIN, False)
                arguments = (system, size, batch_size, steps, chosen, compile_it, default, device)
                speeds[default].append(pool.submit(samples_per_second, *arguments).result())
    flops = count_flops(system, size)
    dtype = torch.bfloat16 if numerics.precision == "bf16-mixed" else torch.float32
    return StepBench(numerics, speeds[False], speeds[True], flops, matmul_peak(device, dtype))


class Stopwatch(pl.Callback):
    """Times whole training steps, whatever optimisers they move."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.start = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        wait_for(trainer.strategy.root_device)
        self.seconds.append(time.perf_counter() - self.start)


def samples_per_second(
    system: MattingSystem,
    size: Sequence[int],
    batch_size: int,
    steps: int,
    numerics: Numerics,
    compiled: bool,
    tuned: bool,
    device: torch.device,
) -> float:
    """Samples/s of the fastest of `steps` training steps on random input."""
    if tuned:
        keep_freed_memory()
    for network in system.networks():
        apply_numerics(network, numerics, device)
    if compiled:
        system.network.compile()
    stopwatch = Stopwatch()
    train_on(random_batch(system, size, batch_size), system, steps + 2, numerics, device, stopwatch)
    return batch_size / min(stopwatch.seconds[2:])


def train_on(
    batch: Batch,
    system: MattingSystem,
    steps: int,
    numerics: Numerics,
    device: torch.device,
    *callbacks: pl.Callback,
) -> None:
    """Train a system on one batch again and again, beyond any pre-training phase."""
    quiet_lightning()
    if isinstance(system, AdversarialSystem):
        system.pretrain_epochs = 0
    loader: DataLoader[Any] = DataLoader([batch] * steps, batch_size=None)  # type: ignore[arg-type]
    trainer = pl.Trainer(
        accelerator=device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        max_epochs=1,
        precision=numerics.precision,  # type: ignore[arg-type]
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(system, loader)


def random_batch(system: MattingSystem, size: Sequence[int], batch_size: int) -> Batch:
    """Random images and mattes for everything that a system reads, at its network's input size."""
    generator = torch.Generator().manual_seed(0)
    height, width = (side * system.scale for side in size)
    batch: Batch = {}
    for key in ("image", *system.needs):
        channels = 1 if key in ("alpha", "mask", "trimap") else 3
        shape = (height // 2, width // 2) if key == "low_res" else (height, width)
        batch[key] = torch.rand(batch_size, channels, *shape, generator=generator)  # type: ignore[literal-required]
    return batch


def count_flops(system: MattingSystem, size: Sequence[int]) -> int:
    """Floating point operations of a training step per sample, convolutions and products only."""
    batch = random_batch(system, size, 2)
    with FlopCounterMode(display=False) as counter:
        train_on(batch, system, 1, PLAIN, torch.device("cpu"))
    return int(counter.get_total_flops()) // 2


def wait_for(device: torch.device) -> None:
    """Let an accelerator finish what was queued."""
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).synchronize()


def matmul_peak(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a large matrix product, the floor that a step is compared with."""
    a = torch.rand(MATMUL, MATMUL, device=device, dtype=dtype)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        wait_for(device)
        times.append(time.perf_counter() - start)
    return 2 * MATMUL**3 / min(times)
