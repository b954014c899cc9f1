"""Mean of per-image values over a data set, exact on any number of processes."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric


class PerImageMean(Metric):
    """Mean over the images on which a metric is defined.

    The mean weighs images, not batches, so the batch size and the number of processes do not matter.
    """

    total: Tensor
    defined: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("defined", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, values: Tensor) -> None:
        """Add the values of a batch, (B,); NaN is left out."""
        defined = ~values.isnan()
        self.total += values[defined].float().sum()
        self.defined += defined.sum()

    def compute(self) -> Tensor:
        """The mean; NaN when no image had a defined value."""
        if self.defined == 0:
            return torch.tensor(math.nan)
        return self.total / self.defined
