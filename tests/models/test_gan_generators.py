"""U-Net, SRGAN and BGRSR-GAN generators and their discriminator against paper 000."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

from bgr.errors import BgrError
from bgr.models.bgrsr_gan import BGRSRGenerator, WSConv2d
from bgr.models.discriminator import ResNetDiscriminator
from bgr.models.srgan import SRGenerator
from bgr.models.unet_gan import UNet


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_counts_of_the_reports() -> None:
    assert parameters(UNet(4, 1)) == 17_267_969
    assert parameters(UNet(4, 1)) + parameters(resnet18()) == 28_957_481
    assert parameters(UNet(4, 4)) == 17_268_164
    assert parameters(ResNetDiscriminator(4)) == 11_180_161
    assert parameters(ResNetDiscriminator(3)) == 11_177_025
    assert parameters(SRGenerator()) == 467_843
    assert parameters(BGRSRGenerator()) == 17_192_908


@pytest.mark.parametrize("size", [(16, 16), (37, 50), (240, 320)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    height, width = size
    out = UNet(4, 4).eval()(torch.rand(1, 4, *size))
    assert out.alpha.shape == (1, 1, *size)
    assert out.foreground.shape == (1, 3, *size)
    out = BGRSRGenerator().eval()(*torch.rand(2, 1, 3, *size))
    assert out.low_res.shape == (1, 3, *size)
    assert out.high_res.shape == (1, 3, 2 * height, 2 * width)
    out = SRGenerator(1).eval()(torch.rand(1, 3, *size))
    assert out.high_res.shape == (1, 3, 2 * height, 2 * width)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BgrError, match="8x40"):
        UNet()(torch.rand(1, 4, 8, 40))
    with pytest.raises(BgrError, match="8x40"):
        BGRSRGenerator()(*torch.rand(2, 1, 3, 8, 40))
    with pytest.raises(BgrError, match=r"4 \(RGBA\) or 1"):
        UNet(out_channels=2)
    with pytest.raises(BgrError, match="bn or raw"):
        BGRSRGenerator(sr_input="batch")


def test_alpha_alone() -> None:
    assert UNet(4, 1)(torch.rand(2, 4, 32, 32)).foreground is None


def test_standardised_filters() -> None:
    """Each filter has mean 0 and (unbiased) deviation 1, whatever the weights are."""
    torch.manual_seed(0)
    conv = WSConv2d(4, 6, 3, padding=1, groups=2)
    nn.init.normal_(conv.weight, 5.0, 3.0)
    x = torch.rand(2, 4, 8, 8)
    flat = conv.weight.detach().flatten(1)
    standard = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 1e-5)
    expected = F.conv2d(x, standard.view_as(conv.weight), conv.bias, padding=1, groups=2)
    torch.testing.assert_close(conv(x), expected)


@torch.no_grad()
def test_groups_keep_image_and_background_apart_in_the_encoder() -> None:
    torch.manual_seed(0)
    network = BGRSRGenerator().eval()
    image, background = torch.rand(2, 1, 3, 32, 32)
    first, second = (network.stem(torch.cat([x, background], 1)) for x in (image, 1 - image))
    assert torch.equal(first[:, 32:], second[:, 32:])
    assert not torch.equal(first[:, :32], second[:, :32])


def test_input_of_the_super_resolution_part() -> None:
    """The figure's BatchNorm lies in the path; the code's output leaves it without a gradient."""
    for sr_input, reached in (("bn", True), ("raw", False)):
        network = BGRSRGenerator(sr_input=sr_input)
        network(*torch.rand(2, 2, 3, 32, 32)).high_res.sum().backward()
        assert (network.head_norm.weight.grad is not None) == reached


@torch.no_grad()
def test_discriminator_sees_normalised_colours_and_the_matte_as_it_is() -> None:
    torch.manual_seed(0)
    critic = ResNetDiscriminator(4).eval()
    x = torch.rand(2, 4, 64, 64)
    mean = torch.tensor([0.485, 0.456, 0.406, 0.0]).view(1, 4, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225, 1.0]).view(1, 4, 1, 1)
    torch.testing.assert_close(critic(x), critic.resnet((x - mean) / std))


def test_discriminator_takes_the_published_layers(tmp_path: Path) -> None:
    """The 1000-class head and, for four channels, the stem stay fresh."""
    source = resnet18()
    torch.save(source.state_dict(), tmp_path / "resnet18.pth")
    for channels in (3, 4):
        critic = ResNetDiscriminator(channels, weights=str(tmp_path / "resnet18.pth")).resnet
        assert torch.equal(critic.layer3[0].conv1.weight, source.layer3[0].conv1.weight)
        assert critic.fc.out_features == 1
        assert critic.conv1.in_channels == channels


def test_weights_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(BgrError, match="of another network than ResNet"):
        ResNetDiscriminator(3, weights=str(tmp_path / "other.pth"))
    with pytest.raises(BgrError, match=r"imagnet(.|\n)*imagenet, a file, or null"):
        ResNetDiscriminator(3, weights="imagnet")
