"""PortraitNet against section 3.1 of its paper, and its baseline."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bgr.errors import BgrError
from bgr.models.mobile_deeplab import MobileDeepLabV3
from bgr.models.portrait import Encoder, PortraitNet


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("width", "count"), [(1.0, 190_652), (0.75, 120_428), (0.5, 64_260), (0.35, 34_108), (0.25, 19_116)]
)  # fmt: skip
def test_parameter_count(width: float, count: int) -> None:
    assert parameters(PortraitNet(width)) == count


def test_parameter_count_without_auxiliary_head() -> None:
    assert parameters(PortraitNet(aux=False)) == 190_490


@pytest.mark.parametrize(
    ("width", "count"), [(1.0, 2_108_674), (0.75, 1_301_666), (0.5, 695_362), (0.35, 440_674)]
)
def test_baseline_parameter_count(width: float, count: int) -> None:
    assert parameters(MobileDeepLabV3(width)) == count


@pytest.mark.parametrize("size", [(256, 256), (144, 256), (16, 16), (48, 112)])
def test_output_has_the_size_of_the_input(size: tuple[int, int]) -> None:
    network = PortraitNet(0.25)
    out = network.eval()(torch.rand(1, 3, *size))
    assert out.alpha.shape == out.logit.shape == (1, 1, *size)
    assert out.aux_logit is None
    assert ((out.alpha >= 0) & (out.alpha <= 1)).all()
    coarse = network.train()(torch.rand(2, 3, *size)).aux_logit
    assert coarse.shape == (2, 1, size[0] // 16, size[1] // 16)


@pytest.mark.parametrize("size", [(50, 33), (96, 80), (256, 144)])
def test_baseline_takes_any_size(size: tuple[int, int]) -> None:
    assert MobileDeepLabV3().eval()(torch.rand(1, 3, *size)).alpha.shape == (1, 1, *size)


def test_size_that_does_not_fit_names_the_multiple() -> None:
    with pytest.raises(BgrError, match=r"100x90(.|\n)*multiples of 16(.|\n)*96,96"):
        PortraitNet(0.25)(torch.rand(1, 3, 100, 90))


def test_block_is_the_papers_concatenation_and_bottleneck() -> None:
    """The sum of per-branch 1x1 convolutions is the 1x1 convolution of the concatenation."""
    torch.manual_seed(0)
    block = Encoder(12, 8, 16, (1, 2, 4), stride=2).eval()
    x = torch.rand(2, 12, 32, 32)
    concatenated = torch.cat([branch[:-1](x) for branch in block.branches], dim=1)
    weight = torch.cat([branch[-1].weight for branch in block.branches], dim=1)
    expected = block.norm(F.conv2d(concatenated, weight))
    torch.testing.assert_close(block(x), expected)


def test_alpha_is_the_softmax_of_the_upsampled_features() -> None:
    """The paper's order: upsample 16 channels twice, classify, softmax, take the person."""
    torch.manual_seed(0)
    network = PortraitNet(0.5).eval()
    features: list[torch.Tensor] = []
    network.decoder4.register_forward_hook(lambda m, i, o: features.append(o))
    with torch.no_grad():
        out = network(torch.rand(1, 3, 64, 64))
        up = features[0]
        for _ in range(2):
            up = F.interpolate(up, scale_factor=2, mode="bilinear", align_corners=False)
        expected = network.head(up).softmax(dim=1)[:, 1:]
    torch.testing.assert_close(out.alpha, expected)


@pytest.mark.parametrize("make", [PortraitNet, MobileDeepLabV3])
def test_learns_one_batch(make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = make().train()
    image = torch.rand(4, 3, 64, 64)
    true = torch.zeros(4, 1, 64, 64)
    true[:, :, 16:, 16:48] = 1
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        loss = F.binary_cross_entropy_with_logits(network(image).logit, true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.1


@pytest.mark.parametrize("make", [PortraitNet, MobileDeepLabV3])
def test_channels_last_and_autocast_agree_with_plain_float32(make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network, image = make().eval(), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        plain = network(image).alpha
        last = network.to(memory_format=torch.channels_last)(image).alpha
        with torch.autocast("cpu", torch.bfloat16):
            half = network(image).alpha
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, plain, rtol=0, atol=0.05)


def test_can_be_exported() -> None:
    network, image = PortraitNet(0.25).eval(), torch.rand(1, 3, 32, 48)
    exported = torch.export.export(network, (image,)).module()
    torch.testing.assert_close(exported(image).alpha, network(image).alpha)
