"""Super-resolution generator.

Paper 000, chapter 3: the generator of Ledig et al. (SRGAN, arXiv 1609.04802) made smaller by depthwise
separable convolutions and Swish. Images are RGB in [0, 1]; the network works in ImageNet's normalisation.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from bgr.ops.colour import imagenet_denormalised, imagenet_normalised


class SROutput(NamedTuple):
    """What the generator returns.

    Attributes:
        high_res: (B, 3, 2H, 2W) float32, about [0, 1], not clamped.
    """

    high_res: Tensor


class DepthwiseSeparable(nn.Module):
    """3x3 convolution within each channel, then 1x1 across them, nothing between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class ResidualBlock(nn.Module):
    """Convolution, BatchNorm, Swish, separable convolution, BatchNorm, plus the input.

    Args:
        convolution: the first layer, 3x3 with as many output as input channels.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        channels = convolution.out_channels
        self.conv1 = convolution
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = DepthwiseSeparable(channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(self.conv2(F.silu(self.norm1(self.conv1(x)))))
        return out + x


class Upsample(nn.Module):
    """Twice the size by sub-pixel convolution, then Swish."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.shuffle(self.conv(x)))


class SRGenerator(nn.Module):
    """Doubles the sides of an image of any size; 467,843 parameters.

    Args:
        residual_blocks: number of residual blocks.

    Source: paper 000, chapter 3.
    """

    def __init__(self, residual_blocks: int = 6) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 9, padding=4)
        self.blocks = nn.Sequential(
            *(ResidualBlock(nn.Conv2d(64, 64, 3, padding=1)) for _ in range(residual_blocks))
        )
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(64)
        self.upsample = Upsample(64)
        self.conv3 = nn.Conv2d(64, 3, 9, padding=4)

    def forward(self, low_res: Tensor) -> SROutput:
        """Enlarge an image.

        Args:
            low_res: (B, 3, H, W) RGB float in [0, 1].
        """
        first = F.silu(self.conv1(imagenet_normalised(low_res)))
        x = self.norm2(self.conv2(self.blocks(first))) + first
        return SROutput(imagenet_denormalised(self.conv3(self.upsample(x)).float()))
