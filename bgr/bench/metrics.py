"""Speed of the Gradient and Connectivity metrics against the plain OpenCV formulation."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgr.data.synthetic import SyntheticDataset
from bgr.metrics.functional import connectivity, gradient
from bgr.ops.gradients import gaussian_derivative_kernels

Matte = NDArray[np.float32]
SIGMA_BLUR = 2.0  # of the prediction, beside its noise


class MetricBench(NamedTuple):
    """One frame size, milliseconds a frame on one core.

    Attributes:
        size: height and width.
        ours: Gradient and Connectivity of bgr.
        plain: the same of the plain formulation.
        difference: largest relative difference of the values.
    """

    size: tuple[int, int]
    ours: tuple[float, float]
    plain: tuple[float, float]
    difference: float

    @property
    def ratio(self) -> float:
        """Time of both metrics, plain over ours."""
        return sum(self.plain) / sum(self.ours)


def bench_metrics(sizes: Sequence[tuple[int, int]], frames: int) -> list[MetricBench]:
    """Time both formulations in turns on the same synthetic mattes; the fastest turn counts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [bench_size(size, frames) for size in sizes]
    finally:
        torch.set_num_threads(threads)


def bench_size(size: tuple[int, int], frames: int) -> MetricBench:
    """Time one frame size."""
    dataset = SyntheticDataset("val", size, val_length=frames)
    rng = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {key: [] for key in ("g", "c", "plain g", "plain c")}
    difference = 0.0
    for index in range(frames):
        true = dataset[index]["alpha"][0].numpy().astype(np.float32) / 255
        noise = rng.normal(0, 0.03, true.shape)
        pred = cv2.GaussianBlur(true, (0, 0), SIGMA_BLUR) + noise * (true > 0)
        pred = (pred.clip(0, 1) * 255).round().astype(np.float32) / 255
        p, t = (torch.from_numpy(x)[None, None] for x in (pred, true))
        ours: list[tuple[str, Callable[[], Tensor | float]]] = [
            ("g", lambda p=p, t=t: gradient(p, t)),  # type: ignore[misc]
            ("c", lambda p=p, t=t: connectivity(p, t)),  # type: ignore[misc]
            ("plain g", lambda p=pred, t=true: plain_gradient(p, t)),  # type: ignore[misc]
            ("plain c", lambda p=pred, t=true: plain_connectivity(p, t)),  # type: ignore[misc]
        ]
        values = {}
        for key, function in ours:
            function()  # compiles at the first call
            start = time.perf_counter()
            values[key] = float(function())
            seconds[key].append(time.perf_counter() - start)
        for key in ("g", "c"):
            reference = values[f"plain {key}"]
            difference = max(difference, abs(values[key] - reference) / reference)
    g, c, plain_g, plain_c = (1e3 * float(np.median(seconds[key])) for key in seconds)
    return MetricBench(size, (g, c), (plain_g, plain_c), difference)


def plain_gradient(pred: Matte, true: Matte) -> float:
    """Two 9x9 filters a matte after min-max normalisation, as evaluation scripts have it."""
    smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=4)
    kernel = torch.outer(smooth, derivative).numpy()
    kernel /= np.sqrt((kernel**2).sum())
    lengths = []
    for matte in (pred, true):
        stretched = np.zeros_like(matte)
        cv2.normalize(matte, stretched, 1.0, 0.0, cv2.NORM_MINMAX)
        x = cv2.filter2D(stretched, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        y = cv2.filter2D(stretched, -1, kernel.T, borderType=cv2.BORDER_REPLICATE)
        lengths.append(np.sqrt(x**2 + y**2))
    return float(((lengths[0] - lengths[1]) ** 2).sum() / 1000)


def plain_connectivity(pred: Matte, true: Matte) -> float:
    """One labelling of a binary image for every threshold."""
    last = np.full(pred.shape, -1, np.float32)
    steps = np.arange(0, 1.1, 0.1).astype(np.float32)
    for below, step in itertools.pairwise(steps):
        both = ((pred >= step) & (true >= step)).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        sizes = stats[1:, cv2.CC_STAT_AREA]
        largest = labels == int(sizes.argmax()) + 1 if len(sizes) else np.zeros(pred.shape, bool)
        last[(last == -1) & ~largest] = below
    last[last == -1] = 1
    degrees = []
    for matte in (pred, true):
        distance = matte - last
        degrees.append(1 - distance * (distance >= 0.15))
    return float(np.abs(degrees[0] - degrees[1]).sum() / 1000)
