"""Portrait matting: the compact network of the paper and its Mobile DeepLabv3 baseline."""

from torch import Tensor

from bgr.errors import BgrError
from bgr.losses import matting
from bgr.models.portrait import PortraitOutput
from bgr.systems.base import MattingSystem
from bgr.types import Batch


class PortraitSystem(MattingSystem):
    """Trains a network that returns a `PortraitOutput` from an image.

    Terms: `l1`, `cross_entropy` and `gradient` are the paper's; `composition` and `auxiliary` (cross-
    entropy of the auxiliary head) are MMNet's additions.

    Source: Zhang, "Real-time Communication with Virtual Background", section 3.2; `composition` and
    `auxiliary` from Seo et al., arXiv 1904.03816, section 3.3.
    """

    terms = ("l1", "cross_entropy", "gradient", "composition", "auxiliary")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        out: PortraitOutput = self.network(*self.inputs(batch))
        alpha = batch["alpha"]
        terms = {
            "l1": matting.l1(out.alpha, alpha),
            "cross_entropy": matting.cross_entropy(out.logit, alpha),
            "gradient": matting.gradient(out.alpha, alpha),
        }
        if "composition" in self.loss_weights:
            terms["composition"] = matting.composition(out.alpha, alpha, batch["image"])
        if "auxiliary" in self.loss_weights:
            if out.aux_logit is None:
                raise BgrError(
                    f"{type(self.network).__name__} has no auxiliary head for the loss term auxiliary",
                    fix="set model.network.aux=true or model.loss_weights.auxiliary=0",
                )
            terms["auxiliary"] = matting.cross_entropy(out.aux_logit, alpha)
        return terms

    def predict(self, batch: Batch) -> Batch:
        out: PortraitOutput = self.network(*self.inputs(batch))
        return {"alpha": out.alpha}
