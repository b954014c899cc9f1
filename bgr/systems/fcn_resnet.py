"""Person segmentation by FCN-ResNet101."""

from torch import Tensor

from bgr.losses import matting
from bgr.models.fcn_resnet import FCNOutput
from bgr.systems.base import MattingSystem
from bgr.types import Batch


class FCNSystem(MattingSystem):
    """Trains a network that returns an `FCNOutput` on binary masks.

    Term: `cross_entropy`, binary. The mask is alpha of one half or more.

    Source: paper 001.
    """

    terms = ("cross_entropy",)
    needs = ("image", "alpha", "mask")

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        out: FCNOutput = self.network(*self.inputs(batch))
        return {"cross_entropy": matting.cross_entropy(out.logit, batch["mask"])}

    def predict(self, batch: Batch) -> Batch:
        out: FCNOutput = self.network(*self.inputs(batch))
        return {"alpha": out.alpha}
