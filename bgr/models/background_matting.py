"""Background matting with a captured background: base network and patch refinement.

Lin et al., "Real-Time High-Resolution Background Matting", CVPR 2021, arXiv 2012.07810 (the method of
paper 004); paper 002 builds on the same base. Names and shapes of the weights are those of the published
checkpoints, which load unchanged. Images are RGB in [0, 1] without further normalisation.
"""

from typing import Any, Literal, NamedTuple, Self, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models import segmentation
from torchvision.models.segmentation.deeplabv3 import ASPP

from bgr.errors import BgrError
from bgr.io.weights import load_published, read_weights
from bgr.models.encoders import MobileNetV2Encoder, ResNetEncoder
from bgr.models.portrait import check_batch, check_size
from bgr.ops.patches import crop_patches, replace_patches
from bgr.ops.resize import bilinear

Backbone = Literal["resnet101", "resnet50", "mobilenetv2"]
BackboneInput = Literal["concat6", "source"]
RefineMode = Literal["full", "sampling", "thresholding"]

HIDDEN = 32
PARTS = ("classifier.", "aux_classifier.")  # of a DeepLab, that have no place here
PATCH = 4  # side of a refined patch
PUBLISHED: dict[str, dict[str, Any]] = {
    "resnet101": {
        "imagenet": models.ResNet101_Weights.IMAGENET1K_V2,
        "deeplab": segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
    },
    "resnet50": {
        "imagenet": models.ResNet50_Weights.IMAGENET1K_V2,
        "deeplab": segmentation.DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1,
    },
    "mobilenetv2": {"imagenet": models.MobileNet_V2_Weights.IMAGENET1K_V2},
}


class BaseOutput(NamedTuple):
    """What the base network returns, all float32 at the input's size.

    Attributes:
        alpha: matte, (B, 1, H, W) in [0, 1].
        foreground: colour of the person, (B, 3, H, W) in [0, 1].
        error: predicted absolute error of alpha, (B, 1, H, W) in [0, 1].
        hidden: features for the refinement, (B, 32, H, W), not negative.
    """

    alpha: Tensor
    foreground: Tensor
    error: Tensor
    hidden: Tensor


class RefineOutput(NamedTuple):
    """What the refined network returns, all float32.

    Attributes:
        alpha: matte, (B, 1, H, W) in [0, 1].
        foreground: colour of the person, (B, 3, H, W) in [0, 1].
        coarse_alpha: matte of the base at the backbone's scale s, (B, 1, sH, sW).
        coarse_foreground: its foreground, (B, 3, sH, sW).
        coarse_error: its predicted error, (B, 1, sH, sW).
        refined: 1 where a 4x4 patch was refined, (B, 1, H/4, W/4).
    """

    alpha: Tensor
    foreground: Tensor
    coarse_alpha: Tensor
    coarse_foreground: Tensor
    coarse_error: Tensor
    refined: Tensor


