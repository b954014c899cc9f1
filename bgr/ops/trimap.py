"""Trimaps from mattes."""

import torch
import torch.nn.functional as F
from torch import Tensor

UNKNOWN = 128 / 255  # a trimap file holds 0, 128 and 255


def trimap_from_alpha(alpha: Tensor, radius: int) -> Tensor:
    """Trimap with an unknown band around the soft part of a matte.

    Args:
        alpha: (B, 1, H, W) float in [0, 1].
        radius: pixels by which the sure regions shrink; the band of a hard edge is twice as wide.

    Returns:
        (B, 1, H, W) float: 0 background, 128/255 unknown, 1 foreground.

    Source: Lutz et al., AlphaGAN, BMVC 2018: thresholds 0.001 and 0.999, then a square erosion.
    """
    side = 2 * radius + 1
    foreground = -F.max_pool2d(-(alpha > 0.999).to(alpha), side, stride=1, padding=radius)
    reachable = F.max_pool2d((alpha > 0.001).to(alpha), side, stride=1, padding=radius)
    return foreground + (reachable - foreground) * UNKNOWN


def three_valued(trimap: Tensor, alpha: Tensor) -> Tensor:
    """A trimap that was interpolated, or whose matte was blurred, with its three values again.

    What mixes with the unknown is unknown, and so is what the matte contradicts.

    Args:
        trimap: (B, 1, H, W) float in [0, 1].
        alpha: matte of the same shape.

    Returns:
        (B, 1, H, W) float: 0 background, 128/255 unknown, 1 foreground.
    """
    step = 1.5 / 255
    background = (trimap < step) & (alpha < step)
    foreground = (trimap > 1 - step) & (alpha > 1 - step)
    unknown = torch.full_like(trimap, UNKNOWN)
    return unknown.masked_fill(background, 0.0).masked_fill(foreground, 1.0)
