"""Background replacement and super-resolution in one network."""

import torch.nn.functional as F
from torch import Tensor

from bgr.models.bgrsr_gan import BGRSROutput
from bgr.ops.resize import halved
from bgr.systems.adversarial import AdversarialSystem, Step
from bgr.systems.srgan import content
from bgr.types import Batch


class BGRSRGANSystem(AdversarialSystem):
    """Trains a network that returns a `BGRSROutput`.

    The network sees image and target background at half the size of a sample. Terms: `content` and
    `perceptual` of the enlarged image as in SRGAN; `replacement`, mean squared error of the low
    resolution output in [0, 1]; `adversarial`. A network with `normalise=False` has its `content` in
    [0, 1] too.

    Source: paper 000, section 4.5, whose multi-part loss has the `replacement` that its code leaves
    out (weight 0).
    """

    terms = ("content", "perceptual", "replacement", "adversarial")
    needs = ("image", "target_background", "low_res", "high_res")
    predicts = ("high_res",)
    scale = 2

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        return halved(batch["image"]), halved(batch["target_background"])

    def step(self, batch: Batch) -> Step:
        out: BGRSROutput = self.network(*self.inputs(batch))
        true = batch["high_res"]
        difference = content if self.network.normalise else F.mse_loss
        terms = {
            "content": difference(out.high_res, true),
            "replacement": F.mse_loss(out.low_res, batch["low_res"]),
        }
        return Step(terms, true, out.high_res)

    def predict(self, batch: Batch) -> Batch:
        out: BGRSROutput = self.network(*self.inputs(batch))
        return {"high_res": out.high_res.clamp(0, 1)}
