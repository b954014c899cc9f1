"""Metrics against values that the reference implementations printed for the same files."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bgr.metrics import functional
from bgr.metrics.per_image import PerImageMean

ORACLES = Path(__file__).parents[1] / "oracles"
CASES = json.loads((ORACLES / "expected.json").read_text())["cases"]
# metric, convention, region, whether pred is first forced to the trimap's known values,
# metric and implementation in expected.json, factor to the raw value there
REFERENCES = [
    ("mad", "rvm", "whole", False, "mad", "rvm_lr_np1", 1),
    ("mad", "mmnet", "whole", False, "mad", "mmnet", 1),
    ("mad", "p3m", "whole", False, "mad", "p3m_whole", 1),
    ("mad", "p3m", "unknown", False, "mad", "p3m_trimap", 1),
    ("mse", "rvm", "whole", False, "mse", "rvm_lr_np1", 1),
    ("mse", "p3m", "whole", False, "mse", "p3m_whole", 1),
    ("mse", "p3m", "unknown", False, "mse", "p3m_trimap", 1),
    ("mse", "bgmv2", "unknown", False, "mse", "octave_bmv2_unknown", 1),
    ("mse", "bgmv2", "unknown", True, "mse", "octave_bmv2_masked", 1),
    ("mse", "dim", "unknown", False, "mse", "octave_dim_unknown", 1),
    ("mse", "mmagic", "unknown", True, "mse", "mmagic_masked", 1),
    ("mse", "mmagic", "whole", False, "mse", "mmagic_whole", 1),
    ("sad", "rvm", "whole", False, "sad", "mmagic_whole", 1),
    ("sad", "p3m", "unknown", False, "sad", "p3m_trimap", 1),
    ("sad", "bgmv2", "unknown", False, "sad", "octave_bmv2_unknown", 1),
    ("sad", "dim", "unknown", True, "sad", "octave_dim_masked", 1),
    ("sad", "mmagic", "unknown", True, "sad", "mmagic_masked", 1),
    ("gradient", "rvm", "whole", False, "grad", "rvm_lr_np1", 1),
    ("gradient", "mmnet", "whole", False, "grad", "mmnet_mean_vecnorm", 1),
    ("gradient", "p3m", "whole", False, "grad", "p3m_whole", 1),
    ("gradient", "bgmv2", "unknown", False, "grad", "octave_bmv2_unknown", 1),
    ("gradient", "bgmv2", "unknown", True, "grad", "octave_bmv2_masked", 1),
    ("gradient", "dim", "unknown", False, "grad", "octave_dim_unknown", 1e-3),
    ("gradient", "mmagic", "unknown", True, "grad", "mmagic_masked", 1),
    ("gradient", "mmagic", "whole", False, "grad", "mmagic_whole", 1),
    ("connectivity", "rvm", "whole", False, "conn", "rvm_lr_np1", 1),
    ("connectivity", "bgmv2", "unknown", False, "conn", "octave_bmv2_unknown", 1),
    ("connectivity", "bgmv2", "unknown", True, "conn", "octave_bmv2_masked", 1),
    ("connectivity", "dim", "unknown", False, "conn", "octave_dim_unknown", 1e-3),
    ("connectivity", "dim", "whole", False, "conn", "octave_dim_whole", 1e-3),
    ("connectivity", "mmagic", "unknown", True, "conn", "mmagic_masked", 1),
    ("connectivity", "mmagic", "whole", False, "conn", "mmagic_whole", 1),
    ("connectivity", "p3m", "whole", False, "conn", "p3m_whole", 1),
    ("iou", "threshold", "whole", False, "iou_fg", "torchvision_confmat", 1),
    ("pixel_accuracy", "threshold", "whole", False, "pixel_acc", "torchvision_confmat", 1),
]


def matte(kind: str, case: str) -> Tensor:
    pixels = np.asarray(Image.open(ORACLES / kind / f"{case}.png"), np.float32) / 255
    return torch.from_numpy(pixels)[None, None]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda r: f"{r[0]}-{r[5]}")
def test_matches_the_reference(case: str, reference: tuple[Any, ...]) -> None:
    metric, convention, name, masked, key, implementation, factor = reference
    pred, true, trimap = (matte(kind, case) for kind in ("pred", "true", "trimap"))
    region = functional.region_of(name, true, trimap)
    if masked:
        pred = torch.where(region, pred, trimap.round())
    expected = CASES[case]["metrics"][key].get(implementation)
    value = getattr(functional, metric)(pred, true, region, convention)
    if region is not None and not region.any():  # undefined here, 0 or NaN in the references
        assert value.isnan().all()
    elif isinstance(expected, str) and expected.startswith("ERR"):
        if metric == "connectivity":  # the reference stops at an empty set; bgr counts none
            assert value.isfinite().all()
        else:  # no valid pixel
            assert value.isnan().all()
    elif isinstance(expected, str):
        assert value.isnan().all()
    else:
        assert float(value) == pytest.approx(expected * factor, rel=2e-6, abs=1e-7)


@pytest.mark.parametrize("case", ["02_identical", "04_odd_noise"])
def test_foregrounds_match_the_reference(case: str) -> None:
    def colours(kind: str) -> Tensor:
        pixels = np.asarray(Image.open(ORACLES / "fgr" / kind / f"{case}.png"), np.float32) / 255
        return torch.from_numpy(pixels).permute(2, 0, 1)[None]

    pred, true, alpha = colours("pred"), colours("true"), matte("true", case)
    person = functional.region_of("foreground", alpha)
    unknown = functional.region_of("unknown", alpha, matte("trimap", case))
    expected = CASES[case]["metrics"]
    value = functional.foreground_mad(pred, true, person)
    assert float(value) == pytest.approx(expected["fgr_mad"]["rvm_lr_np1"], rel=2e-6)
    value = functional.foreground_mse(pred, true, person)
    assert float(value) == pytest.approx(expected["fgr_mse"]["rvm_lr_np1"], rel=2e-6)
    inside = torch.where(person, pred, true)
    value = functional.foreground_mse(inside, true, unknown, "bgmv2")
    assert float(value) == pytest.approx(expected["fgr_mse"]["octave_bmv2_unknown"], rel=2e-6)


def test_clip_matches_the_reference() -> None:
    def clip(kind: str) -> Tensor:
        files = sorted((ORACLES / "video" / "clip0" / kind).glob("*.png"))
        frames = [np.asarray(Image.open(f), np.float32) / 255 for f in files]
        return torch.from_numpy(np.stack(frames))[None, :, None]

    expected = json.loads((ORACLES / "expected.json").read_text())["video"]["clip0"]["rvm_lr_np1"]
    pred, true = clip("pred"), clip("true")
    value = functional.dtssd(pred, true)
    assert float(value) == pytest.approx(expected["dtssd_mean_excl_first"], rel=2e-6)
    value = functional.dtssd(pred, true, convention="rvm")
    assert float(value) == pytest.approx(expected["mean_incl_first"]["dtssd"], rel=2e-6)
    for metric, key in (("mad", "mad"), ("gradient", "grad"), ("connectivity", "conn")):
        values = getattr(functional, metric)(pred[0], true[0]).tolist()
        assert values == pytest.approx(expected["per_frame"][key], rel=2e-6, abs=1e-7)
    assert functional.dtssd(pred[:, :1], true[:, :1]).isnan().all()


FRAMES = json.loads((ORACLES / "expected.json").read_text())["frames"]


@pytest.mark.parametrize("case", FRAMES)
def test_frames_match_the_reference(case: str) -> None:
    def frame(kind: str) -> Tensor:
        pixels = np.asarray(Image.open(ORACLES / "frames" / kind / f"{case}.png"), np.float32) / 255
        return torch.from_numpy(pixels).permute(2, 0, 1)[None]

    pred, true = frame("pred"), frame("true")
    expected = FRAMES[case]
    for convention, key in (("rgb", "skimage_dr255"), ("y", "mmagic_Y")):
        value = float(functional.psnr(pred, true, convention=convention))
        assert value == pytest.approx(float(expected["psnr"][key]), abs=1e-3)
    for convention, key in (
        ("wang", "skimage_wang_gauss11_rgb"),
        ("skimage", "skimage_default_uniform7_rgb"),
        ("torchmetrics", "torchmetrics_dr1_rgb"),
    ):
        value = float(functional.ssim(pred, true, convention=convention))
        assert value == pytest.approx(float(expected["ssim"][key]), abs=1e-5)


def test_legacy_psnr_is_that_of_paper_000() -> None:
    """Peak 255 over normalised tensors: 48.13 dB for the peak, 12.92 dB for the deviations."""
    torch.manual_seed(0)
    true = torch.rand(2, 3, 64, 64)
    pred = (true + 0.05 * torch.randn_like(true)).clamp(0, 1)
    difference = functional.psnr(pred, true, convention="legacy") - functional.psnr(pred, true)
    assert difference.tolist() == pytest.approx([35.2, 35.2], abs=0.05)


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
    mean = PerImageMean()
    empty = torch.zeros(1, 1, 4, 4)
    full = torch.ones(1, 1, 4, 4)
    pred, true = torch.cat([full, full, empty]), torch.cat([full, empty, empty])
    mean.update(functional.iou(pred, true))
    mean.update(functional.iou(full, full))
    assert float(mean.compute()) == pytest.approx(2 / 3)
