"""Per-image metrics of mattes and images.

Every metric takes pred and true, (B, 1, H, W) float in [0, 1] (RGB, (B, 3, H, W), for `ssim` and
`psnr`), an optional region, (B, 1, H, W) bool, and a convention, and returns (B,) float32 in the unit
that `unit(metric, convention)` names. An image whose region is empty gives NaN. Half precision input
is computed in float32.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from bgr.ops.gradients import gaussian_derivative_kernels, separable_gradient

Metric = Callable[..., Tensor]

_UNITS = {
    ("mad", "rvm"): "mean x 1000",
    ("mad", "mmnet"): "mean, unscaled",
    ("mse", "rvm"): "mean x 1000",
    ("sad", "rvm"): "sum / 1000",
    ("gradient", "rvm"): "sum / 1000, min-max normalised",
    ("gradient", "mmnet"): "mean over the valid pixels, unscaled",
    ("iou", "threshold"): "0 to 1, alpha >= 0.5",
    ("pixel_accuracy", "threshold"): "0 to 1, alpha >= 0.5",
    ("ssim", "wang"): "-1 to 1, 11x11 Gaussian, valid region",
    ("psnr", "rgb"): "dB, peak 1",
}

_SUBJECTS = {"ssim": "high_res", "psnr": "high_res"}


def subject(metric: str) -> str:
    """Batch key that a metric compares."""
    return _SUBJECTS.get(metric, "alpha")


def unit(metric: str, convention: str) -> str:
    """Unit and region of a metric under a convention, as tables print it.

    Raises:
        ValueError: the pair is not defined; the message lists those that are.
    """
    if (metric, convention) not in _UNITS:
        known = ", ".join(f"{m} ({c})" for m, c in _UNITS)
        raise ValueError(f"no metric {metric!r} with convention {convention!r}; defined: {known}")
    return _UNITS[metric, convention]


def _check(
    pred: Tensor, true: Tensor, region: Tensor | None, channels: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Float32 operands and a float32 region; raise ValueError when shapes differ."""
    if pred.shape != true.shape or pred.ndim != 4 or pred.shape[1] != channels:
        raise ValueError(
            f"pred is {tuple(pred.shape)} and true {tuple(true.shape)}; both must be "
            f"(B, {channels}, H, W)"
        )
    if region is None:
        region = torch.ones_like(true[:, :1], dtype=torch.bool)
    if region.shape != true[:, :1].shape:
        raise ValueError(f"region is {tuple(region.shape)}, expected {tuple(true[:, :1].shape)}")
    return pred.float(), true.float(), region.float()


def _mean(error: Tensor, region: Tensor) -> Tensor:
    """Mean of an error map over a region per image; NaN where the region is empty."""
    return (error * region).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))


def _sum(error: Tensor, region: Tensor) -> Tensor:
    """Sum of an error map over a region per image; NaN where the region is empty."""
    total = (error * region).sum(dim=(1, 2, 3))
    return torch.where(region.sum(dim=(1, 2, 3)) > 0, total, math.nan)


def mad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean absolute difference; times 1e3 under `rvm`, unscaled under `mmnet`.

    Source: Lin et al., Robust Video Matting, WACV 2022, section 5.1; Zhang, section 4.
    """
    pred, true, region = _check(pred, true, region)
    unit("mad", convention)
    scale = 1e3 if convention == "rvm" else 1.0
    return _mean((pred - true).abs(), region) * scale


def mse(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Mean squared difference times 1e3 (Robust Video Matting, section 5.1)."""
    pred, true, region = _check(pred, true, region)
    unit("mse", convention)
    return _mean((pred - true).square(), region) * 1e3


