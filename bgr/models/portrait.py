"""Compact portrait matting network.

Keyuan Zhang, "Real-time Communication with Virtual Background" (section 3.1), whose encoder and
decoder blocks follow Seo et al., "Towards Real-Time Automatic Portrait Matting on Mobile Devices",
arXiv 1904.03816. The paper gives no channel table, so the channels are those of MMNet 1.0.

Three rewrites keep the function and the parameters and save time. A block's concatenation followed by
the 1x1 bottleneck is the sum of one 1x1 convolution per branch, which needs no concatenated copy. The
last 1x1 convolution runs before the two bilinear upsamplings, with which it commutes (both are linear,
and bilinear weights sum to one). And the two-class softmax is the sigmoid of the difference of its two
logits, so one channel is upsampled instead of sixteen. Stride-2 convolutions pad 1 on both sides, where
TensorFlow's "SAME" pads (0, 1).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bgr.errors import BgrError

STRIDE = 16  # sides of the input must be multiples of this


class PortraitOutput(NamedTuple):
    """What a portrait network returns.

    Attributes:
        alpha: matte, (B, 1, H, W) float32 in [0, 1].
        logit: alpha before the sigmoid, (B, 1, H, W) float32.
        aux_logit: logit of the coarse auxiliary matte, (B, 1, H/16, W/16) float32; None in eval
            mode and for networks without an auxiliary head.
    """

    alpha: Tensor
    logit: Tensor
    aux_logit: Tensor | None


def scaled(channels: int, width: float) -> int:
    """Number of channels at a width multiplier: nearest multiple of 8, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)


def check_size(image: Tensor, stride: int, network: str) -> None:
    """Raise BgrError when the sides of an image batch are not multiples of a stride."""
    height, width = image.shape[-2:]
    if height % stride or width % stride:
        nearest = [max(1, round(side / stride)) * stride for side in (height, width)]
        raise BgrError(
            f"{network}: the input is {height}x{width} (HxW)",
            f"both sides multiples of {stride}",
            f"use size=[{nearest[0]},{nearest[1]}]",
        )


def check_batch(image: Tensor, training: bool, network: str) -> None:
    """Raise BgrError when a network with image-level pooling is to train on one image."""
    if training and len(image) == 1:
        raise BgrError(
            f"{network}: one image gives the pooled features no BatchNorm statistics",
            "two images or more a batch",
            "set loader.batch_size=2 or more, and have as many training images",
        )


