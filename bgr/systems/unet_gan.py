"""Trimap matting by a U-Net trained against a discriminator."""

import torch
import torch.nn.functional as F
from torch import Tensor

from bgr.models.unet_gan import UNetOutput
from bgr.systems.adversarial import AdversarialSystem, Step
from bgr.types import Batch


class UNetGANSystem(AdversarialSystem):
    """Trains a network that returns a `UNetOutput` from image and, with four channels, trimap.

    Terms: `mse` of the RGBA output, whose colour is multiplied by alpha, on black; `adversarial`. The
    discriminator sees RGBA; for a network that predicts alpha alone, the true colour times that.

    Source: paper 000, chapter 2, with the target of Lutz et al. (AlphaGAN, BMVC 2018).
    """

    terms = ("mse", "adversarial")
    needs = ("image", "alpha", "foreground", "trimap")

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        x = torch.cat([batch["image"], batch["trimap"]], dim=1)
        return (x[:, : self.network.in_channels],)

    def step(self, batch: Batch) -> Step:
        out: UNetOutput = self.network(*self.inputs(batch))
        alpha = batch["alpha"]
        real = torch.cat([batch["foreground"] * alpha, alpha], dim=1)
        if out.foreground is None:
            fake = torch.cat([batch["foreground"] * out.alpha, out.alpha], dim=1)
            return Step({"mse": F.mse_loss(out.alpha, alpha)}, real, fake)
        fake = torch.cat([out.foreground, out.alpha], dim=1)
        return Step({"mse": F.mse_loss(fake, real)}, real, fake)

    def predict(self, batch: Batch) -> Batch:
        out: UNetOutput = self.network(*self.inputs(batch))
        return {"alpha": out.alpha}
