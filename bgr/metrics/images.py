"""Metrics of RGB images, (B, 3, H, W) float in [0, 1]; see `bgr.metrics.functional`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bgr.metrics.conventions import unit
from bgr.metrics.reduce import mean, operands
from bgr.ops.colour import imagenet_normalised
from bgr.ops.gradients import gaussian_derivative_kernels

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # BT.601, studio range


def psnr(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "rgb"
) -> Tensor:
    """Peak signal-to-noise ratio; infinite for identical images.

    `rgb`: over all pixels and channels. `y`: over the luma of BT.601. `legacy`: peak 255 over
    ImageNet-normalised images, about 35.2 dB above `rgb`, as the code of paper 000 prints.
    """
    unit("psnr", convention)
    pred, true, region = operands(pred, true, region, channels=3)
    error = pred - true
    if convention == "y":
        weights = torch.tensor(LUMA, device=error.device).view(1, 3, 1, 1)
        error = (error * weights).sum(dim=1, keepdim=True)
    if convention == "legacy":
        error = (imagenet_normalised(pred) - imagenet_normalised(true)) / 255
    return -10 * mean(error.square().mean(dim=1, keepdim=True), region).log10()


def ssim(
    pred: Tensor, true: Tensor, region: Tensor | None = None, convention: str = "wang"
) -> Tensor:
    """Structural similarity, the mean over channels and pixels; K1 0.01, K2 0.03, range 1.

    `wang`: 11x11 Gaussian of sigma 1.5, population covariance, valid pixels. `skimage` (its default):
    7x7 uniform window, sample covariance, valid pixels. `torchmetrics`: as `wang`, with reflected
    borders and all pixels. A region is cropped to the valid pixels; NaN where there are none.

    Source: Wang et al., "Image Quality Assessment", IEEE TIP 2004, equation 13.
    """
    unit("ssim", convention)
    pred, true, region = operands(pred, true, region, channels=3)
    radius = 3 if convention == "skimage" else 5
    side = 2 * radius + 1
    if min(pred.shape[-2:]) < side:
        return torch.full_like(pred[:, 0, 0, 0], math.nan)
    window = torch.ones(side, dtype=torch.float64)
    if convention != "skimage":
        window = gaussian_derivative_kernels(sigma=1.5, radius=radius)[0]
    row = (window / window.sum()).to(pred).view(1, 1, 1, -1)
    if convention == "torchmetrics":
        pred, true = (F.pad(x, [radius] * 4, mode="reflect") for x in (pred, true))
    elif region is not None:
        region = region[..., radius:-radius, radius:-radius]

    def local_mean(x: Tensor) -> Tensor:
        flat = x.flatten(0, 1).unsqueeze(1)
        flat = F.conv2d(F.conv2d(flat, row), row.mT)
        return flat.view(*x.shape[:2], *flat.shape[-2:])

    mean_p, mean_t = local_mean(pred), local_mean(true)
    unbiased = side**2 / (side**2 - 1) if convention == "skimage" else 1.0
    variance_p = (local_mean(pred * pred) - mean_p**2) * unbiased
    variance_t = (local_mean(true * true) - mean_t**2) * unbiased
    covariance = (local_mean(pred * true) - mean_p * mean_t) * unbiased
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_p * mean_t + c1) / (mean_p**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_p + variance_t + c2)
    return mean((luminance * structure).mean(dim=1, keepdim=True), region)
