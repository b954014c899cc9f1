"""Image gradients used by losses and metrics."""

import math

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor


def sobel(x: Tensor) -> Tensor:
    """Sobel-like gradient with zero padding.

    Args:
        x: (B, 1, H, W) float.

    Returns:
        (B, 2, H, W): horizontal and vertical gradient; a unit ramp gives 1.

    Source: Zhang, "Real-time Communication with Virtual Background", section 3.2: the filter
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] / 8 and its transpose.
    """
    s = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    kernel = torch.stack([s, s.T]).unsqueeze(1).to(x)
    return F.conv2d(x, kernel, padding=1)


def gaussian_derivative_kernels(sigma: float, radius: int) -> tuple[Tensor, Tensor]:
    """One-dimensional Gaussian and its first derivative, both of length 2 * radius + 1.

    Returns:
        (smooth, derivative) in float64; smooth follows the density 1 / (sqrt(2 pi) sigma) exp(...),
        derivative is -t * smooth / sigma^2; neither is normalised.
    """
    t = torch.arange(-radius, radius + 1, dtype=torch.float64)
    smooth = torch.exp(-t.square() / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    return smooth, -t * smooth / sigma**2


def separable_gradient(x: Tensor, smooth: Tensor, derivative: Tensor, pad: str | None) -> Tensor:
    """Gradient by a separable filter pair: smoothing along one axis, derivative along the other.

    Args:
        x: (B, 1, H, W) float32.
        smooth: (K,) filter across the gradient.
        derivative: (K,) filter along the gradient.
        pad: `replicate`, `symmetric` (mirrored with the border pixel, as scipy's `reflect`), or None for
            the valid region only.

    Returns:
        (B, 2, H', W'): correlation along the horizontal and the vertical axis.
    """
    radius = len(smooth) // 2
    if pad is not None:
        for dim in (-2, -1):
            x = x.index_select(dim, _border(x.shape[dim], radius, pad).to(x.device))
    smooth, derivative = smooth.to(x), derivative.to(x)
    horizontal = F.conv2d(F.conv2d(x, smooth.view(1, 1, -1, 1)), derivative.view(1, 1, 1, -1))
    vertical = F.conv2d(F.conv2d(x, smooth.view(1, 1, 1, -1)), derivative.view(1, 1, -1, 1))
    return torch.cat([horizontal, vertical], dim=1)


def gradient_length(x: Tensor, smooth: Tensor, derivative: Tensor, pad: str) -> Tensor:
    """Length of the separable gradient of (B, 1, H, W), same shape; no derivative of its own.

    On the CPU, OpenCV's separable filter does the work, which is many times faster there.
    """
    x = x.detach()
    if x.device.type != "cpu":
        return separable_gradient(x, smooth, derivative, pad).square().sum(1, keepdim=True).sqrt()
    border = {"replicate": cv2.BORDER_REPLICATE, "symmetric": cv2.BORDER_REFLECT}[pad]
    s, d = smooth.float().numpy(), derivative.float().numpy()
    out = torch.empty_like(x)
    for image, length in zip(x[:, 0].numpy(), out[:, 0].numpy(), strict=True):
        horizontal = cv2.sepFilter2D(image, cv2.CV_32F, d, s, borderType=border)
        vertical = cv2.sepFilter2D(image, cv2.CV_32F, s, d, borderType=border)
        cv2.magnitude(horizontal, vertical, length)
    return out


def _border(length: int, radius: int, mode: str) -> Tensor:
    """Indices of a line of pixels with `radius` more on both sides."""
    index = torch.arange(-radius, length + radius)
    if mode == "replicate":
        return index.clamp(0, length - 1)
    index = index % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)


def sobel_magnitude(x: Tensor) -> Tensor:
    """Length of the Sobel gradient of (B, 1, H, W), same shape, borders replicated.

    A small constant under the root keeps its derivative finite, as in kornia's Sobel filter, which the
    code of arXiv 2012.07810 uses.
    """
    components = sobel(F.pad(x, (1, 1, 1, 1), mode="replicate"))[..., 1:-1, 1:-1]
    return (components.square().sum(dim=1, keepdim=True) + 1e-6).sqrt()
