"""`bgr bench`: measure training steps or metrics on this machine."""

import sys

from omegaconf import DictConfig

from bgr.config import build, run_verb
from bgr.errors import BgrError


def main() -> None:
    """Run the verb; the first word says what to measure."""
    measures = {"step": step, "metrics": metrics, "data": data}
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word not in (*measures, "-h", "--help", "--cfg"):
        raise BgrError(
            "bgr bench needs to know what to measure",
            "bgr bench step [key=value ...], bgr bench metrics, or bgr bench data",
        )
    if word in measures:
        del sys.argv[1]
    run_verb(measures.get(word, step), "bench")


def metrics(config: DictConfig) -> None:
    """Measure Gradient and Connectivity and print."""
    from bgr.bench.metrics import bench_metrics
    from bgr.training.provenance import processor

    print(f"ms a frame on one core, synthetic mattes ({processor()})")
    for result in bench_metrics([(288, 512), (1080, 1920)], config.steps):
        (g, c), (plain_g, plain_c) = result.ours, result.plain
        print(
            f"  {result.size[1]}x{result.size[0]} (WxH)\n"
            f"    plain OpenCV  gradient {plain_g:6.2f}  connectivity {plain_c:7.2f}\n"
            f"    bgr           gradient {g:6.2f}  connectivity {c:7.2f}\n"
            f"    ratio         {result.ratio:.2f}x, values agree to {result.difference:.0e} (relative)"
        )


def data(config: DictConfig) -> None:
    """Measure the way from files to training samples and print."""
    from bgr.bench.data import FRAMES, bench_data, bench_manifest
    from bgr.training.provenance import processor

    result = bench_data((1080, 1920), [512, 512], config.rounds)
    print(
        f"1920x1080 JPEG (q 95, {result.kilobytes:.0f} kB) foreground, matte and background -> 512x512 "
        f"sample, one core ({processor()})\n"
        f"  decoding all three   {result.decoding:6.1f} ms (the floor: OpenCV, full size)\n"
        f"  worker stage         {result.worker:6.1f} ms: {result.ratio:.2f}x decoding, "
        f"{result.reading / result.worker:.0%} of it decoding; "
        f"{1e3 / result.worker:.0f} samples/s a core\n"
        f"  batch stage          {result.batch:6.1f} ms on this core; runs on the training device"
    )
    opened, megabytes = bench_manifest()
    print(f"manifest of {FRAMES:,} samples: opens in {opened:.0f} ms, takes {megabytes:.0f} MB")


def step(config: DictConfig) -> None:
    """Measure training steps and print."""
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
