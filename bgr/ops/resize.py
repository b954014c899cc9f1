"""Resizing of float images."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def halved(x: Tensor) -> Tensor:
    """Shrink (B, C, H, W) to half its sides with the antialiased triangle filter of Pillow."""
    size = [x.shape[-2] // 2, x.shape[-1] // 2]
    return F.interpolate(x, size=size, mode="bilinear", antialias=True)


def bilinear(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (B, C, H, W) bilinearly to a height and width, pixel centres aligned."""
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
