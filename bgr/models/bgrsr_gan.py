"""One-shot background replacement and super-resolution.

Paper 000, chapter 4 ("BGRSR-GAN"): a U-Net of weight-standardised grouped convolutions (Qiao et al.,
arXiv 1903.10520) replaces the background at low resolution; a short super-resolution generator enlarges
the result. With two groups and the channel order image, background, the encoder is two separate streams
that meet in the transposed convolutions.
"""

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.models.srgan import ResidualBlock, Upsample
from bgr.models.unet_gan import Down, OutConv, check_smallest, padded_to
from bgr.ops.colour import imagenet_denormalised, imagenet_normalised

SRInput = Literal["bn", "raw"]


class BGRSROutput(NamedTuple):
    """What the generator returns.

    Attributes:
        low_res: the person over the target background, (B, 3, H, W) float32 in [0, 1].
        high_res: the same enlarged, (B, 3, 2H, 2W) float32, about [0, 1], not clamped.
    """

    low_res: Tensor
    high_res: Tensor


class WSConv2d(nn.Conv2d):
    """Convolution whose filters are standardised to zero mean and unit deviation in every step."""

    def forward(self, x: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        weight = (self.weight - mean) / (deviation + 1e-5)
        out: Tensor = self._conv_forward(x, weight, self.bias)
        return out


class DoubleConv(nn.Sequential):
    """Twice: standardised grouped 3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, channels: int, out_channels: int, groups: int) -> None:
        super().__init__(
            WSConv2d(channels, out_channels, 3, padding=1, groups=groups),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            WSConv2d(out_channels, out_channels, 3, padding=1, groups=groups),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class Up(nn.Module):
    """Transposed convolution, concatenation behind the skip connection, two convolutions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)
        self.conv = DoubleConv(channels, channels // 2, groups)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = padded_to(self.upsample(x), skip)
        out: Tensor = self.conv(torch.cat([skip, x], dim=1))
        return out


class BGRSRGenerator(nn.Module):
    """Replaces the background and doubles the resolution; 17,192,908 parameters.

    Args:
        residual_blocks: residual blocks of the super-resolution part.
        groups: groups of the standardised convolutions.
        sr_input: `bn` feeds the super-resolution part through a BatchNorm, as the paper's figure draws;
            `raw` skips it, as the authors' code does (6 parameters are then unused).
        normalise: whether images enter and the enlarged one leaves in ImageNet's normalisation, as in
            the paper; False keeps [0, 1] throughout.

    Raises:
        BgrError: an unknown `sr_input`; in `forward`, a side below 16.

    Source: paper 000, chapter 4.
    """

    def __init__(
        self,
        residual_blocks: int = 3,
        groups: int = 2,
        sr_input: SRInput = "bn",
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if sr_input not in get_args(SRInput):
            raise BgrError(f"BGRSRGenerator: sr_input is {sr_input!r}", "bn or raw")
        self.sr_input = sr_input
        self.normalise = normalise
        self.stem = DoubleConv(6, 64, groups)
        widths = (64, 128, 256, 512, 1024)
        self.down = nn.ModuleList(
            Down(DoubleConv(width, 2 * width, groups)) for width in widths[:-1]
        )
        self.up = nn.ModuleList(Up(width, groups) for width in reversed(widths[1:]))
        self.head = OutConv(64, 3)
        self.head_norm = nn.BatchNorm2d(3)
        self.conv1 = WSConv2d(3, 64, 9, padding=4)
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(WSConv2d(64, 64, 3, padding=1, groups=groups))
                for _ in range(residual_blocks)
            )
        )
        self.conv2 = WSConv2d(64, 64, 3, padding=1, groups=groups)
        self.norm2 = nn.BatchNorm2d(64)
        self.upsample = Upsample(64)
        self.conv3 = nn.Conv2d(64, 3, 9, padding=4)

    def forward(self, image: Tensor, target_background: Tensor) -> BGRSROutput:
        """Place the person of an image over another background, at twice the size.

        Args:
            image: what the camera saw, (B, 3, H, W) RGB float in [0, 1].
            target_background: same shape and range.
        """
        check_smallest(image, "BGRSRGenerator")
        if self.normalise:
            image = imagenet_normalised(image)
            target_background = imagenet_normalised(target_background)
        features = [self.stem(torch.cat([image, target_background], dim=1))]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for up in self.up:
            x = up(x, features.pop())
        replaced = self.head(x)
        first = self.head_norm(replaced) if self.sr_input == "bn" else replaced
        first = F.silu(self.conv1(first))
        x = self.norm2(self.conv2(self.blocks(first))) + first
        high_res = self.conv3(self.upsample(x)).float()
        if self.normalise:
            high_res = imagenet_denormalised(high_res)
        return BGRSROutput(replaced.float().sigmoid(), high_res)
