"""How the captured background differs from what is behind the person when the photo is taken."""

import math

import torch
import torch.nn.functional as F
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from bgr.data.draws import Draws, where_chosen
from bgr.types import Batch

STREAM = 16
SHADOW_GRID = 8  # a shadow is as soft as this many pixels: drawn at an eighth of the size


class CapturedMismatch:
    """Random differences between the captured background and the background behind the person.

    Every effect comes over a share of the samples. The shadow falls on the background behind the
    person, which the captured one does not have; all others change the captured background.

    Args:
        shadow: share with a shadow of the person: its matte moved, scaled and blurred.
        shadow_strength: largest brightness that a shadow takes away.
        exposure: share with other exposure and colours.
        exposure_jitter: brightness is shifted by at most this; contrast and saturation change by
            factors in [1 - jitter, 1 + jitter].
        exposure_hue: hue is turned by at most this share of the circle.
        noise: share with noise.
        noise_std: largest standard deviation of the noise.
        affine: share that is moved.
        rotation: largest angle in degrees.
        shift: largest shift, as a share of the sides.

    Source: Lin et al., "Real-Time High-Resolution Background Matting", section 5.2 and code; the
    defaults are theirs.
    """

    def __init__(
        self,
        shadow: float = 0.3,
        shadow_strength: float = 0.3,
        exposure: float = 0.8,
        exposure_jitter: float = 0.18,
        exposure_hue: float = 0.1,
        noise: float = 0.4,
        noise_std: float = 0.03,
        affine: float = 0.3,
        rotation: float = 1.0,
        shift: float = 0.01,
    ) -> None:
        self.shadow, self.shadow_strength = shadow, shadow_strength
        self.exposure, self.exposure_jitter = exposure, exposure_jitter
        self.exposure_hue = exposure_hue
        self.noise, self.noise_std = noise, noise_std
        self.affine, self.rotation, self.shift = affine, rotation, shift

    def __call__(self, batch: Batch) -> Tensor:
        """Change `captured_background`; batches without `seed` stay as they are.

        Args:
            batch: with `alpha` and `captured_background`, float in [0, 1].

        Returns:
            What is behind the person, (B, 3, H, W) float in [0, 1].
        """
        behind = batch["captured_background"]
        if "seed" not in batch:
            return behind
        draws = Draws(batch, STREAM)
        shadows = self._shadows(batch["alpha"], draws)
        captured = self._moved(self._exposed(behind, draws), draws)
        batch["captured_background"] = self._noisy(captured, draws)
        return (behind - shadows).clamp(0, 1)

    def _exposed(self, x: Tensor, draws: Draws) -> Tensor:
        jitter = self.exposure_jitter
        brightness = draws.uniform(-jitter, jitter)
        contrast, saturation = (draws.uniform(1 - jitter, 1 + jitter) for _ in range(2))
        hue = draws.uniform(-2 * torch.pi * self.exposure_hue, 2 * torch.pi * self.exposure_hue)
        chosen = draws.chosen(self.exposure)

        def change(y: Tensor) -> Tensor:
            y = adjust_contrast(adjust_brightness(y, brightness[chosen]), contrast[chosen])
            y = adjust_hue(adjust_saturation(y, saturation[chosen]), hue[chosen])
            return y.clamp(0, 1)

        return where_chosen(change, x, chosen)

    def _moved(self, x: Tensor, draws: Draws) -> Tensor:
        height, width = x.shape[-2:]
        angle = draws.uniform(-self.rotation, self.rotation)
        across, down = (draws.uniform(-self.shift, self.shift) * side for side in (width, height))
        matrix = _affine(x, angle, across, down, torch.ones_like(angle))
        chosen = draws.chosen(self.affine)
        return where_chosen(
            lambda y: warp_affine(y, matrix[chosen], (height, width), padding_mode="border"),
            x,
            chosen,
        )

    def _noisy(self, x: Tensor, draws: Draws) -> Tensor:
        strength = draws.uniform(0, self.noise_std) * draws.chosen(self.noise)
        return (x + draws.noise(x, strength)).clamp(0, 1)

    def _shadows(self, alpha: Tensor, draws: Draws) -> Tensor:
        """Brightness that the shadows take away, (B, 1, H, W)."""
        height, width = alpha.shape[-2:]
        small = F.interpolate(
            alpha, [math.ceil(height / SHADOW_GRID), math.ceil(width / SHADOW_GRID)], mode="area"
        )
        across, down = (draws.uniform(-0.2, 0.2) * side for side in small.shape[:1:-1])
        angle, scale = draws.uniform(-5, 5), draws.uniform(0.5, 1.5)
        matrix = _affine(small, angle, across, down, scale)
        size = (small.shape[-2], small.shape[-1])
        moved = warp_affine(small, matrix, size, padding_mode="border")
        soft = F.avg_pool2d(moved, 5, stride=1, padding=2, count_include_pad=False)
        strength = draws.uniform(0, self.shadow_strength) * draws.chosen(self.shadow)
        shadows = soft * strength.view(-1, 1, 1, 1)
        return F.interpolate(shadows, [height, width], mode="bilinear", align_corners=False)


def _affine(x: Tensor, angle: Tensor, across: Tensor, down: Tensor, scale: Tensor) -> Tensor:
    """2x3 matrices of a rotation and scale around the middle and a shift, (B, 2, 3)."""
    height, width = x.shape[-2:]
    centre = x.new_tensor([(width - 1) / 2, (height - 1) / 2]).expand(len(x), 2)
    shift, scales = torch.stack([across, down], 1), torch.stack([scale, scale], 1)
    matrix: Tensor = get_affine_matrix2d(shift, centre, scales, angle)
    return matrix[:, :2]
