"""FCN-ResNet101: heads, what trains, and torchvision's weights."""

from pathlib import Path

import pytest
import torch
from torchvision.models import resnet50, resnet101
from torchvision.models.segmentation import fcn_resnet101

from bgr.errors import BgrError
from bgr.models.fcn_resnet import PERSON, FCNResNet101


@pytest.mark.parametrize(("outputs", "total"), [(1, 51_938_881), (2, 51_939_394), (21, 51_949_141)])
def test_parameters(outputs: int, total: int) -> None:
    assert sum(p.numel() for p in FCNResNet101(outputs=outputs).parameters()) == total


@pytest.mark.parametrize(
    ("trainable", "count"), [("head", 9_438_721), ("last", 513), ("all", 51_938_881), ("none", 0)]
)
def test_what_trains(trainable: str, count: int) -> None:
    network = FCNResNet101(trainable=trainable)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count
    assert network.backbone.bn1.training == (trainable == "all")
    assert network.classifier[1].training == (trainable in ("head", "all"))


@torch.no_grad()
def test_published_21_classes_give_the_persons_probability(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = fcn_resnet101(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
    torch.save(published.state_dict(), tmp_path / "fcn.pth")
    network = FCNResNet101(weights=str(tmp_path / "fcn.pth"), outputs=21).eval()
    image = torch.rand(1, 3, 40, 50)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    classes = published.eval()((image - mean) / std)["out"].softmax(dim=1)
    torch.testing.assert_close(network(image).alpha, classes[:, PERSON, None])


@torch.no_grad()
def test_two_outputs_are_a_softmax(tmp_path: Path) -> None:
    network = FCNResNet101(outputs=2).eval()
    logits: list[torch.Tensor] = []
    network.classifier.register_forward_hook(lambda m, i, o: logits.append(o))
    alpha = network(torch.rand(1, 3, 32, 32)).alpha
    up = torch.nn.functional.interpolate(logits[0], size=(32, 32), mode="bilinear")
    torch.testing.assert_close(alpha, up.softmax(dim=1)[:, 1:])


def test_backbone_weights_leave_the_head_fresh(tmp_path: Path) -> None:
    backbone = resnet101()
    torch.save(backbone.state_dict(), tmp_path / "resnet101.pth")
    network = FCNResNet101(weights=str(tmp_path / "resnet101.pth"))
    weight = network.backbone.layer4[2].conv3.weight
    assert torch.equal(weight, backbone.layer4[2].conv3.weight)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(resnet50().state_dict(), tmp_path / "resnet50.pth")
    with pytest.raises(BgrError, match="of another network than FCNResNet101"):
        FCNResNet101(weights=str(tmp_path / "resnet50.pth"))


def test_unknown_choices() -> None:
    with pytest.raises(BgrError, match="none, last, head, all"):
        FCNResNet101(trainable="some")
    with pytest.raises(BgrError, match="1, 2 or 21"):
        FCNResNet101(outputs=3)
