"""Photometric augmentation on the batch, on the device."""

from collections.abc import Callable
from functools import partial

import torch
from kornia.enhance import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    sharpness,
)
from kornia.filters import box_blur, motion_blur
from torch import Tensor

from bgr.data.draws import Draws, where_chosen
from bgr.types import Batch

PICTURES = ("image", "foreground", "captured_background", "target_background")
STREAMS = {key: number for number, key in enumerate((*PICTURES, "noise"), start=1)}


class PhotometricAugment:
    """Random colours, sharpness, motion and noise.

    A person and each background change by draws of their own before they are composited, so that the
    composite stays exact; a photo that is not composited changes as a whole, its true colours
    (`foreground`) and the colours of a captured background that came with it too. Blur and motion change
    the matte as well. Noise is the camera's: it comes on the composited image last. Targets of
    super-resolution are derived before the noise.

    Args:
        jitter: brightness is shifted by at most this, contrast and saturation are multiplied by factors
            in [1 - jitter, 1 + jitter].
        gamma: the exponent is in [1 - gamma, 1 + gamma].
        hue: hue is turned by at most this share of the circle.
        blur: share of pictures that are blurred by a box of 3 to 9 pixels.
        sharpen: share of pictures that are sharpened.
        motion: share of people (or photos) that are blurred along a line of up to a fortieth of the
            shorter side.
        noise: largest standard deviation of Gaussian noise; drawn per sample.
        noise_share: share of samples with noise.

    Source: the shares of BackgroundMattingV2 (arXiv 2012.07810, section 5.2) are in conf/augment.
    """

    def __init__(
        self,
        jitter: float = 0.2,
        gamma: float = 0.2,
        hue: float = 0.0,
        blur: float = 0.0,
        sharpen: float = 0.0,
        motion: float = 0.0,
        noise: float = 0.02,
        noise_share: float = 1.0,
    ) -> None:
        self.jitter = jitter
        self.gamma = gamma
        self.hue = hue
        self.blur = blur
        self.sharpen = sharpen
        self.motion = motion
        self.noise = noise
        self.noise_share = noise_share

    def pictures(self, batch: Batch) -> None:
        """Change what is composited or photographed; batches without `seed` stay as they are."""
        if "seed" not in batch:
            return
        with_image = ("foreground", "captured_background") if "image" in batch else ()
        for key in PICTURES:
            if key not in batch or (key != "image" and key in with_image):
                continue
            draws = Draws(batch, STREAMS[key])
            picture: Tensor = batch[key]  # type: ignore[literal-required]
            moving = [] if key.endswith("_background") else ["alpha", "foreground"]
            with_it = [k for k in moving if k in batch and k != key]
            changed = {k: batch[k] for k in (key, *with_it)}  # type: ignore[literal-required]
            if self.blur or self.motion:
                if key == "foreground":  # what is blurred is the light that the person sends
                    changed[key] = picture * batch["alpha"]
                widths = [tensor.shape[1] for tensor in changed.values()]
                stack = torch.cat(list(changed.values()), dim=1)
                stack = self._blurred(stack, draws, moving=bool(moving))
                parts = torch.split(stack, widths, dim=1)
                changed = dict(zip(changed, parts, strict=True))
                if key == "foreground":
                    alpha = changed["alpha"]
                    light = changed[key] / alpha.clamp(min=1e-3)
                    changed[key] = torch.where(alpha > 1e-3, light, picture)
            recolour = self._colours(draws)
            for name, tensor in changed.items():
                batch[name] = tensor if name == "alpha" else recolour(tensor)  # type: ignore[literal-required]
            if key == "image" and "captured_background" in batch:  # one camera took both
                batch["captured_background"] = recolour(batch["captured_background"])

    def camera_noise(self, batch: Batch) -> None:
        """Add noise to `image`, (B, 3, H, W) float in [0, 1]."""
        if "seed" not in batch or not self.noise:
            return
        draws = Draws(batch, STREAMS["noise"])
        strength = draws.uniform(0, self.noise) * draws.chosen(self.noise_share)
        batch["image"] = (batch["image"] + draws.noise(batch["image"], strength)).clamp(0, 1)

    def _blurred(self, stack: Tensor, draws: Draws, moving: bool) -> Tensor:
        sides = 3 + 2 * draws.uniform(0, 4).long()
        blurred = draws.chosen(self.blur)
        for side in (3, 5, 7, 9):
            stack = where_chosen(
                partial(box_blur, kernel_size=side), stack, blurred & (sides == side)
            )
        if not moving or not self.motion:
            return stack
        chosen = draws.chosen(self.motion)
        longest = max(3.0, min(stack.shape[-2:]) / 40)
        lengths, angles = draws.uniform(2, longest), draws.uniform(0, 360)
        for i in chosen.nonzero().flatten().tolist():
            side = 2 * int(lengths[i] / 2) + 1
            moved = motion_blur(stack[i : i + 1], side, angles[i : i + 1], angles[:1] * 0)
            stack = torch.cat([stack[:i], moved, stack[i + 1 :]])
        return stack

    def _colours(self, draws: Draws) -> Callable[[Tensor], Tensor]:
        """Draws a change of colours, for pictures (B, 3, H, W) float in [0, 1]."""
        brightness = draws.uniform(-self.jitter, self.jitter)
        contrast, saturation = (draws.uniform(1 - self.jitter, 1 + self.jitter) for _ in range(2))
        gamma = draws.uniform(1 - self.gamma, 1 + self.gamma)
        hue = draws.uniform(-2 * torch.pi * self.hue, 2 * torch.pi * self.hue)
        sharpened, factor = draws.chosen(self.sharpen), draws.uniform(1, 2)

        def change(x: Tensor) -> Tensor:
            if self.jitter:
                x = adjust_contrast(adjust_brightness(x, brightness), contrast)
                x = adjust_saturation(x, saturation)
            if self.gamma:
                x = adjust_gamma(x.clamp(0, 1), gamma)
            if self.hue:
                x = adjust_hue(x, hue)
            if self.sharpen:
                x = where_chosen(lambda y: sharpness(y, factor[sharpened]), x, sharpened)
            return x.clamp(0, 1)

        return change
