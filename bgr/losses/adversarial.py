"""Objectives of discriminator and generator; scores are logits (B, 1), results are scalars."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_labels(like: Tensor, interval: Sequence[float]) -> Tensor:
    """Labels drawn uniformly from an interval, one a score."""
    low, high = interval
    return torch.rand_like(like) * (high - low) + low


def bce(logit: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy with labels that may be soft (paper 000, chapters 3 and 4)."""
    return F.binary_cross_entropy_with_logits(logit, label)


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """Mean score of real minus that of generated images: raised by the critic, lowered by the generator.

    Source: Arjovsky et al., arXiv 1701.07875, equation 2; paper 000, chapter 2.
    """
    return real.mean() - fake.mean()


def product(real: Tensor, fake: Tensor) -> Tensor:
    """Mean product of both scores, which the authors' code of paper 000 minimises for both sides."""
    return (real * fake).mean()


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of the pairs of a real and a generated image in which the real one scores higher."""
    return (real.view(-1, 1) > fake.view(1, -1)).float().mean()
