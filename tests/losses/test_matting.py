"""Loss terms against section 3.2 of paper 003, computed the slow way."""

import math

import pytest
import torch

from bgr.losses import matting


def test_l1_and_cross_entropy_by_hand() -> None:
    pred = torch.tensor([[[[0.5, 0.25]]]])
    true = torch.tensor([[[[1.0, 0.4]]]])
    assert float(matting.l1(pred, true)) == pytest.approx((0.5 + 0.15) / 2)
    expected = -(math.log(0.5) + 0.4 * math.log(0.25) + 0.6 * math.log(0.75)) / 2
    assert float(matting.cross_entropy(pred.logit(), true)) == pytest.approx(expected, rel=1e-5)


def test_gradient_is_the_papers_sum() -> None:
    torch.manual_seed(0)
    pred, true = torch.rand(1, 1, 5, 6), torch.rand(1, 1, 5, 6)
    s = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    total = 0.0
    for y in range(5):
        for x in range(6):
            gx = gy = 0.0
            for i in range(3):
                for j in range(3):
                    yy, xx = y + i - 1, x + j - 1
                    if 0 <= yy < 5 and 0 <= xx < 6:
                        d = float(pred[0, 0, yy, xx] - true[0, 0, yy, xx])
                        gx += s[i][j] / 8 * d
                        gy += s[j][i] / 8 * d
            total += abs(gx) + abs(gy)
    assert float(matting.gradient(pred, true)) == pytest.approx(total / (2 * 30), rel=1e-5)


def test_composition_ignores_what_is_dark() -> None:
    pred, true = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    assert float(matting.composition(pred, true, torch.zeros(1, 3, 4, 4))) == 0
    assert float(matting.composition(pred, true, torch.full((1, 3, 4, 4), 0.5))) == 0.5


def test_masked_mean_divides_by_the_mask() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]])
    mask = torch.tensor([[[[True, False], [False, True]]]])
    assert float(matting.masked_mean(x, mask)) == pytest.approx((1 + 4 + 5 + 8) / 4)
    assert float(matting.masked_mean(x, torch.zeros_like(mask))) == 0


def test_auxiliary_cross_entropy_uses_the_nearest_pixel() -> None:
    true = torch.zeros(1, 1, 32, 32)
    true[:, :, :16] = 1
    logit = torch.tensor([[[[30.0, 30.0], [-30.0, -30.0]]]])
    assert float(matting.cross_entropy(logit, true)) == pytest.approx(0, abs=1e-6)
