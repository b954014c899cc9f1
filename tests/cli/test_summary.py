"""bgr summary prints the figures of the papers."""

from collections.abc import Callable

import pytest
import torch
from torchvision.models import resnet18

from bgr.bench.summary import observe
from tests.conftest import Answer


@pytest.mark.parametrize(
    ("model", "parameters", "size"),
    [
        ("srgan", "467,843", "2144.53"),
        ("bgrsr_gan", "17,192,908", "2556.45"),
        ("unet_gan model.network.out_channels=1", "17,267,969", "1103.91"),
    ],
)
def test_reported_sizes(model: str, parameters: str, size: str, bgr: Callable[..., Answer]) -> None:
    code, out, err = bgr("summary", *f"model={model}".split(), "size=240x320")
    assert code == 0, err
    assert f"parameters    {parameters} " in out
    assert f"activations   {size} MB" in out
    assert "reported" in out


def test_stock_resnet_of_the_report() -> None:
    layers = observe(resnet18().eval(), [torch.rand(1, 3, 240, 320)])
    elements = sum(torch.Size(layer.shape).numel() for layer in layers)
    assert round(elements * 8 / 2**20, 2) == 96.42


def test_macs_of_the_portrait_net(bgr: Callable[..., Answer]) -> None:
    _, out, _ = bgr("summary", "size=256x256")
    assert "MACs          0.326 G" in out  # 327.5 M with the auxiliary head


def test_size_that_is_none(bgr: Callable[..., Answer]) -> None:
    code, _, err = bgr("summary", "size=large")
    assert code == 1
    assert "size=240x320" in err
    assert "Traceback" not in err
