"""Operands and sums that all metrics share."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def operands(
    pred: Tensor, true: Tensor, region: Tensor | None, channels: int = 1
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Float32 operands and a float32 region, None for the whole image.

    Raises:
        ValueError: shapes differ or are not (B, channels, H, W).
    """
    if pred.shape != true.shape or pred.ndim != 4 or pred.shape[1] != channels:
        raise ValueError(
            f"pred is {tuple(pred.shape)} and true {tuple(true.shape)}; both must be "
            f"(B, {channels}, H, W)"
        )
    if region is not None and region.shape != true[:, :1].shape:
        raise ValueError(f"region is {tuple(region.shape)}, expected {tuple(true[:, :1].shape)}")
    return pred.float(), true.float(), None if region is None else region.float()


def total(error: Tensor, region: Tensor | None, box: tuple[slice, ...] = ()) -> Tensor:
    """Sum of an error map over a region per image; NaN where the region is empty.

    Args:
        error: (B, 1, H, W), or the part of it in `box`, beyond which it is 0.
        region: (B, 1, H, W); everything when None.
        box: slices of the region that `error` covers; all of it when empty.
    """
    if region is None:
        return error.sum(dim=(1, 2, 3))
    inside = (error * region[box]).sum(dim=(1, 2, 3))
    return torch.where(region.sum(dim=(1, 2, 3)) > 0, inside, math.nan)


def total_around(error: Tensor, region: Tensor) -> Tensor:
    """Sum of an error map over the whole image; NaN where the region is empty."""
    return torch.where(region.sum(dim=(1, 2, 3)) > 0, error.sum(dim=(1, 2, 3)), math.nan)


def mean(error: Tensor, region: Tensor | None) -> Tensor:
    """Mean of an error map over a region per image; NaN where the region is empty."""
    if region is None:
        return error.mean(dim=(1, 2, 3))
    return (error * region).sum(dim=(1, 2, 3)) / region.sum(dim=(1, 2, 3))


def where_not_zero(pred: Tensor, true: Tensor, margin: int) -> tuple[slice, ...]:
    """Smallest box, over a whole batch, outside of which both mattes are 0, with a margin inside."""
    either = torch.maximum(pred, true).amax(dim=(0, 1))
    box = [slice(None), slice(None)]
    for dim, side in enumerate(either.shape):
        used = (either.amax(dim=1 - dim) > 0).nonzero()
        if not len(used):
            return (slice(None),)
        box.append(slice(max(0, int(used[0]) - margin), min(side, int(used[-1]) + margin + 1)))
    return tuple(box)


def matrices(mattes: Tensor) -> Sequence[NDArray[np.float32]]:
    """(B, 1, H, W) as C-contiguous (H, W) arrays."""
    return [np.ascontiguousarray(m) for m in mattes.detach().cpu().numpy()[:, 0]]
