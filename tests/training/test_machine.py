"""The choice of precision and memory format."""

import pytest
import torch
from torchvision.models import resnet18

from bgr.errors import BgrError
from bgr.models.mobile_deeplab import MobileDeepLabV3
from bgr.models.portrait import PortraitNet
from bgr.training.machine import apply_numerics, choose_numerics, dense_share

CPU = torch.device("cpu")


def test_depthwise_networks_stay_in_float32_on_a_cpu() -> None:
    for network in (PortraitNet(), MobileDeepLabV3()):
        assert dense_share(network) < 0.05
        assert choose_numerics(network, CPU).precision == "32-true"


def test_dense_networks_use_bf16_where_the_cpu_has_it() -> None:
    network = resnet18()
    assert dense_share(network) > 0.9
    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert choose_numerics(network, CPU).precision == ("bf16-mixed" if fast else "32-true")


@pytest.mark.parametrize(
    ("given", "used"), [("32", "32-true"), ("bf16", "bf16-mixed"), ("16-mixed", "16-mixed")]
)
def test_a_given_precision_is_used(given: str, used: str) -> None:
    assert choose_numerics(PortraitNet(), CPU, given).precision == used


def test_unknown_precision_lists_the_choices() -> None:
    with pytest.raises(BgrError, match="bf16-mixed"):
        choose_numerics(PortraitNet(), CPU, "8")


def test_channels_last_reaches_the_weights() -> None:
    network = PortraitNet(0.25)
    apply_numerics(network, choose_numerics(network, CPU), CPU)
    assert network.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