class ConvBN(nn.Sequential):
    """Convolution without bias, BatchNorm and, if asked for, ReLU6.

    Args:
        channels: input channels.
        out_channels: output channels.
        kernel_size: side of the square kernel; padding keeps the size at stride 1.
        stride: stride.
        dilation: dilation.
        groups: groups; equal to the channels for a depthwise convolution.
        activation: whether ReLU6 follows.
        momentum: weight of the new batch in the running statistics.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: bool = True,
        momentum: float = 0.1,
    ) -> None:
        padding = dilation * (kernel_size // 2)
        layers: list[nn.Module] = [
            nn.Conv2d(
                channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=False
            ),
            nn.BatchNorm2d(out_channels, eps=1e-3, momentum=momentum),
        ]
        if activation:
            layers.append(nn.ReLU6(inplace=True))
        super().__init__(*layers)


class Encoder(nn.Module):
    """Multi-branch dilated depthwise block with a linear bottleneck (paper, section 3.1.1).

    Args:
        channels: input channels.
        expanded: channels of each branch.
        out_channels: channels after the bottleneck.
        rates: dilation of each branch.
        stride: 1 or 2.
        activation: ReLU6 after the bottleneck; a linear bottleneck has none.
        momentum: BatchNorm momentum.
    """

    def __init__(
        self,
        channels: int,
        expanded: int,
        out_channels: int,
        rates: Sequence[int],
        stride: int = 1,
        activation: bool = False,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()

        def branch(rate: int) -> nn.Sequential:
            layers: list[nn.Module] = [ConvBN(channels, expanded, momentum=momentum)]
            if stride == 2:
                layers.append(ConvBN(expanded, expanded, 3, 2, groups=expanded, momentum=momentum))
            layers.append(
                ConvBN(expanded, expanded, 3, dilation=rate, groups=expanded, momentum=momentum)
            )
            return nn.Sequential(*layers, nn.Conv2d(expanded, out_channels, 1, bias=False))

        self.branches = nn.ModuleList(branch(rate) for rate in rates)
        self.norm = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=momentum)
        self.activation = nn.ReLU6(inplace=True) if activation else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        merged = self.branches[0](x)
        for branch in self.branches[1:]:
            merged = merged + branch(x)
        out: Tensor = self.activation(self.norm(merged))
        return out


class Decoder(nn.Module):
    """Upsampling by two, concatenated with a refined skip connection (paper, section 3.1.2).

    Args:
        channels: input channels.
        out_channels: channels of the upsampled path.
        skip_channels: channels of the skip connection.
        skip_out_channels: channels of the skip connection after its refinement.
        momentum: BatchNorm momentum.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        skip_channels: int,
        skip_out_channels: int,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.project = ConvBN(channels, out_channels, momentum=momentum)
        self.skip = nn.Sequential(
            ConvBN(skip_channels, skip_channels, 3, groups=skip_channels, momentum=momentum),
            ConvBN(skip_channels, skip_out_channels, momentum=momentum),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([upsample2(self.project(x)), self.skip(skip)], dim=1)


def upsample2(x: Tensor) -> Tensor:
    """Bilinear upsampling by two, (B, C, H, W) -> (B, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class PortraitNet(nn.Module):
    """U-shaped portrait matting network for 256x256 or 256x144 images.

    190,652 trainable parameters at width 1 (190,490 without the auxiliary head).

    Args:
        width: multiplier of every channel count.
        aux: whether an auxiliary head on the deepest features is trained along.
        bn_momentum: weight of the new batch in BatchNorm's running statistics. MMNet's code has
            0.001, which needs tens of thousands of steps before evaluation is meaningful.

    Raises:
        BgrError: in `forward`, when a side is not a multiple of 16.

    Source: paper section 3.1, figures 1 to 3; channels of MMNet 1.0 (arXiv 1904.03816, table 1).
    """

    def __init__(self, width: float = 1.0, aux: bool = True, bn_momentum: float = 0.1) -> None:
        super().__init__()

        def c(channels: int) -> int:
            return scaled(channels, width)

        def encoder(
            channels: int,
            expanded: int,
            out_channels: int,
            rates: Sequence[int],
            stride: int = 1,
            activation: bool = False,
        ) -> Encoder:
            return Encoder(
                channels, c(expanded), c(out_channels), rates, stride, activation, bn_momentum
            )

        self.stem = ConvBN(3, c(32), 3, stride=2, momentum=bn_momentum)  # 1/2
        self.encoder0 = encoder(c(32), 16, 16, (1, 2, 4, 8), stride=2)  # 1/4
        self.encoder1_3 = nn.Sequential(
            encoder(c(16), 16, 24, (1, 2, 4, 8)),
            encoder(c(24), 24, 24, (1, 2, 4, 8)),
            encoder(c(24), 24, 24, (1, 2, 4, 8)),
        )
        self.encoder4 = encoder(c(24), 32, 40, (1, 2, 4), stride=2)  # 1/8
        self.encoder5_7 = nn.Sequential(
            *(encoder(c(40), 64, 40, (1, 2, 4)) for _ in range(3)),
        )
        self.encoder8_9 = nn.Sequential(  # 1/16
            encoder(c(40), 80, 80, (1, 2), stride=2),
            encoder(c(80), 120, 80, (1, 2), activation=True),
        )
        self.decoder0 = Decoder(c(80), c(64), c(40), c(64), bn_momentum)  # 1/8
        self.decoder1 = Decoder(c(64) * 2, c(40), c(16), c(40), bn_momentum)  # 1/4
        self.decoder2_3 = nn.Sequential(
            encoder(c(40) * 2, 40, 40, (1, 2, 4)),
            encoder(c(40), 40, 40, (1, 2, 4)),
        )
        self.decoder4 = ConvBN(c(40), c(16), momentum=bn_momentum)
        self.head = nn.Conv2d(c(16), 2, 1)
        self.aux_head = nn.Conv2d(c(80), 2, 1) if aux else None

    def forward(self, image: Tensor) -> PortraitOutput:
        """Predict the matte of the people in an image.

        Args:
            image: (B, 3, H, W) RGB float in [0, 1], H and W multiples of 16.
        """
        check_size(image, STRIDE, "PortraitNet")
        quarter = self.encoder0(self.stem(image))
        eighth = self.encoder4(self.encoder1_3(quarter))
        deepest = self.encoder8_9(self.encoder5_7(eighth))
        x = self.decoder1(self.decoder0(deepest, eighth), quarter)
        x = self.head(self.decoder4(self.decoder2_3(x)))
        logit = upsample2(upsample2(class_difference(x)))
        aux_logit = None
        if self.aux_head is not None and self.training:
            aux_logit = class_difference(self.aux_head(deepest))
        return PortraitOutput(logit.sigmoid(), logit, aux_logit)


def class_difference(logits: Tensor) -> Tensor:
    """Person minus background logit, (B, 2, H, W) -> (B, 1, H, W) float32.

    Its sigmoid is the person channel of the two-class softmax.
    """
    background, person = logits.float().chunk(2, dim=1)
    return person - background
