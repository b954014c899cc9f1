"""Objectives of discriminator and generator; scores are logits (B, 1), results are scalars."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def soft_bce(logit: Tensor, interval: Sequence[float]) -> Tensor:
    """Binary cross-entropy with labels drawn uniformly from an interval (paper 000, chapters 3 and 4)."""
    low, high = interval
    labels = torch.rand_like(logit) * (high - low) + low
    return F.binary_cross_entropy_with_logits(logit, labels)


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """Mean score of real minus that of generated images: raised by the critic, lowered by the generator.

    Source: Arjovsky et al., arXiv 1701.07875, equation 2; paper 000, chapter 2.
    """
    return real.mean() - fake.mean()


def product(real: Tensor, fake: Tensor) -> Tensor:
    """Mean product of both scores, which the authors' code of paper 000 minimises for both sides."""
    return (real * fake).mean()


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of the pairs of a real and a generated image in which the real one wins; ties half."""
    difference = real.view(-1, 1) - fake.view(1, -1)
    return (difference.sign() + 1).mean() / 2


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float) -> None:
    """Clip the weights of a linear critic in place (arXiv 1701.07875, algorithm 1)."""
    for parameter in critic.parameters():
        parameter.clamp_(-limit, limit)
