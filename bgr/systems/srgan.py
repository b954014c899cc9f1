"""Super-resolution by a generator, perceptual features and a discriminator."""

import torch.nn.functional as F
from torch import Tensor

from bgr.models.srgan import SROutput
from bgr.ops.colour import imagenet_normalised
from bgr.systems.adversarial import AdversarialSystem, Step
from bgr.types import Batch


class SRGANSystem(AdversarialSystem):
    """Trains a network that returns an `SROutput`.

    Terms: `content`, mean squared error of ImageNet-normalised images; `perceptual`, that of their
    features; `adversarial`.

    Source: paper 000, chapter 3.
    """

    terms = ("content", "perceptual", "adversarial")
    needs = ("low_res", "high_res")
    predicts = ("high_res",)
    scale = 2

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        return (batch["low_res"],)

    def step(self, batch: Batch) -> Step:
        out: SROutput = self.network(*self.inputs(batch))
        true = batch["high_res"]
        return Step({"content": content(out.high_res, true)}, true, out.high_res)

    def predict(self, batch: Batch) -> Batch:
        out: SROutput = self.network(*self.inputs(batch))
        return {"high_res": out.high_res.clamp(0, 1)}


def content(pred: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of two images in ImageNet's normalisation."""
    return F.mse_loss(imagenet_normalised(pred), imagenet_normalised(true))
