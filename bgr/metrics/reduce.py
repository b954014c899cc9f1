"""Operands and sums that all metrics share."""

import math

import torch
from torch import Tensor


def operands(
    pred: Tensor, true: Tensor, region: Tensor | None, channels: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Float32 operands and a float32 region (ones when None).

    Raises:
        ValueError: shapes differ or are not (B, channels, H, W).
    """
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


def total(error: Tensor, region: Tensor) -> Tensor:
    """Sum of an error map over a region per image; NaN where the region is empty."""
    pixels = region.sum(dim=(1, 2, 3))
    return torch.where(pixels > 0, (error * region).sum(dim=(1, 2, 3)), math.nan)


def mean(error: Tensor, region: Tensor) -> Tensor:
    """Mean of an error map over a region per image; NaN where the region is empty."""
    return (error * region).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))
