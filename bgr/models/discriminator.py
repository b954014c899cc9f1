"""ResNet-18 discriminator of the adversarial systems.

Paper 000 ("U-Net GAN", "SRGAN" and "BGRSR-GAN"), chapters 2 to 4: a torchvision ResNet-18 with one
output. He et al., "Deep Residual Learning", CVPR 2016.
"""

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18

from bgr.io.weights import load_published, read_weights
from bgr.ops.colour import imagenet_normalised

PUBLISHED = {"imagenet": ResNet18_Weights.IMAGENET1K_V1}


class ResNetDiscriminator(nn.Module):
    """Scores whole images; the sigmoid that the papers put behind the last layer is in the losses.

    11,177,025 parameters for 3 channels, 11,180,161 for 4.

    Args:
        in_channels: 3 for RGB; further channels, such as a matte, follow RGB.
        weights: `imagenet`, a file, or None for random weights. The stem of more than three channels
            and the last layer are always fresh.
    """

    def __init__(self, in_channels: int, weights: str | None = None) -> None:
        super().__init__()
        self.resnet = resnet18(num_classes=1)
        if in_channels != 3:
            self.resnet.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        if weights is not None:
            state = read_weights(weights, PUBLISHED)
            fresh = ("fc.",) if in_channels == 3 else ("fc.", "conv1.")
            load_published(self.resnet, state, weights, fresh)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of being real, (B, 1) float32.

        Args:
            x: (B, in_channels, H, W) float; RGB in [0, 1] first, normalised here.
        """
        x = torch.cat([imagenet_normalised(x[:, :3]), x[:, 3:]], dim=1)
        logit: Tensor = self.resnet(x)
        return logit.float()
