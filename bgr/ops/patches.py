"""Cutting patches out of images and putting them back."""

import torch.nn.functional as F
from torch import Tensor

Where = tuple[Tensor, Tensor, Tensor]  # image, row and column of each patch, (P,) int64 each


def crop_patches(x: Tensor, where: Where, size: int, margin: int) -> Tensor:
    """Patches of the grid of side `size`, with a margin that is zero beyond the image.

    Args:
        x: (B, C, H, W).
        where: index of the image, row and column of the patch in the grid.
        size: side of a patch.
        margin: pixels around it that are cut along.

    Returns:
        (P, C, size + 2 * margin, size + 2 * margin).
    """
    image, row, column = where
    side = size + 2 * margin
    windows = F.pad(x, [margin] * 4).unfold(2, side, size).unfold(3, side, size)
    return windows[image, :, row, column]


def replace_patches(x: Tensor, where: Where, patches: Tensor) -> Tensor:
    """Write patches (P, C, size, size) into their places of the grid of x, in place; returns x."""
    image, row, column = where
    size = patches.shape[-1]
    x.unfold(2, size, size).unfold(3, size, size)[image, :, row, column] = patches
    return x
