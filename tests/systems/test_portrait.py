"""The portrait system: its terms, their weights, and what it refuses."""

import pytest
import torch

from bgr.errors import BgrError
from bgr.models.mobile_deeplab import MobileDeepLabV3
from bgr.models.portrait import PortraitNet
from bgr.systems.portrait import PortraitSystem
from bgr.types import Batch

TERMS = ("l1", "cross_entropy", "gradient", "composition", "auxiliary")


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(0)
    return {"image": torch.rand(2, 3, 32, 32), "alpha": torch.rand(2, 1, 32, 32).round()}


def test_total_is_the_weighted_sum_of_every_term(batch: Batch) -> None:
    system = PortraitSystem(PortraitNet(0.25), {t: 0.5 + i for i, t in enumerate(TERMS)}).train()
    terms = system.losses(batch)
    assert set(terms) == set(TERMS)
    expected = sum((0.5 + i) * terms[t] for i, t in enumerate(TERMS))
    torch.testing.assert_close(system.total(terms), expected)


def test_a_term_of_weight_zero_is_left_out(batch: Batch) -> None:
    weights = {"l1": 1.0, "composition": 0.0, "auxiliary": 0.0}
    system = PortraitSystem(MobileDeepLabV3(0.35), weights)
    assert set(system.loss_weights) == {"l1"}
    assert "auxiliary" not in system.losses(batch)


def test_auxiliary_term_without_the_head_is_refused(batch: Batch) -> None:
    system = PortraitSystem(MobileDeepLabV3(0.35), {"auxiliary": 1.0})
    with pytest.raises(BgrError, match=r"MobileDeepLabV3 has no auxiliary head"):
        system.losses(batch)


def test_unknown_terms_and_schedules_are_refused() -> None:
    with pytest.raises(BgrError, match=r"no loss term l2(.|\n)*cross_entropy"):
        PortraitSystem(PortraitNet(0.25), {"l2": 1.0})
    with pytest.raises(BgrError, match=r"cosine(.|\n)*one_cycle"):
        PortraitSystem(PortraitNet(0.25), {"l1": 1.0}, schedule="cosine")
