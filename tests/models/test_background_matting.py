"""BackgroundMattingV2 against the outputs of its published code, with weights filled by a recipe."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50, resnet101

from bgr.errors import BgrError
from bgr.models.background_matting import BaseOutput, MattingBase, MattingRefine, RefineOutput
from tests.models.weights import draw, filled

ORACLES = Path(__file__).parents[1] / "oracles" / "arch"
EXPECTED = json.loads((ORACLES / "arch_expected.json").read_text())["configs"]
KEYS = json.loads((ORACLES / "state_dict_keys.json").read_text())
BASE_NAMES = {"pha": "alpha", "fgr": "foreground", "err": "error", "hid": "hidden"}
REFINE_NAMES = {
    "pha": "alpha",
    "fgr": "foreground",
    "pha_sm": "coarse_alpha",
    "fgr_sm": "coarse_foreground",
    "err_sm": "coarse_error",
    "ref_sm": "refined",
}


def pictures(size: str) -> tuple[Tensor, Tensor]:
    height, width = (int(side) for side in size.split("x"))
    shape = (2 if height == 64 else 1, 3, height, width)
    text = "x".join(str(side) for side in shape)
    image, background = (
        torch.from_numpy(draw(f"{name}:{text}").rand(*shape).astype(np.float32))
        for name in ("src", "bgr")
    )
    return image, background


def sampled(name: str, size: str, x: Tensor) -> Tensor:
    """The part of an output that the oracle stores."""
    if name == "hid":
        return x[:, ::8] if size == "64x96" else x[:, ::16, 1::8, 2::8]
    return x[..., 1::4, 2::4] if x.shape[-1] > 80 and size != "64x96" else x


CASES = [(name, size) for name, case in EXPECTED.items() for size in case["args"]]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_published_code(name: str, size: str) -> None:
    case = EXPECTED[name]
    backbone, names = name.split("_")[0], REFINE_NAMES
    if name.endswith("base"):
        network, names = MattingBase(backbone), BASE_NAMES
    else:
        network = MattingRefine(backbone, **case["args"][size])
    keys = [(k, list(v.shape)) for k, v in network.state_dict().items()]
    assert keys == [(k, shape) for k, shape, _ in KEYS[case["keys"]]]
    with torch.no_grad():
        out = filled(network, case["override"])(*pictures(size))
    stored = np.load(ORACLES / f"{name}_{size}.npz")
    for theirs, ours in names.items():
        noise = case["outputs"][size][theirs]["max_abs_fp32_minus_fp64"]
        tolerance = 0 if theirs == "ref_sm" else max(1e-5, 20 * noise)
        value = sampled(theirs, size, getattr(out, ours))
        expected = torch.from_numpy(stored[theirs])
        torch.testing.assert_close(value, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("backbone", "kernel", "count"),
    [
        ("resnet101", 3, 59_239_831),
        ("resnet50", 3, 40_247_703),
        ("mobilenetv2", 3, 5_006_839),
        ("resnet101", 1, 59_226_199),
        ("resnet50", 1, 40_234_071),
        ("mobilenetv2", 1, 4_993_207),
    ],
)
def test_parameters(backbone: str, kernel: int, count: int) -> None:
    network = MattingRefine(backbone, refine_kernel_size=kernel)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    ("backbone", "count"),
    [("resnet101", 59_224_387), ("resnet50", 40_232_259), ("mobilenetv2", 4_991_395)],
)
def test_base_parameters_and_channels(backbone: str, count: int) -> None:
    network = MattingBase(backbone)
    assert sum(p.numel() for p in network.parameters()) == count
    assert network.decoder.conv4.out_channels == 37


def refine(**options: Any) -> MattingRefine:
    torch.manual_seed(0)
    return MattingRefine("mobilenetv2", **options).eval()


@torch.no_grad()
def test_everything_thresholded_is_the_full_mode() -> None:
    image, background = torch.rand(2, 2, 3, 64, 96)
    full = refine(refine_mode="full")(image, background)
    everywhere = refine(refine_mode="thresholding", refine_threshold=-1.0)(image, background)
    torch.testing.assert_close(everywhere.alpha, full.alpha, rtol=0, atol=1e-5)
    assert everywhere.refined.mean() == 1


@torch.no_grad()
def test_no_patch_leaves_the_enlarged_coarse_matte() -> None:
    image, background = torch.rand(2, 1, 3, 64, 96)
    out = refine(refine_mode="thresholding", refine_threshold=2.0)(image, background)
    enlarged = nn.functional.interpolate(out.coarse_alpha, size=(64, 96), mode="bilinear")
    torch.testing.assert_close(out.alpha, enlarged)
    assert out.refined.sum() == 0


@torch.no_grad()
def test_batch_is_its_images_one_by_one() -> None:
    network = refine(refine_sample_pixels=512)
    image, background = torch.rand(2, 3, 3, 64, 96)
    together = network(image, background)
    for i in range(3):
        alone = network(image[i : i + 1], background[i : i + 1])
        torch.testing.assert_close(together.alpha[i], alone.alpha[0], rtol=0, atol=1e-5)
        assert torch.equal(together.refined[i], alone.refined[0])


@torch.no_grad()
def test_sampling_refines_the_pixels_asked_for_or_all_there_are() -> None:
    image, background = torch.rand(2, 1, 3, 64, 96)
    few = refine(refine_sample_pixels=320, refine_prevent_oversampling=False)(image, background)
    assert few.refined.sum() == 20
    many = refine(refine_prevent_oversampling=False)(image, background)
    assert many.refined.sum() == 16 * 24


def test_student_of_paper_002() -> None:
    options = {"backbone_input": "source", "output_stride": 32, "freeze_backbone": True}
    network = MattingBase("resnet50", **options, dropout=0.15, bn_momentum=0.85)
    assert network.backbone.conv1.in_channels == 3
    assert network.backbone.layer4[0].conv2.stride == (2, 2)
    assert not network.backbone.bn1.training
    assert network.aspp.training
    assert not any(p.requires_grad for p in network.backbone.parameters())
    image, background = torch.rand(2, 2, 3, 64, 64)
    assert isinstance(network(image, background), BaseOutput)
    with torch.no_grad():
        network.eval()
        a, b = network(image, background).alpha, network(image, 1 - background).alpha
    assert torch.equal(a, b), "the background must not enter"


def test_base_takes_any_size_and_the_refinement_names_its_multiple() -> None:
    network = refine()
    with torch.no_grad():
        assert MattingBase.forward(network, *torch.rand(2, 1, 3, 50, 71)).alpha.shape[-2:] == (
            50,
            71,
        )
        assert isinstance(network(*torch.rand(2, 1, 3, 68, 100)), RefineOutput)
    with pytest.raises(BgrError, match=r"66x100(.|\n)*multiples of 4"):
        network(*torch.rand(2, 1, 3, 66, 100))


def test_unknown_choices() -> None:
    with pytest.raises(BgrError, match="resnet101, resnet50, mobilenetv2"):
        MattingBase("vgg")
    with pytest.raises(BgrError, match="sampling"):
        MattingRefine(refine_mode="some")
    with pytest.raises(BgrError, match="1/2"):
        MattingRefine(backbone_scale=0.75)


def test_weights_from_files(tmp_path: Path) -> None:
    """A published checkpoint, a DeepLab, and a bare backbone, each loads what it holds."""
    source = MattingRefine("mobilenetv2")
    torch.save(source.state_dict(), tmp_path / "whole.pth")
    whole = MattingRefine("mobilenetv2", weights=str(tmp_path / "whole.pth")).state_dict()
    assert all(torch.equal(v, whole[k]) for k, v in source.state_dict().items())

    aspp = {k.replace("aspp.", "classifier.0."): v for k, v in source.state_dict().items()}
    torch.save({k: v for k, v in aspp.items() if k[0] in "bc"}, tmp_path / "deeplab.pth")
    part = MattingBase("mobilenetv2", weights=str(tmp_path / "deeplab.pth")).state_dict()
    key = "aspp.convs.1.0.weight"
    assert torch.equal(part[key], source.state_dict()[key])

    features = {
        k.removeprefix("backbone."): v for k, v in source.state_dict().items() if k[0] == "b"
    }
    torch.save(features, tmp_path / "backbone.pth")
    part = MattingBase("mobilenetv2", weights=str(tmp_path / "backbone.pth")).state_dict()
    key = "backbone.features.5.conv.0.0.weight"
    assert torch.equal(part[key], source.state_dict()[key])
    key = "decoder.conv1.weight"
    assert not torch.equal(part[key], source.state_dict()[key])


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    """A ResNet-101 would fill a ResNet-50 to the last tensor, without its further blocks."""
    for name, network in (("resnet101", resnet101()), ("resnet50", resnet50())):
        torch.save(network.state_dict(), tmp_path / f"{name}.pth")
    MattingBase("resnet50", weights=str(tmp_path / "resnet50.pth"))
    for backbone, name in (("resnet50", "resnet101"), ("mobilenetv2", "resnet50")):
        with pytest.raises(BgrError, match="of another network"):
            MattingBase(backbone, weights=str(tmp_path / f"{name}.pth"))


def test_one_image_cannot_train_the_pooled_branch() -> None:
    with pytest.raises(BgrError, match=r"loader\.batch_size"):
        MattingBase("mobilenetv2").train()(*torch.rand(2, 1, 3, 64, 64))
