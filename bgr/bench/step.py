"""Speed of a training step: bgr's defaults against float32, contiguous, eager."""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from typing import NamedTuple

import torch
from rich.progress import track
from torch.utils.flop_counter import FlopCounterMode

from bgr.systems.base import MattingSystem
from bgr.training.machine import Numerics, apply_numerics, choose_numerics, keep_freed_memory
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
    system.train().to(device)
    apply_numerics(system.network, numerics)
    if compiled:
        system.network.compile()
    optimizer = system.make_optimizer()
    batch = random_batch(size, batch_size, device)
    half = numerics.precision == "bf16-mixed"
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
            loss = system.total(system.losses(batch))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        _wait_for(device)
        times.append(time.perf_counter() - start)
    return batch_size / min(times[2:])


def random_batch(size: Sequence[int], batch_size: int, device: torch.device) -> Batch:
    """Random image and matte of the given size."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch_size, 3, *size, generator=generator).to(device)
    return {"image": image, "alpha": image[:, :1].round()}


def count_flops(system: MattingSystem, size: Sequence[int]) -> int:
    """Floating point operations of a training step per sample, convolutions and products only."""
    system.train().cpu()
    with FlopCounterMode(display=False) as counter:
        batch = random_batch(size, 2, torch.device("cpu"))
        system.total(system.losses(batch)).backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops()) // 2


def _wait_for(device: torch.device) -> None:
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
        _wait_for(device)
        times.append(time.perf_counter() - start)
    return 2 * MATMUL**3 / min(times)
