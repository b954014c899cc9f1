"""Mobile DeepLabv3: the baseline of the portrait matting paper.

Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", arXiv 1706.05587, on a
slim MobileNetV2 (Sandler et al., CVPR 2018), in the configuration that Seo et al. (arXiv 1904.03816)
compare with: features up to the last bottleneck, output stride 16, no atrous branches, no decoder.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import mobilenet_v2

from bgr.models.portrait import PortraitOutput, check_batch, class_difference

ASPP_CHANNELS = 256


class MobileDeepLabV3(nn.Module):
    """MobileNetV2 at output stride 16, image-level pooling, one classifier.

    695,362 trainable parameters at width 0.5; any input size.

    Args:
        width: multiplier of the backbone's channel counts; the baseline's published script has 0.5.
        bn_momentum: weight of the new batch in BatchNorm's running statistics.
    """

    def __init__(self, width: float = 0.5, bn_momentum: float = 0.1) -> None:
        super().__init__()
        features = mobilenet_v2(weights=None, width_mult=width).features[:-1]
        _keep_stride_16(features)
        self.backbone = features
        last_block = features[-1].conv
        channels = last_block[-1].num_features
        self.local = _projection(channels)
        self.pooled = _projection(channels)
        self.merge = _projection(2 * ASPP_CHANNELS)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Conv2d(ASPP_CHANNELS, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = bn_momentum

    def forward(self, image: Tensor) -> PortraitOutput:
        """Predict the matte of the people in an image.

        Args:
            image: (B, 3, H, W) RGB float in [0, 1].
        """
        check_batch(image, self.training, "MobileDeepLabV3")
        x = self.backbone(image)
        pooled = self.pooled(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        x = self.merge(torch.cat([self.local(x), pooled], dim=1))
        logit = class_difference(self.head(self.dropout(x)))
        logit = F.interpolate(logit, size=image.shape[-2:], mode="bilinear", align_corners=True)
        return PortraitOutput(logit.sigmoid(), logit, None)


def _projection(channels: int) -> nn.Sequential:
    """1x1 convolution to the ASPP's width, BatchNorm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, ASPP_CHANNELS, 1, bias=False),
        nn.BatchNorm2d(ASPP_CHANNELS),
        nn.ReLU(inplace=True),
    )


def _keep_stride_16(features: nn.Sequential) -> None:
    """Turn the last stride-2 stage (blocks 14 to 17) into dilation 2, as DeepLab does."""
    for index, block in enumerate(features[14:]):
        for module in block.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                dilation = 1 if index == 0 else 2
                module.stride = (1, 1)
                module.dilation = module.padding = (dilation, dilation)
