"""Random numbers of the batch stage: each sample draws from its own seed."""

from collections.abc import Callable

import torch
from torch import Tensor

from bgr.types import Batch


class Draws:
    """Draws for the samples of a batch, the same on every device and in every batch.

    Args:
        batch: with the key `seed`.
        stream: number of the stage, so that no two stages draw the same numbers.
    """

    def __init__(self, batch: Batch, stream: int) -> None:
        seeds = [(seed + stream) % 2**63 for seed in batch["seed"].tolist()]
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.device = batch["seed"].device

    def uniform(self, low: float, high: float) -> Tensor:
        """One number a sample, (B,) float in [low, high)."""
        drawn = torch.stack([torch.rand((), generator=g) for g in self.generators])
        return (low + (high - low) * drawn).to(self.device)

    def chosen(self, share: float) -> Tensor:
        """Which samples something happens to, (B,) bool."""
        return self.uniform(0, 1) < share

    def noise(self, like: Tensor, strength: Tensor) -> Tensor:
        """Gaussian noise of a standard deviation for each sample, (B,), shaped like a batch.

        The last of a stage's draws: a sample without noise draws none.
        """
        drawn = [
            torch.randn(like.shape[1:], generator=g) * s if s else torch.zeros(like.shape[1:])
            for g, s in zip(self.generators, strength.tolist(), strict=True)
        ]
        return torch.stack(drawn).to(like.device)


def where_chosen(change: Callable[[Tensor], Tensor], x: Tensor, chosen: Tensor) -> Tensor:
    """Apply a change to the chosen samples of a batch only.

    Args:
        change: from (n, ...) to (n, ...).
        x: (B, ...).
        chosen: (B,) bool.
    """
    if not bool(chosen.any()):
        return x
    changed = x.clone()
    changed[chosen] = change(x[chosen])
    return changed
