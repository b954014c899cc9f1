"""Mean of a per-image metric over a data set, exact on any number of processes."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from bgr.metrics import functional


class PerImageMean(Metric):
    """Mean of a metric over the images on which it is defined.

    The mean weighs images, not batches, so the batch size and the number of processes do not matter.

    Args:
        metric: name of a function in `bgr.metrics.functional`.
        convention: its convention.
    """

    total: Tensor
    defined: Tensor

    def __init__(self, metric: str, convention: str) -> None:
        super().__init__()
        functional.unit(metric, convention)
        self.function: functional.Metric = getattr(functional, metric)
        self.convention = convention
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("defined", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, pred: Tensor, true: Tensor) -> None:
        """Add a batch: pred and true (B, 1, H, W) in [0, 1]."""
        values = self.function(pred, true, convention=self.convention)
        defined = ~values.isnan()
        self.total += values[defined].sum()
        self.defined += defined.sum()

    def compute(self) -> Tensor:
        """The mean, in the unit of the convention; NaN when no image had a defined value."""
        if self.defined == 0:
            return torch.tensor(math.nan)
        return self.total / self.defined
