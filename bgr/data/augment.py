"""Photometric augmentation on the batch, on the device."""

import torch
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_gamma, adjust_saturation
from torch import Tensor

from bgr.types import Batch


class PhotometricAugment:
    """Random brightness, contrast, saturation, gamma and noise of the image.

    The true colours of the person (`foreground`) change with the image, but for the noise. Targets of
    super-resolution do not: leave the augmentation out there.

    Each sample draws from its own seed (batch key `seed`), so its augmentation does not depend on the
    batch or the process it lands in.

    Args:
        jitter: brightness is shifted by at most this, contrast, saturation and gamma are multiplied by
            factors in [1 - jitter, 1 + jitter].
        noise: largest standard deviation of Gaussian noise; drawn per sample.
    """

    def __init__(self, jitter: float = 0.2, noise: float = 0.02) -> None:
        self.jitter = jitter
        self.noise = noise

    def __call__(self, batch: Batch) -> Batch:
        """Change `image`, (B, 3, H, W) float in [0, 1]; batches without `seed` stay as they are."""
        if "seed" not in batch:
            return batch
        image = batch["image"]
        draws = [torch.Generator(image.device).manual_seed(s) for s in batch["seed"].tolist()]
        uniform = torch.stack([torch.rand(5, generator=g, device=image.device) for g in draws])
        brightness, *factors = ((2 * uniform[:, :4] - 1) * self.jitter).unbind(dim=1)
        contrast, saturation, gamma = (1 + factor for factor in factors)

        def jittered(x: Tensor) -> Tensor:
            x = adjust_contrast(adjust_brightness(x, brightness), contrast)
            coloured: Tensor = adjust_gamma(adjust_saturation(x, saturation), gamma)
            return coloured

        if "foreground" in batch:
            batch["foreground"] = jittered(batch["foreground"]).clamp(0, 1)
        image = jittered(image)
        if self.noise:
            shape = image.shape[1:]
            normal = [torch.randn(shape, generator=g, device=image.device) for g in draws]
            image = image + torch.stack(normal) * (uniform[:, 4] * self.noise).view(-1, 1, 1, 1)
        batch["image"] = image.clamp(0, 1)
        return batch
