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

from bgr.metrics.connected import LEVELS, connectivity_error
from bgr.metrics.conventions import unit
from bgr.metrics.images import psnr, ssim
from bgr.metrics.reduce import matrices, mean, operands, total, total_around, where_not_zero
from bgr.ops.gradients import (
    gaussian_derivative_kernels,
    gradient_length,
    separable_gradient,
)

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
    if convention == "mmagic" and region is not None:
        return total_around(error, region) / region.sum(dim=(1, 2, 3))
    return mean(error, region) * (1e3 if convention == "rvm" else 1.0)


def sad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Sum of absolute differences (Rhemann et al., CVPR 2009)."""
    unit("sad", convention)
    pred, true, region = operands(pred, true, region)
    error = (pred - true).abs()
    if convention == "mmagic" and region is not None:
        return total_around(error, region) / 1e3
    return total(error, region) / 1e3


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
        length = difference.square().sum(dim=1, keepdim=True).sqrt()
        return mean(length, None if region is None else region[..., 4:-4, 4:-4])
    if convention == "p3m":
        smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=6)
        kernels, pad = (smooth / smooth.sum(), derivative / smooth.sum()), "symmetric"
    else:
        smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=4)
        kernels, pad = (smooth, derivative / (smooth.norm() * derivative.norm())), "replicate"
    box = where_not_zero(pred, true, margin=len(smooth) // 2)
    lengths = [gradient_length(x[box], *kernels, pad=pad) for x in (pred, true)]
    if convention != "p3m":  # the gradient of the stretched matte
        lengths = [_stretched(v, x) for v, x in zip(lengths, (pred, true), strict=True)]
    error = (lengths[0] - lengths[1]).square()
    return total(error, region, box) / {"bgmv2": 1.0, "p3m": 10.0}.get(convention, 1e3)


def _stretched(length: Tensor, x: Tensor) -> Tensor:
    """Gradient length of an image after mapping its values linearly to [0, 1]; 0 where constant."""
    low, high = x.flatten(1).aminmax(dim=1)
    span = (high - low).view(-1, 1, 1, 1)
    return length * torch.where(span > 0, 1 / span, 0.0)


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
    box = where_not_zero(pred, true, margin=0)
    pred, true = pred[box], true[box]
    thresholds = np.arange(1, LEVELS + 1) * 0.1  # above 0.6 in float64, as in the references
    by_columns = convention in ("bgmv2", "dim")
    errors = []
    for p, t in zip(matrices(pred), matrices(true), strict=True):
        if by_columns:
            p, t = np.ascontiguousarray(p.T), np.ascontiguousarray(t.T)
        lower = np.minimum(p, t)
        if convention in ("mmagic", "p3m"):
            # Values of 8-bit files, which float32 rounds, are taken as exact.
            exact = np.round(lower.astype(np.float64) * 255) / 255
            lower = np.where(np.abs(lower - exact) < 1e-7, exact, lower)
        error = connectivity_error(p, t, lower, thresholds.astype(lower.dtype), convention == "p3m")
        errors.append(error.T if by_columns else error)
    loose = torch.from_numpy(np.stack(errors)).unsqueeze(1).to(pred.device)
    return total(loose, region, box) / (1.0 if convention == "bgmv2" else 1e3)


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
    p, t = pred >= 0.5, true >= 0.5
    if region is not None:
        p, t = p & (region > 0), t & (region > 0)
    intersection = (p & t).sum(dim=(1, 2, 3)).float()
    return intersection / (p | t).sum(dim=(1, 2, 3))


def pixel_accuracy(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "threshold"
) -> Tensor:
    """Share of the pixels on the right side of alpha 0.5 (paper 001)."""
    unit("pixel_accuracy", convention)
    pred, true, region = operands(pred, true, region)
    return mean(((pred >= 0.5) == (true >= 0.5)).float(), region)
