"""`bgr bench step`: measure training steps on this machine."""

import sys

from omegaconf import DictConfig

from bgr.config import build, run_verb
from bgr.errors import BgrError


def main() -> None:
    """Run the verb; the first word says what to measure."""
    if len(sys.argv) < 2 or sys.argv[1] not in ("step", "-h", "--help", "--cfg"):
        raise BgrError("bgr bench needs to know what to measure", "bgr bench step [key=value ...]")
    if sys.argv[1] == "step":
        del sys.argv[1]
    run_verb(bench, "bench")


def bench(config: DictConfig) -> None:
    """Measure and print."""
    from bgr.bench.step import bench_step
    from bgr.cli.assemble import resolve_device
    from bgr.training.provenance import processor

    device = resolve_device(config.device)
    system = build(config.model)
    result = bench_step(
        system,
        list(config.size),
        config.batch_size,
        config.steps,
        config.rounds,
        config.compile,
        device,
    )
    height, width = config.size
    best = max(result.default)
    print(
        f"training step of {type(system.network).__name__}, {config.batch_size} x {height}x{width} "
        f"on {device} ({processor()})\n"
        f"  float32 contiguous eager  {speeds(result.plain)} samples/s\n"
        f"  bgr's defaults            {speeds(result.default)} samples/s: "
        f"{result.numerics.describe()}{', compiled' if config.compile else ''}\n"
        f"  ratio                     {result.ratio:.2f}x (median over rounds)\n"
        f"  floor                     {result.flops / 1e9:.2f} GFLOP a sample, matrix products run at "
        f"{result.peak / 1e9:.0f} GFLOP/s: at most {result.peak / result.flops:.0f} samples/s, "
        f"reached {best * result.flops / result.peak:.0%}"
    )


def speeds(values: list[float]) -> str:
    """Samples/s of every round."""
    return " ".join(f"{v:.1f}" for v in values)