class Decoder(nn.Module):
    """Four times: bilinear enlargement to the skip connection, concatenation, 3x3 convolution."""

    def __init__(self, widths: tuple[int, ...], skips: tuple[int, ...]) -> None:
        super().__init__()
        inputs = [w + s for w, s in zip(widths, skips, strict=False)]
        self.conv1 = nn.Conv2d(inputs[0], widths[1], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[1])
        self.conv2 = nn.Conv2d(inputs[1], widths[2], 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(widths[2])
        self.conv3 = nn.Conv2d(inputs[2], widths[3], 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(widths[3])
        self.conv4 = nn.Conv2d(inputs[3], widths[4], 3, padding=1)

    def forward(
        self, x: Tensor, eighth: Tensor, quarter: Tensor, half: Tensor, full: Tensor
    ) -> Tensor:
        x = F.relu(self.bn1(self.conv1(_joined(x, eighth))))
        x = F.relu(self.bn2(self.conv2(_joined(x, quarter))))
        x = F.relu(self.bn3(self.conv3(_joined(x, half))))
        out: Tensor = self.conv4(_joined(x, full))
        return out


def _joined(x: Tensor, skip: Tensor) -> Tensor:
    """Concatenate in the dtype of the features: under autocast the image itself is still float32."""
    return torch.cat([bilinear(x, skip.shape[-2:]), skip.to(x.dtype)], dim=1)


class MattingBase(nn.Module):
    """Coarse matte, foreground, error map and hidden features from an image and its background.

    4,991,395 (mobilenetv2), 40,232,259 (resnet50) or 59,224,387 (resnet101) parameters; any size.

    Args:
        backbone: `resnet101`, `resnet50` or `mobilenetv2`.
        weights: `imagenet` or `deeplab` for what those hold of backbone and ASPP, a file of weights,
            or None. The six-channel stem stays fresh unless the file has one.
        backbone_input: `concat6` feeds image and background; `source` the image alone, as the student
            code of paper 002 does.
        output_stride: 16, or 32 without dilation (paper 002).
        freeze_backbone: whether the backbone keeps its weights and BatchNorm statistics (paper 002).
        dropout: dropout of the ASPP; 0.15 in paper 002.
        bn_momentum: weight of the new batch in BatchNorm's running statistics; 0.85 in paper 002.

    Raises:
        BgrError: an unknown choice, or weights that cannot be read.

    Source: arXiv 2012.07810, section 4.1.
    """

    def __init__(
        self,
        backbone: Backbone = "resnet50",
        weights: str | None = None,
        backbone_input: BackboneInput = "concat6",
        output_stride: int = 16,
        freeze_backbone: bool = False,
        dropout: float = 0.5,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        for value, choices in (
            (backbone, get_args(Backbone)),
            (backbone_input, get_args(BackboneInput)),
            (output_stride, (16, 32)),
        ):
            if value not in choices:
                known = ", ".join(str(c) for c in choices)
                raise BgrError(f"{type(self).__name__} has no {value!r}", f"one of {known}")
        self.with_background = backbone_input == "concat6"
        in_channels = 6 if self.with_background else 3
        dilated = output_stride == 16
        if backbone == "mobilenetv2":
            self.backbone: nn.Module = MobileNetV2Encoder(in_channels, dilated)
            deepest, *skips = MobileNetV2Encoder.channels
        else:
            layers = [3, 4, 23, 3] if backbone == "resnet101" else [3, 4, 6, 3]
            self.backbone = ResNetEncoder(layers, in_channels, dilated)
            deepest, *skips = ResNetEncoder.channels
        self.aspp = ASPP(deepest, [3, 6, 9])
        self.aspp.project[3].p = dropout
        self.decoder = Decoder((256, 128, 64, 48, 5 + HIDDEN), (*skips, in_channels))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = bn_momentum
        self.freeze_backbone = freeze_backbone
        self.backbone.requires_grad_(not freeze_backbone)
        self.train()
        if weights is not None:
            self._load(read_weights(weights, PUBLISHED[backbone]), weights)

    def _load(self, state: dict[str, Tensor], source: str) -> None:
        fresh = ["refiner."]
        if not any(k.startswith("backbone.") for k in state):
            state = {f"backbone.{k}": v for k, v in state.items()}
            fresh += ["aspp.", "decoder."]
        elif any(k.startswith("classifier.") for k in state):  # DeepLab
            state = {k.replace("classifier.0.", "aspp."): v for k, v in state.items()}
            fresh += ["decoder."]
        elif any(k.startswith("refiner.") for k in state):
            fresh = []
        stem = next(iter(self.state_dict()))
        if stem in state and state[stem].shape != self.state_dict()[stem].shape:
            fresh += [stem]
        ignored = ("backbone.fc.", "backbone.classifier.", "backbone.features.18.", *PARTS)
        load_published(self, state, source, tuple(fresh), ignored)

    def train(self, mode: bool = True) -> Self:
        """A frozen backbone stays in eval mode."""
        super().train(mode)
        if self.freeze_backbone:
            self.backbone.eval()
        return self

    def coarse(self, image: Tensor, captured_background: Tensor) -> tuple[Tensor, ...]:
        """Alpha, unclamped foreground residual, error and hidden features, float32."""
        check_batch(image, self.training, type(self).__name__)
        x = torch.cat([image, captured_background], dim=1) if self.with_background else image
        deepest, eighth, quarter, half = self.backbone(x)
        x = self.decoder(self.aspp(deepest), eighth, quarter, half, x).float()
        return x[:, :1].clamp(0, 1), x[:, 1:4], x[:, 4:5].clamp(0, 1), x[:, 5:].relu()

    def forward(self, image: Tensor, captured_background: Tensor) -> BaseOutput:
        """Predict the matte of whoever stands before a known background.

        Args:
            image: what the camera saw, (B, 3, H, W) RGB float in [0, 1].
            captured_background: the empty room, same shape and range.
        """
        alpha, residual, error, hidden = self.coarse(image, captured_background)
        return BaseOutput(alpha, (residual + image).clamp(0, 1), error, hidden)


class Refiner(nn.Module):
    """Two convolutions at half and two at full resolution, on selected 4x4 patches or everywhere.

    Args:
        kernel_size: 3, or 1 for the faster variant of table 6.
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.conv1 = nn.Conv2d(HIDDEN + 4 + 6, 24, kernel_size, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.conv2 = nn.Conv2d(24, 16, kernel_size, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv3 = nn.Conv2d(16 + 6, 12, kernel_size, bias=False)
        self.bn3 = nn.BatchNorm2d(12)
        self.conv4 = nn.Conv2d(12, 4, kernel_size)

    def forward(self, pair: Tensor, coarse: Tensor, refined: Tensor | None) -> Tensor:
        """Alpha and foreground residual at full resolution, (B, 4, H, W) float32.

        Args:
            pair: image and captured background, (B, 6, H, W).
            coarse: hidden features, alpha and residual of the base, (B, 36, h, w).
            refined: (B, 1, H/4, W/4), non-zero where a patch is refined; None refines everything.
        """
        height, width = pair.shape[-2:]
        half = (height // 2, width // 2)
        at_half = torch.cat([bilinear(coarse, half), bilinear(pair, half)], dim=1)
        margin = self.kernel_size // 2  # each of the two convolutions takes one margin off a side
        if refined is None:
            size = (height + 4 * margin, width + 4 * margin)
            at_full = F.pad(pair, [2 * margin] * 4)
            return self._convolve(F.pad(at_half, [3 * margin] * 4), at_full, size)
        batch, _, row, column = torch.nonzero(refined, as_tuple=True)
        out = bilinear(coarse[:, HIDDEN:], (height, width))
        if self.training and len(batch) == 0:  # BatchNorm has no statistics of nothing
            return out
        where = (batch, row, column)
        if not self.training:  # a spare patch, as torch.export must know that there is one at least
            batch, row, column = (F.pad(index, (0, 1)) for index in where)
        patches = self._convolve(
            crop_patches(at_half, (batch, row, column), PATCH // 2, 3 * margin),
            crop_patches(pair, (batch, row, column), PATCH, 2 * margin),
            (PATCH + 4 * margin, PATCH + 4 * margin),
        )
        return replace_patches(out, where, patches if self.training else patches[:-1])

    def _convolve(self, at_half: Tensor, at_full: Tensor, size: tuple[int, int]) -> Tensor:
        x = F.relu(self.bn1(self.conv1(at_half)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = torch.cat([F.interpolate(x, size=size, mode="nearest"), at_full], dim=1)
        x = F.relu(self.bn3(self.conv3(x)))
        out: Tensor = self.conv4(x).float()
        return out


class MattingRefine(MattingBase):
    """The base on a reduced image, then refinement where the base expects to be wrong.

    5,006,839 (mobilenetv2), 40,247,703 (resnet50) or 59,239,831 (resnet101) parameters with 3x3
    refinement, of which the refinement has 15,444.

    Args:
        backbone: as in `MattingBase`.
        backbone_scale: scale of the image that the base sees, at most 1/2.
        refine_mode: `sampling` refines a fixed number of pixels (a bound on the time), `thresholding`
            those whose predicted error exceeds a threshold (a bound on the error), `full` everything
            (what paper 002 calls sampling).
        refine_sample_pixels: pixels to refine an image under `sampling`, all where there are fewer.
        refine_threshold: error above which a patch is refined under `thresholding`; 0.7 in the command
            line of paper 004, 0.1 in its authors' model.
        refine_kernel_size: 3 or 1.
        refine_prevent_oversampling: whether `sampling` leaves out patches of no predicted error.
        weights, backbone_input, output_stride, freeze_backbone, dropout, bn_momentum: as in
            `MattingBase`; BatchNorm of the refinement keeps its momentum of 0.1.

    Raises:
        BgrError: an unknown choice; in `forward`, a side that is not a multiple of 4.

    Source: arXiv 2012.07810, section 4.2.
    """

    def __init__(
        self,
        backbone: Backbone = "resnet50",
        backbone_scale: float = 0.25,
        refine_mode: RefineMode = "sampling",
        refine_sample_pixels: int = 80_000,
        refine_threshold: float = 0.1,
        refine_kernel_size: int = 3,
        refine_prevent_oversampling: bool = True,
        weights: str | None = None,
        backbone_input: BackboneInput = "concat6",
        output_stride: int = 16,
        freeze_backbone: bool = False,
        dropout: float = 0.5,
        bn_momentum: float = 0.1,
    ) -> None:
        modes = get_args(RefineMode)
        if refine_mode not in modes or refine_kernel_size not in (1, 3):
            found = f"refine_mode {refine_mode!r}, refine_kernel_size {refine_kernel_size}"
            raise BgrError(f"MattingRefine: {found}", f"one of {', '.join(modes)}, and 1 or 3")
        if not 0 < backbone_scale <= 0.5:
            raise BgrError(f"MattingRefine: backbone_scale is {backbone_scale}", "in (0, 1/2]")
        super().__init__(
            backbone, None, backbone_input, output_stride, freeze_backbone, dropout, bn_momentum
        )
        self.backbone_scale = backbone_scale
        self.refine_mode = refine_mode
        self.refine_sample_pixels = refine_sample_pixels
        self.refine_threshold = refine_threshold
        self.refine_prevent_oversampling = refine_prevent_oversampling
        self.refiner = Refiner(refine_kernel_size)
        if weights is not None:
            self._load(read_weights(weights, PUBLISHED[backbone]), weights)

    def forward(self, image: Tensor, captured_background: Tensor) -> RefineOutput:  # type: ignore[override]
        """Predict the matte of whoever stands before a known background.

        Args:
            image: what the camera saw, (B, 3, H, W) RGB float in [0, 1], H and W multiples of 4.
            captured_background: the empty room, same shape and range.
        """
        check_size(image, PATCH, "MattingRefine")
        pair = torch.cat([image, captured_background], dim=1)
        small = bilinear(pair, [int(side * self.backbone_scale) for side in image.shape[-2:]])
        alpha, residual, error, hidden = self.coarse(small[:, :3], small[:, 3:])
        coarse = torch.cat([hidden, alpha, residual], dim=1)
        refined = self.select(error, image)
        out = self.refiner(pair, coarse, None if self.refine_mode == "full" else refined)
        return RefineOutput(
            out[:, :1].clamp(0, 1),
            (out[:, 1:] + image).clamp(0, 1),
            alpha,
            (residual + small[:, :3]).clamp(0, 1),
            error,
            refined,
        )

    def select(self, error: Tensor, image: Tensor) -> Tensor:
        """Which 4x4 patches are refined, (B, 1, H/4, W/4) float of 0 and 1."""
        error = bilinear(error, (image.shape[-2] // PATCH, image.shape[-1] // PATCH))
        if self.refine_mode == "full":
            return torch.ones_like(error)
        if self.refine_mode == "thresholding":
            return (error > self.refine_threshold).float()
        flat = error.flatten(1)
        count = min(self.refine_sample_pixels // PATCH**2, flat.shape[1])
        chosen = torch.zeros_like(flat).scatter_(1, flat.topk(count, dim=1).indices, 1.0)
        if self.refine_prevent_oversampling:
            chosen = chosen * (flat > 0)
        return chosen.view_as(error)
