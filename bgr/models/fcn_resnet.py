"""Person segmentation by a fully convolutional network.

Paper 001: torchvision's FCN-ResNet101 (Long et al., CVPR 2015; output stride 8) with a new binary head.
The paper's 63.7 mIoU and 91.9 % pixel accuracy are torchvision's figures of the 21-class weights.
"""

from typing import Literal, NamedTuple, Self, get_args

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet101_Weights
from torchvision.models.segmentation import FCN_ResNet101_Weights, fcn_resnet101

from bgr.errors import BgrError
from bgr.io.weights import load_published, read_weights
from bgr.ops.colour import imagenet_normalised

PERSON = 15  # among the 21 classes of Pascal VOC
PUBLISHED = {
    "coco": FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
    "imagenet": ResNet101_Weights.IMAGENET1K_V2,
}

Trainable = Literal["none", "last", "head", "all"]


class FCNOutput(NamedTuple):
    """What the network returns.

    Attributes:
        alpha: probability of a person, (B, 1, H, W) float32 in [0, 1].
        logit: its logit, (B, 1, H, W) float32.
    """

    alpha: Tensor
    logit: Tensor


class FCNResNet101(nn.Module):
    """ResNet-101 at output stride 8 with a convolutional head; any size.

    51,938,881 parameters with one output. Keys of the state_dict are torchvision's.

    Args:
        weights: `coco` (the 21-class network), `imagenet` (the backbone), a file of either kind, or
            None. A head of another number of outputs stays fresh.
        outputs: 1 or 2 (softmax) for a binary head; 21 keeps the classes of Pascal VOC and returns the
            person's probability, without any training.
        trainable: `head` keeps the backbone frozen, its BatchNorm in eval mode (9,438,721 parameters
            train); `last` trains the last 1x1 convolution only (513); `all`; `none`.

    Raises:
        BgrError: an unknown choice, or weights that cannot be read.

    Source: paper 001.
    """

    def __init__(
        self, weights: str | None = None, outputs: int = 1, trainable: Trainable = "head"
    ) -> None:
        super().__init__()
        if outputs not in (1, 2, 21):
            raise BgrError(f"FCNResNet101: outputs is {outputs}", "1, 2 or 21")
        if trainable not in get_args(Trainable):
            known = ", ".join(get_args(Trainable))
            raise BgrError(f"FCNResNet101: trainable is {trainable!r}", f"one of {known}")
        plain = fcn_resnet101(
            weights=None, weights_backbone=None, num_classes=outputs, aux_loss=False
        )
        self.backbone, self.classifier = plain.backbone, plain.classifier
        if weights is not None:
            state = read_weights(weights, PUBLISHED)
            fresh: tuple[str, ...] = ("classifier.4.",)
            if "conv1.weight" in state:  # a bare backbone
                state, fresh = {f"backbone.{k}": v for k, v in state.items()}, ("classifier.",)
            elif outputs == 21:
                fresh = ()
            load_published(self, state, weights, fresh, ("backbone.fc.", "aux_classifier."))
        self.frozen = {
            "none": [self.backbone, self.classifier],
            "last": [self.backbone, *list(self.classifier)[:-1]],
            "head": [self.backbone],
            "all": [],
        }[trainable]
        for module in self.frozen:
            module.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Frozen layers stay in eval mode."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def forward(self, image: Tensor) -> FCNOutput:
        """Segment the people of an image.

        Args:
            image: (B, 3, H, W) RGB float in [0, 1].
        """
        x = self.classifier(self.backbone(imagenet_normalised(image))["out"])
        x = F.interpolate(x, size=image.shape[-2:], mode="bilinear", align_corners=False).float()
        if x.shape[1] == 1:
            logit = x
        else:  # person against all other classes
            person = 1 if x.shape[1] == 2 else PERSON
            others = [c for c in range(x.shape[1]) if c != person]
            logit = x[:, person, None] - x[:, others].logsumexp(dim=1, keepdim=True)
        return FCNOutput(logit.sigmoid(), logit)
