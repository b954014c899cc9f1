"""Colour spaces of networks."""

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalised(rgb: Tensor) -> Tensor:
    """Shift and scale RGB (B, 3, H, W) from [0, 1] to the statistics of ImageNet."""
    mean, std = _statistics(rgb)
    return (rgb - mean) / std


def imagenet_denormalised(x: Tensor) -> Tensor:
    """Inverse of `imagenet_normalised`; not clamped."""
    mean, std = _statistics(x)
    return x * std + mean


def _statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(v, device=like.device) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
