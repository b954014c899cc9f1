"""Loss terms of matting networks; each is unweighted and returns a scalar."""

import torch.nn.functional as F
from torch import Tensor

from bgr.ops.composite import composite
from bgr.ops.gradients import sobel


def masked_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the pixels of a mask.

    Args:
        x: (B, C, H, W) float.
        mask: (B, 1, H, W) bool or float weights; every pixel when None.

    Returns:
        Scalar; the divisor is the sum of the mask times C (at least 1), not the number of pixels.
    """
    if mask is None:
        return x.mean()
    mask = mask.to(x).expand_as(x)
    return (x * mask).sum() / mask.sum().clamp_min(1)


def l1(pred: Tensor, true: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute difference of two images or mattes in [0, 1] (paper 003, L1 in section 3.2)."""
    return masked_mean((pred - true).abs(), mask)


def cross_entropy(logit: Tensor, true: Tensor) -> Tensor:
    """Two-class cross-entropy with soft labels (paper 003, L2 in section 3.2).

    Args:
        logit: person minus background logit, (B, 1, H, W).
        true: matte in [0, 1]; resized to the logit with the nearest pixel when sizes differ.
    """
    if true.shape[-2:] != logit.shape[-2:]:
        true = F.interpolate(true, size=logit.shape[-2:], mode="nearest")
    return F.binary_cross_entropy_with_logits(logit, true)


def gradient(pred: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of the Sobel gradients of two mattes (paper 003, L3 in section 3.2).

    The mean runs over both directions, which is the 1/(2N) form of the paper.
    """
    return sobel(pred - true).abs().mean()


def composition(pred: Tensor, true: Tensor, image: Tensor) -> Tensor:
    """Mean absolute difference of the image cut out by two mattes (arXiv 1904.03816, section 3.3)."""
    black = image.new_zeros(())
    return (composite(image, black, pred) - composite(image, black, true)).abs().mean()
