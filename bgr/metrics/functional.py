"""Per-image metrics of mattes, foregrounds, images and clips.

Every metric takes pred and true, (B, 1, H, W) float in [0, 1] (RGB: (B, 3, H, W); clips:
(B, T, 1, H, W)), an optional region, (B, 1, H, W) bool, and a convention, and returns (B,) float32 in the
unit that `unit(metric, convention)` names. Where a metric is undefined (an empty region) it is NaN. Half
precision input is computed in float32.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bgr.metrics.connected import LEVELS, connected_levels
from bgr.metrics.conventions import unit
from bgr.metrics.images import psnr, ssim
from bgr.metrics.reduce import mean, operands, total
from bgr.ops.gradients import gaussian_derivative_kernels, separable_gradient

__all__ = [
    "connectivity",
    "dtssd",
    "foreground_mad",
    "foreground_mse",
    "gradient",
    "iou",
    "mad",
    "mse",
    "pixel_accuracy",
    "psnr",
    "region_of",
    "sad",
    "ssim",
    "unit",
]

Metric = Callable[..., Tensor]


def region_of(name: str, alpha: Tensor, trimap: Tensor | None = None) -> Tensor | None:
    """A region by name.

    Args:
        name: `whole` (None is returned), `unknown` (trimap neither 0 nor 1), `foreground` (alpha > 0)
            or `background` (alpha = 0).
        alpha: true matte, (B, 1, H, W).
        trimap: needed for `unknown`, same shape, in [0, 1].

    Raises:
        ValueError: an unknown name, or no trimap for `unknown`.
    """
    if name == "whole":
        return None
    if name == "unknown" and trimap is not None:
        return (trimap > 0) & (trimap < 1)
    if name in ("foreground", "background"):
        return (alpha > 0) == (name == "foreground")
    raise ValueError(
        f"region {name!r} (trimap {'given' if trimap is not None else 'missing'}): expected whole, "
        "unknown (with a trimap), foreground or background"
    )


def mad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean absolute difference (Lin et al., Robust Video Matting, WACV 2022, section 5.1)."""
    unit("mad", convention)
    pred, true, region = operands(pred, true, region)
    return mean((pred - true).abs(), region) * (1e3 if convention == "rvm" else 1.0)


