"""Distances in the feature space of a frozen classification network."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from bgr.errors import BgrError
from bgr.io.weights import load_published, read_weights
from bgr.ops.colour import imagenet_normalised

PUBLISHED: Mapping[str, Any] = {
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": models.ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
}

LAYERS = ("layer1", "layer2", "layer3", "layer4", "flatten", "fc")


class Perceptual:
    """Mean squared difference of two images' features.

    The network is frozen, in eval mode, and no module of its own: it is neither trained nor stored in
    checkpoints. Random weights, for machines without the published ones, are the same in every process.

    Args:
        network: `resnet18`, `resnet34` or `resnet50`.
        layer: node whose output is compared: `fc` is the 1000 logits (the code of paper 000), `flatten`
            the pooled features, `layer1` to `layer4` feature maps.
        weights: `imagenet`, a file, or None for random weights.

    Raises:
        BgrError: an unknown network or layer, or weights that cannot be read.
    """

    def __init__(self, network: str, layer: str = "fc", weights: str | None = "imagenet") -> None:
        if network not in PUBLISHED:
            raise BgrError(f"no perceptual network {network!r}", f"one of {', '.join(PUBLISHED)}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            classifier: nn.Module = models.get_model(network, weights=None)
        if weights is not None:
            state = read_weights(weights, {"imagenet": PUBLISHED[network]})
            load_published(classifier, state, weights)
        if layer not in LAYERS:
            raise BgrError(f"{network} has no layer {layer!r}", f"one of {', '.join(LAYERS)}")
        extractor = create_feature_extractor(classifier, {layer: "out"})
        self.features = extractor.eval().requires_grad_(False)

    def __call__(self, pred: Tensor, true: Tensor) -> Tensor:
        """Scalar distance of images (B, 3, H, W), RGB in [0, 1]; gradients reach `pred` only."""
        self.features.to(pred.device)
        with torch.no_grad():
            wanted = self.features(imagenet_normalised(true))["out"]
        return F.mse_loss(self.features(imagenet_normalised(pred))["out"], wanted)