def sad(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Sum of absolute differences divided by 1000 (Rhemann et al., CVPR 2009)."""
    pred, true, region = _check(pred, true, region)
    unit("sad", convention)
    return _sum((pred - true).abs(), region) / 1e3


def gradient(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rvm"
) -> Tensor:
    """Gradient error: how far the edges of two mattes differ.

    First-derivative Gaussian filters, sigma 1.4, 9x9. `rvm`: each matte is stretched to [0, 1] first,
    the kernel has unit L2 norm, borders are replicated, and the squared difference of the gradient
    magnitudes is summed and divided by 1000. `mmnet`: no stretching, the smoothing Gaussian sums to
    one, only the valid region counts, and the Euclidean length of the gradient difference is averaged; a
    region is cropped to the valid part.

    Source: Rhemann et al., CVPR 2009, as evaluated by Robust Video Matting; arXiv 1904.03816.
    """
    pred, true, region = _check(pred, true, region)
    unit("gradient", convention)
    smooth, derivative = gaussian_derivative_kernels(sigma=1.4, radius=4)
    if convention == "mmnet":
        if min(pred.shape[-2:]) < len(smooth):  # no valid pixel
            return torch.full_like(pred[:, 0, 0, 0], math.nan)
        total = smooth.sum()
        difference = separable_gradient(pred - true, smooth / total, derivative / total, pad=None)
        return _mean(_length(difference), region[..., 4:-4, 4:-4])
    norm = smooth.norm() * derivative.norm()
    length_pred, length_true = (
        _length(separable_gradient(_stretched(x), smooth, derivative / norm, pad="replicate"))
        for x in (pred, true)
    )
    return _sum((length_pred - length_true).square(), region) / 1e3


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the channels, (B, 2, H, W) -> (B, 1, H, W)."""
    return vectors.square().sum(dim=1, keepdim=True).sqrt()


def _stretched(x: Tensor) -> Tensor:
    """Each image mapped linearly so that its values span [0, 1]; a constant image becomes 0."""
    low, high = x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (x - low) / span, 0.0)


def iou(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "threshold"
) -> Tensor:
    """Intersection over union of the pixels with alpha >= 0.5; NaN when both sets are empty."""
    pred, true, region = _check(pred, true, region)
    unit("iou", convention)
    p, t = (pred >= 0.5) & (region > 0), (true >= 0.5) & (region > 0)
    intersection = (p & t).sum(dim=(1, 2, 3)).float()
    return intersection / (p | t).sum(dim=(1, 2, 3))


def pixel_accuracy(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "threshold"
) -> Tensor:
    """Share of the pixels on the right side of alpha 0.5 (paper 001)."""
    pred, true, region = _check(pred, true, region)
    unit("pixel_accuracy", convention)
    return _mean(((pred >= 0.5) == (true >= 0.5)).float(), region)


def psnr(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rgb"
) -> Tensor:
    """Peak signal-to-noise ratio over all pixels and channels; infinite for identical images."""
    pred, true, region = _check(pred, true, region, channels=3)
    unit("psnr", convention)
    return -10 * _mean((pred - true).square().mean(dim=1, keepdim=True), region).log10()


def ssim(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "wang"
) -> Tensor:
    """Structural similarity: mean over channels and the valid region; NaN where a side is below 11.

    Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, range 1, population covariance; a region is
    cropped to the valid part.

    Source: Wang et al., "Image Quality Assessment", IEEE TIP 2004, equation 13.
    """
    pred, true, region = _check(pred, true, region, channels=3)
    unit("ssim", convention)
    if min(pred.shape[-2:]) < 11:
        return torch.full_like(pred[:, 0, 0, 0], math.nan)
    smooth = gaussian_derivative_kernels(sigma=1.5, radius=5)[0].to(pred)
    window = (smooth / smooth.sum()).view(1, 1, 1, -1)

    def local_mean(x: Tensor) -> Tensor:
        flat = x.flatten(0, 1).unsqueeze(1)
        flat = F.conv2d(F.conv2d(flat, window), window.mT)
        return flat.view(*x.shape[:2], *flat.shape[-2:])

    mean_p, mean_t = local_mean(pred), local_mean(true)
    variance_p = local_mean(pred * pred) - mean_p**2
    variance_t = local_mean(true * true) - mean_t**2
    covariance = local_mean(pred * true) - mean_p * mean_t
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_p * mean_t + c1) / (mean_p**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_p + variance_t + c2)
    return _mean((luminance * structure).mean(dim=1, keepdim=True), region[..., 5:-5, 5:-5])
