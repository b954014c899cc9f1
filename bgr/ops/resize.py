"""Resizing of float images."""

import torch.nn.functional as F
from torch import Tensor


def halved(x: Tensor) -> Tensor:
    """Shrink (B, C, H, W) to half its sides with the antialiased triangle filter of PIL."""
    size = [x.shape[-2] // 2, x.shape[-1] // 2]
    return F.interpolate(x, size=size, mode="bilinear", antialias=True)


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) bilinearly to a height and width, pixel centres aligned."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
