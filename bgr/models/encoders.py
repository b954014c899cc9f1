"""Torchvision backbones as encoders with skip connections, for any number of input channels."""

from torch import Tensor, nn
from torchvision import models


class ResNetEncoder(models.ResNet):  # type: ignore[misc]
    """ResNet features at strides 1/2, 1/4, 1/8 and the output stride."""

    channels = (2048, 512, 256, 64)

    def __init__(self, layers: list[int], in_channels: int, dilated: bool) -> None:
        super().__init__(
            models.resnet.Bottleneck,
            layers,
            replace_stride_with_dilation=[False, False, dilated],
        )
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        del self.fc, self.avgpool

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Deepest features first."""
        half = self.relu(self.bn1(self.conv1(x)))
        quarter = self.layer1(self.maxpool(half))
        eighth = self.layer2(quarter)
        return self.layer4(self.layer3(eighth)), eighth, quarter, half


class MobileNetV2Encoder(nn.Module):
    """MobileNetV2 features at strides 1/2, 1/4, 1/8 and the output stride."""

    channels = (320, 32, 24, 16)

    def __init__(self, in_channels: int, dilated: bool) -> None:
        super().__init__()
        self.features = models.mobilenet_v2(weights=None).features[:-1]
        if in_channels != 3:
            self.features[0][0] = nn.Conv2d(in_channels, 32, 3, stride=2, padding=1, bias=False)
        if dilated:
            self.features[14].conv[1][0].stride = (1, 1)
            for block in self.features[15:]:
                depthwise = block.conv[1][0]
                depthwise.dilation = depthwise.padding = (2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Deepest features first."""
        half = self.features[:2](x)
        quarter = self.features[2:4](half)
        eighth = self.features[4:7](quarter)
        return self.features[7:](eighth), eighth, quarter, half
