"""Time from files to training samples, against the time that decoding them takes anyway."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch.utils.data import default_collate

from bgr.data.augment import PhotometricAugment
from bgr.data.compose import compose
from bgr.data.geometry import AffineGeometry
from bgr.data.mismatch import CapturedMismatch
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair
from bgr.data.synthetic import SyntheticDataset
from bgr.io.images import read_alpha, read_image, write_image
from bgr.io.manifest import Manifest, write_manifest

NEEDS = ("image", "alpha", "foreground", "captured_background")
FILES = 8  # of each kind
SAMPLES = 16  # a round
CLIPS, FRAMES = 484, 240_709  # of VideoMatte240K
# Shares of BackgroundMattingV2, as in conf/augment/bgmv2.yaml; the rest are the classes' defaults.
AUGMENT = PhotometricAugment(0.15, 0.0, 0.05, blur=0.1, sharpen=0.1, noise=0.03, noise_share=0.4)


@dataclass
class DataBench:
    """Milliseconds a sample on one core.

    Attributes:
        decoding: of reading foreground, matte and background at full size, and no more.
        reading: of decoding them as large as the sample needs.
        worker: of what a loader process does: reading, warping, stacking.
        batch: of what happens on the batch: cropping, augmentation, compositing.
        ratio: worker / decoding, the median over the rounds.
        kilobytes: mean size of a photo.
    """

    decoding: float
    reading: float
    worker: float
    batch: float
    ratio: float
    kilobytes: float


def bench_data(frame: tuple[int, int], size: Sequence[int], rounds: int) -> DataBench:
    """Time decoding, the worker stage and the batch stage in turns.

    Args:
        frame: height and width of the JPEG files (quality 95), which are drawn for this.
        size: height and width of a sample.
        rounds: how often all three are measured.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times: dict[str, list[float]] = {"decoding": [], "reading": [], "worker": [], "batch": []}
    try:
        with tempfile.TemporaryDirectory() as name:
            pairs = write_frames(Path(name), frame)
            dataset = PairDataset(
                pairs,
                "train",
                size,
                [Path(name) / "background"],
                geometry=AffineGeometry(size),
                needs=NEEDS,
                kind="cutout",
            )
            backgrounds = dataset.pool.files

            def decode(index: int) -> None:
                pair = pairs[index % FILES]
                assert pair.alpha is not None
                read_image(pair.image)
                read_alpha(pair.alpha)
                read_image(backgrounds[index % FILES])

            def read(index: int) -> None:
                dataset.sample(index % FILES, np.random.default_rng(index))

            def augment(index: int) -> None:
                collated = default_collate([items[index % SAMPLES]])
                compose(collated, NEEDS, AUGMENT, CapturedMismatch(), smallest_crop=0.5)

            items = [dataset[index] for index in range(SAMPLES)]
            kilobytes = statistics.mean(f.stat().st_size / 1024 for f in backgrounds)
            stages = dict(zip(times, (decode, read, dataset.__getitem__, augment), strict=True))
            for number in track(range(rounds + 1), "measuring", transient=True):
                for name, stage in stages.items():
                    milliseconds = milliseconds_of(stage, number)
                    if number:  # the first round only warms up
                        times[name].append(milliseconds)
    finally:
        torch.set_num_threads(threads)
    ratios = (w / d for w, d in zip(times["worker"], times["decoding"], strict=True))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return DataBench(**medians, ratio=statistics.median(ratios), kilobytes=kilobytes)


def milliseconds_of(function: Callable[[int], object], number: int) -> float:
    """Mean time of a call, over the samples of a round."""
    start = time.perf_counter()
    for index in range(number * SAMPLES, (number + 1) * SAMPLES):
        function(index)
    return (time.perf_counter() - start) / SAMPLES * 1e3


def write_frames(folder: Path, frame: tuple[int, int]) -> list[Pair]:
    """Drawn people as `fgr/`, `pha/` and `background/`, JPEGs of quality 95."""
    dataset = SyntheticDataset("test", frame)
    for name in ("fgr", "pha", "background"):
        (folder / name).mkdir()
    kinds = {"foreground": "fgr", "alpha": "pha", "captured_background": "background"}
    for index in range(FILES):
        item = dataset[index]
        for key, kind in kinds.items():
            pixels = np.ascontiguousarray(item[key].numpy().transpose(1, 2, 0).squeeze())
            write_image(folder / kind / f"{index}.jpg", pixels, quality=95)
    names = [f"{index}.jpg" for index in range(FILES)]
    return [Pair(folder / "fgr" / name, folder / "pha" / name) for name in names]


def bench_manifest() -> tuple[float, float]:
    """Milliseconds to open a manifest of VideoMatte240K's size, and megabytes that it takes."""
    with tempfile.TemporaryDirectory() as name:
        rows = (
            {
                "name": f"{clip:04d}_{frame:05d}",
                "group": f"{clip:04d}",
                "foreground": f"fgr/{clip:04d}/{frame:05d}.jpg",
                "alpha": f"pha/{clip:04d}/{frame:05d}.jpg",
            }
            for frame, clip in (divmod(number, CLIPS) for number in range(FRAMES))
        )
        write_manifest(Path(name), {"tool": "bench"}, rows, {"train": FRAMES - 1000, "test": 1000})
        before = resident()
        start = time.perf_counter()
        manifest = Manifest(Path(name)).split("train")
        manifest[len(manifest) // 2]
        return (time.perf_counter() - start) * 1e3, resident() - before


def resident() -> float:
    """Megabytes of this process in memory, shared pages of files included; NaN off Linux."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024
