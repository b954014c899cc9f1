"""Predictors that do not learn: what a network must beat."""

import itertools
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from bgr.evaluation.evaluator import Predictor
from bgr.types import Batch

GRID = 64  # mattes are shrunk to this side while priors are fitted


def mattes_without_looking(alphas: Sequence[Tensor]) -> dict[str, Sequence[Predictor]]:
    """Baselines for mattes, fitted on the given ones, (1, H, W) in [0, 1]."""
    return {"best constant": constants(alphas), "centre ellipse": centre_ellipses(alphas)}


def images_without_a_network(replaces: bool) -> dict[str, Sequence[Predictor]]:
    """Baselines for high resolution images.

    Args:
        replaces: whether the background is replaced too; then the baselines are the camera's image and
            the target background, else the bicubic enlargement of the low resolution image.
    """
    if not replaces:
        return {"bicubic": [_bicubic]}
    return {
        "input as it is": [lambda batch: {"high_res": batch["image"]}],
        "target background": [lambda batch: {"high_res": batch["target_background"]}],
    }


def _bicubic(batch: Batch) -> Batch:
    size = batch["high_res"].shape[-2:]
    enlarged = F.interpolate(batch["low_res"], size=size, mode="bicubic", align_corners=False)
    return {"high_res": enlarged.clamp(0, 1)}


def constants(alphas: Iterable[Tensor]) -> list[Predictor]:
    """Constant mattes: 0, 1, and the mean and the median of the given mattes, (1, H, W) in [0, 1].

    The median is the constant of least MAD and the mean that of least MSE on these very mattes.
    """
    pixels = torch.cat([_shrunk(a).flatten() for a in alphas])
    return [_constant(v) for v in (0.0, 1.0, float(pixels.mean()), float(pixels.median()))]


def centre_ellipses(alphas: Iterable[Tensor]) -> list[Predictor]:
    """Ellipses on the vertical axis: the one of least MAD, and the one of greatest IoU.

    Found by a grid search over the centre's height and both half axes on the given mattes, (1, H, W).
    """
    true = torch.stack([_shrunk(a) for a in alphas]).flatten(1)
    steps = [i / 10 for i in range(1, 11)]
    shapes = list(itertools.product([0.3, 0.4, 0.5, 0.6, 0.7, 0.8], steps, steps))
    masks = torch.stack([_ellipse(GRID, GRID, *shape).flatten() for shape in shapes])
    person = (true >= 0.5).float()
    intersection = person @ masks.T
    union = person.sum(1, keepdim=True) + masks.sum(1) - intersection
    # |m - t| summed over pixels, for a binary mask m: m (1 - t) + (1 - m) t
    error = (masks.sum(1) - 2 * (true @ masks.T) + true.sum(1, keepdim=True)).mean(0)
    chosen = {int(error.argmin()), int((intersection / union).nanmean(0).argmax())}
    return [_ellipse_predictor(shapes[i]) for i in chosen]


def _shrunk(alpha: Tensor) -> Tensor:
    """(1, H, W) to (GRID, GRID) by area average."""
    return F.adaptive_avg_pool2d(alpha, GRID)[0]


def _constant(value: float) -> Predictor:
    return lambda batch: {"alpha": torch.full_like(batch["alpha"], value)}


def _ellipse(
    height: int, width: int, centre: float, half_height: float, half_width: float
) -> Tensor:
    """Binary mask (height, width); lengths are shares of the sides."""
    y = (torch.arange(height) + 0.5) / height
    x = (torch.arange(width) + 0.5) / width
    inside = ((y[:, None] - centre) / half_height) ** 2 + (
        (x[None, :] - 0.5) / half_width
    ) ** 2 <= 1
    return inside.float()


def _ellipse_predictor(shape: tuple[float, float, float]) -> Predictor:
    def predict(batch: Batch) -> Batch:
        alpha = batch["alpha"]
        height, width = alpha.shape[-2:]
        return {"alpha": _ellipse(height, width, *shape).to(alpha).expand_as(alpha)}

    return predict
