"""U-Net generator of trimap matting by a GAN.

Paper 000, chapter 2: Ronneberger et al.'s U-Net (arXiv 1505.04597) with BatchNorm and bilinear
upsampling, fed RGB and trimap, trained against a ResNet-18 (`bgr.models.discriminator`). Its size table
(28,957,481 parameters) is of `UNet(4, 1)` and a stock ResNet-18; its text and code train `UNet(4, 4)`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bgr.errors import BgrError

SMALLEST = 16


class UNetOutput(NamedTuple):
    """What the generator returns.

    Attributes:
        alpha: matte, (B, 1, H, W) float32 in [0, 1].
        foreground: colour of the person times alpha, on black, (B, 3, H, W) float32 in [0, 1]; None
            for a network with one output channel.
    """

    alpha: Tensor
    foreground: Tensor | None


def check_smallest(image: Tensor, network: str) -> None:
    """Raise BgrError when an image is too small for four halvings."""
    height, width = image.shape[-2:]
    if min(height, width) < SMALLEST:
        raise BgrError(
            f"{network}: the input is {height}x{width} (HxW)", f"sides of {SMALLEST} or more"
        )


class DoubleConv(nn.Sequential):
    """Twice: 3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, channels: int, out_channels: int, middle: int | None = None) -> None:
        middle = middle or out_channels
        super().__init__(
            nn.Conv2d(channels, middle, 3, padding=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class Down(nn.Module):
    """Maximum over 2x2 pixels, two convolutions."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.pool(x))
        return out


class Up(nn.Module):
    """Bilinear upsampling by two, concatenation behind the skip connection, two convolutions."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConv(channels, out_channels, channels // 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = padded_to(self.upsample(x), skip)
        out: Tensor = self.conv(torch.cat([skip, x], dim=1))
        return out


class OutConv(nn.Module):
    """1x1 convolution to the output channels; a module of its own because the paper's sizes count it."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


def padded_to(x: Tensor, like: Tensor) -> Tensor:
    """Pad (B, C, h, w) with zeros on all sides to the height and width of `like`."""
    height, width = like.shape[-2] - x.shape[-2], like.shape[-1] - x.shape[-1]
    return F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])


class UNet(nn.Module):
    """U-Net with widths 64, 128, 256, 512, 512.

    17,268,164 parameters from 4 to 4 channels, 17,267,969 from 4 to 1. Any size from 16x16 on.

    Args:
        in_channels: 4 for RGB and trimap, 3 without a trimap.
        out_channels: 4 for the premultiplied foreground and alpha (the text), 1 for alpha.

    Raises:
        BgrError: another number of output channels; in `forward`, a side below 16.

    Source: paper 000, chapter 2.
    """

    def __init__(self, in_channels: int = 4, out_channels: int = 4) -> None:
        super().__init__()
        if out_channels not in (1, 4):
            raise BgrError(f"UNet: out_channels is {out_channels}", "4 (RGBA) or 1 (alpha)")
        self.in_channels = in_channels
        self.stem = DoubleConv(in_channels, 64)
        self.down1 = Down(DoubleConv(64, 128))
        self.down2 = Down(DoubleConv(128, 256))
        self.down3 = Down(DoubleConv(256, 512))
        self.down4 = Down(DoubleConv(512, 512))
        self.up1 = Up(1024, 256)
        self.up2 = Up(512, 128)
        self.up3 = Up(256, 64)
        self.up4 = Up(128, 64)
        self.head = OutConv(64, out_channels)

    def forward(self, x: Tensor) -> UNetOutput:
        """Predict the matte, and the foreground on black.

        Args:
            x: RGB and trimap, (B, in_channels, H, W) float in [0, 1].
        """
        check_smallest(x, "UNet")
        full = self.stem(x)
        half = self.down1(full)
        quarter = self.down2(half)
        eighth = self.down3(quarter)
        out = self.up1(self.down4(eighth), eighth)
        out = self.up4(self.up3(self.up2(out, quarter), half), full)
        out = self.head(out).float().sigmoid()
        return UNetOutput(out[:, -1:], out[:, :3] if out.shape[1] == 4 else None)