def mse(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean squared difference (Rhemann et al., CVPR 2009)."""
    unit("mse", convention)
    pred, true, region = operands(pred, true, region)
    error = (pred - true).square()
    if convention == "mmagic":
        return mean(torch.where(region > 0, error, 0), region) + _outside(error, region)
    return mean(error, region) * (1e3 if convention == "rvm" else 1.0)


def _outside(error: Tensor, region: Tensor) -> Tensor:
    """Sum of an error outside of a region, divided by the pixels inside."""
    return (error * (1 - region)).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))


def sad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Sum of absolute differences (Rhemann et al., CVPR 2009)."""
    unit("sad", convention)
    pred, true, region = operands(pred, true, region)
    error = (pred - true).abs()
    inside = total(error, region) / 1e3
    if convention == "mmagic":  # sums outside of the region too
        return inside + (error * (1 - region)).sum(dim=(1, 2, 3)) / 1e3
    return inside


def gradient(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Gradient error: how far the edges of two mattes differ.

    First-derivative Gaussian filters, sigma 1.4. `rvm`, `dim`, `mmagic` and `bgmv2`: each matte is
    stretched to [0, 1] first, the 9x9 kernel has unit L2 norm, borders are replicated, and the squared
    difference of the gradient magnitudes is summed. `p3m`: no stretching, kernels of unit gain
    truncated at 4 sigma, borders reflected. `mmnet`: no stretching, the smoothing Gaussian sums to one,
    only the valid region counts (a region is cropped to it; NaN where there is none), and the length of
    the gradient difference is averaged.

    Source: Rhemann et al., CVPR 2009; arXiv 1904.03816 (`mmnet`).
    """
    unit("gradient", convention)
    pred, true, region = operands(pred, true, region)
    if convention == "mmnet":
        if min(pred.shape[-2:]) < 9:
            return torch.full_like(pred[:, 0, 0, 0], torch.nan)
        smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=4)
        kernels = (smooth / smooth.sum(), derivative / smooth.sum())
        difference = separable_gradient(pred - true, *kernels, pad=None)
        return mean(_length(difference), region[..., 4:-4, 4:-4])
    if convention == "p3m":
        smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=6)
        kernels, pad = (smooth / smooth.sum(), derivative / smooth.sum()), "symmetric"
    else:
        smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=4)
        kernels, pad = (smooth, derivative / (smooth.norm() * derivative.norm())), "replicate"
        pred, true = _stretched(pred), _stretched(true)
    error = _length(separable_gradient(pred, *kernels, pad=pad))
    error = (error - _length(separable_gradient(true, *kernels, pad=pad))).square()
    return total(error, region) / {"bgmv2": 1.0, "p3m": 10.0}.get(convention, 1e3)


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the channels, (B, 2, H, W) -> (B, 1, H, W)."""
    return vectors.square().sum(dim=1, keepdim=True).sqrt()


def _stretched(x: Tensor) -> Tensor:
    """Each image mapped linearly so that its values span [0, 1]; a constant image becomes 0."""
    low, high = x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (x - low) / span, 0.0)


def connectivity(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Connectivity error: how far pixels hang loose from the common object.

    A pixel's distance is its alpha minus the last threshold (0, 0.1, ..., 1) at which it still belongs
    to the largest 4-connected component of min(pred, true); distances below 0.15 count as none.
    Thresholds are compared in float32 (`rvm`, `bgmv2`, `dim`) or float64 (`mmagic`, `p3m`), where
    153/255 falls short of 0.6. Of equally large components the first counts, by columns under `bgmv2`
    and `dim` (Octave), else by rows. Under `p3m`, pixels left when a set is empty count as connected
    throughout. Runs on the CPU wherever the tensors are.

    Source: Rhemann et al., CVPR 2009, section 3.
    """
    unit("connectivity", convention)
    pred, true, region = operands(pred, true, region)
    steps = np.arange(LEVELS + 1) * 0.1  # 6 * 0.1 is above 0.6 in float64, as in the references
    thresholds = steps[1:].astype(np.float32)
    lower = torch.minimum(pred, true).squeeze(1).cpu().numpy()
    if convention in ("mmagic", "p3m"):  # values of 8-bit files, which float32 rounds, are exact
        thresholds, exact = steps[1:], np.round(lower.astype(np.float64) * 255) / 255
        lower = np.where(np.abs(lower - exact) < 1e-7, exact, lower)
    by_columns = convention in ("bgmv2", "dim")
    last = []
    for image in lower:
        passed = np.searchsorted(thresholds, image, side="right").astype(np.uint8)
        levels, top = connected_levels(np.ascontiguousarray(passed.T if by_columns else passed))
        if convention == "p3m" and top < LEVELS:
            levels = np.where(levels == top, np.uint8(LEVELS), levels)
        last.append(steps[levels.T if by_columns else levels])
    reached = torch.from_numpy(np.stack(last)).float().unsqueeze(1).to(pred.device)
    error = (_connection(pred, reached) - _connection(true, reached)).abs()
    return total(error, region) / (1.0 if convention == "bgmv2" else 1e3)


def _connection(alpha: Tensor, reached: Tensor) -> Tensor:
    """Degree of connectedness, 1 where alpha is within 0.15 of the last threshold it reached."""
    distance = alpha - reached
    return 1 - distance * (distance >= 0.15)


def dtssd(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "pairs"
) -> Tensor:
    """Temporal error of clips, (B, T, 1, H, W): root mean square difference of the changes, times 100.

    NaN for clips of one frame under `pairs`; `rvm` counts the first frame as 0, as that code does.

    Source: Erofeev et al., BMVC 2015; Robust Video Matting, section 5.1.
    """
    unit("dtssd", convention)
    if pred.shape != true.shape or pred.ndim != 5 or pred.shape[2] != 1:
        raise ValueError(
            f"pred is {tuple(pred.shape)} and true {tuple(true.shape)}; both must be (B, T, 1, H, W)"
        )
    change = pred.float().diff(dim=1) - true.float().diff(dim=1)
    counted = torch.ones_like(change) if region is None else region[:, None].float()
    error = (change.square() * counted).sum(dim=(2, 3, 4)) / counted.sum(dim=(2, 3, 4))
    frames = pred.shape[1] if convention == "rvm" else pred.shape[1] - 1
    return 100 * error.sqrt().sum(dim=1) / frames


def foreground_mad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean absolute difference of colours, (B, 3, H, W); the region is where true alpha > 0."""
    unit("foreground_mad", convention)
    pred, true, region = operands(pred, true, region, channels=3)
    return mean((pred - true).abs().mean(dim=1, keepdim=True), region) * 1e3


def foreground_mse(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean squared difference of colours, (B, 3, H, W); the region is where true alpha > 0.

    Under `bgmv2` the region is the unknown part of a trimap, and pred equals true where alpha is 0.
    """
    unit("foreground_mse", convention)
    pred, true, region = operands(pred, true, region, channels=3)
    error = mean((pred - true).square().mean(dim=1, keepdim=True), region)
    return error * (1e3 if convention == "rvm" else 1.0)


def iou(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "threshold"
) -> Tensor:
    """Intersection over union of the pixels with alpha >= 0.5; NaN when both sets are empty."""
    unit("iou", convention)
    pred, true, region = operands(pred, true, region)
    p, t = (pred >= 0.5) & (region > 0), (true >= 0.5) & (region > 0)
    intersection = (p & t).sum(dim=(1, 2, 3)).float()
    return intersection / (p | t).sum(dim=(1, 2, 3))


def pixel_accuracy(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "threshold"
) -> Tensor:
    """Share of the pixels on the right side of alpha 0.5 (paper 001)."""
    unit("pixel_accuracy", convention)
    pred, true, region = operands(pred, true, region)
    return mean(((pred >= 0.5) == (true >= 0.5)).float(), region)
