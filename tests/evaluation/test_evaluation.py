"""Scoring, and the predictors a network must beat."""

import math

import pytest
import torch

from bgr.evaluation.baselines import centre_ellipses, constants
from bgr.evaluation.evaluator import Evaluation, Evaluator, best_of, evaluate
from bgr.types import Batch

EVALUATOR = Evaluator({"mad": "rvm", "mse": "rvm", "iou": "threshold"}, "val/mad", "min")


def mattes() -> torch.Tensor:
    """Eight upright ellipses about the middle, (8, 1, 64, 64)."""
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    shapes = [((y / (20 + i)) ** 2 + (x / (12 + i)) ** 2 <= 1).float() for i in range(8)]
    return torch.stack(shapes)[:, None]


def batches(alpha: torch.Tensor) -> list[Batch]:
    return [
        {
            "alpha": part,
            "image": part.expand(-1, 3, -1, -1),
            "name": [f"{i}_{j}" for j in range(len(part))],
        }
        for i, part in enumerate(alpha.split(3))
    ]


def test_scores_are_listed_image_by_image_in_order() -> None:
    alpha = mattes()
    result = evaluate({"perfect": lambda b: b}, batches(alpha), EVALUATOR)["perfect"]
    assert len(result.names) == 8
    assert result.scores["mad"] == [0.0] * 8
    assert result.mean("iou") == 1.0


def test_no_constant_beats_the_best_constant() -> None:
    alpha = mattes()
    candidates = {str(i): p for i, p in enumerate(constants(alpha))}
    best = best_of(list(evaluate(candidates, batches(alpha), EVALUATOR).values()), EVALUATOR)
    for value in (0.0, 0.2, 0.4, 0.6, 1.0):
        other = evaluate(
            {"c": lambda b, v=value: {"alpha": torch.full_like(b["alpha"], v)}},
            batches(alpha),
            EVALUATOR,
        )["c"]
        assert best["mad"] <= other.mean("mad") + 1e-3
        assert best["mse"] <= other.mean("mse") + 1e-3
    assert best["iou"] == pytest.approx(float(alpha.mean(dim=(1, 2, 3)).mean()), rel=1e-3)


def test_centre_ellipse_finds_centred_people() -> None:
    alpha = mattes()
    candidates = {str(i): p for i, p in enumerate(centre_ellipses(alpha))}
    best = best_of(list(evaluate(candidates, batches(alpha), EVALUATOR).values()), EVALUATOR)
    assert best["iou"] > 0.7


def test_order_puts_the_best_first_and_undefined_last() -> None:
    result = Evaluation(["a", "b", "c"], {"mad": [3.0, math.nan, 1.0], "iou": [0.3, math.nan, 0.9]})
    assert result.order("mad") == [2, 0, 1]
    assert result.order("iou") == [2, 0, 1]
    assert result.undefined("mad") == 1
    assert result.mean("mad") == 2.0


def test_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"defined: mad \(rvm\)"):
        Evaluator({"psnr": "rvm"}, "val/psnr", "max")
