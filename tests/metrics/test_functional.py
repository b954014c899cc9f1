"""Metrics against values that the reference implementations printed for the same files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bgr.metrics import functional
from bgr.metrics.per_image import PerImageMean

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = json.loads((ORACLES / "expected.json").read_text())["cases"]
# metric, convention, metric and implementation in expected.json
REFERENCES = [
    ("mad", "rvm", "mad", "rvm_lr_np1"),
    ("mad", "mmnet", "mad", "mmnet"),
    ("mse", "rvm", "mse", "rvm_lr_np1"),
    ("sad", "rvm", "sad", "mmagic_whole"),
    ("gradient", "rvm", "grad", "rvm_lr_np1"),
    ("gradient", "mmnet", "grad", "mmnet_mean_vecnorm"),
    ("iou", "threshold", "iou_fg", "torchvision_confmat"),
]


def matte(kind: str, case: str) -> Tensor:
    pixels = np.asarray(Image.open(ORACLES / kind / f"{case}.png"), np.float32) / 255
    return torch.from_numpy(pixels)[None, None]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("metric", "convention", "key", "implementation"), REFERENCES)
def test_matches_the_reference(
    case: str, metric: str, convention: str, key: str, implementation: str
) -> None:
    expected = CASES[case]["metrics"][key].get(implementation)
    value = getattr(functional, metric)(
        matte("pred", case), matte("true", case), convention=convention
    )
    if isinstance(expected, str):  # the reference fails or gives NaN: undefined here
        assert value.isnan().all()
    else:
        assert float(value) == pytest.approx(expected, rel=2e-6, abs=1e-7)


FRAMES = json.loads((ORACLES / "expected.json").read_text())["frames"]


@pytest.mark.parametrize("case", FRAMES)
def test_frames_match_the_reference(case: str) -> None:
    def frame(kind: str) -> Tensor:
        pixels = np.asarray(Image.open(ORACLES / "frames" / kind / f"{case}.png"), np.float32) / 255
        return torch.from_numpy(pixels).permute(2, 0, 1)[None]

    pred, true = frame("pred"), frame("true")
    psnr, ssim = functional.psnr(pred, true), functional.ssim(pred, true)
    assert float(psnr) == pytest.approx(float(FRAMES[case]["psnr"]["skimage_dr255"]), abs=1e-3)
    assert float(ssim) == pytest.approx(FRAMES[case]["ssim"]["skimage_wang_gauss11_rgb"], abs=1e-5)


def test_ssim_of_a_small_image_is_undefined() -> None:
    assert functional.ssim(*torch.rand(2, 1, 3, 10, 40)).isnan().all()


def test_pixel_accuracy_counts_pixels_on_the_right_side() -> None:
    pred = torch.tensor([0.4, 0.5, 0.9, 0.1]).view(1, 1, 2, 2)
    true = torch.tensor([0.0, 1.0, 0.0, 0.2]).view(1, 1, 2, 2)
    assert float(functional.pixel_accuracy(pred, true)) == 0.75


def test_values_are_per_image_and_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    pred, true = torch.rand(3, 1, 20, 24), torch.rand(3, 1, 20, 24)
    for metric in ("mad", "mse", "sad", "gradient", "iou"):
        function = getattr(functional, metric)
        together = function(pred, true)
        apart = torch.cat([function(pred[i : i + 1], true[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(together, apart, rtol=1e-6, atol=1e-6)


def test_region_restricts_and_an_empty_region_is_undefined() -> None:
    pred, true = torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    true[:, :, :4] = 0
    region = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    region[0, :, :4] = True
    for metric in ("mad", "mse", "sad"):
        values = getattr(functional, metric)(pred, true, region)
        assert float(values[0]) == 0
        assert math.isnan(values[1])


def test_half_precision_is_computed_in_float32() -> None:
    pred, true = torch.full((1, 1, 64, 64), 0.25), torch.zeros(1, 1, 64, 64)
    assert functional.sad(pred.half(), true.half()).dtype == torch.float32
    assert float(functional.sad(pred.half(), true.half())) == pytest.approx(1.024)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (8, 8), (1, 1, 8, 9)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        functional.mad(torch.zeros(shape), torch.zeros(1, 1, 8, 8))


def test_unknown_convention_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"gradient \(rvm\)"):
        functional.unit("gradient", "unheard-of")


def test_mean_weighs_images_not_batches_and_leaves_undefined_ones_out() -> None:
    mean = PerImageMean("iou", "threshold")
    empty = torch.zeros(1, 1, 4, 4)
    full = torch.ones(1, 1, 4, 4)
    mean.update(torch.cat([full, full, empty]), torch.cat([full, empty, empty]))
    mean.update(full, full)
    assert float(mean.compute()) == pytest.approx(2 / 3)
