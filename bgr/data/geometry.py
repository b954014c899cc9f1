"""Random geometry of portrait training, on the host, shared by image, matte and foreground."""

from collections.abc import Sequence

import albumentations as A
import cv2
import numpy as np

from bgr.data.dataset import resized
from bgr.io.images import ImageArray


class PortraitGeometry:
    """Anisotropic scale, crop, flip and rotation.

    The image is resized to the network's size times 1 to `stretch`, drawn for height and width apart;
    a window of the network's size is cropped; half of the images are mirrored; half are rotated and
    cropped to the largest upright rectangle without border, which is resized back.

    Args:
        size: height and width of the result.
        stretch: largest scale.
        rotation: largest angle in degrees, to either side; up to 90. The paper trains with 30 and
            proposes 90 for phones held sideways.

    Raises:
        ValueError: an argument is out of range.

    Source: Zhang, "Real-time Communication with Virtual Background", sections 4 and 5.
    """

    def __init__(self, size: Sequence[int], stretch: float = 1.15, rotation: float = 30.0) -> None:
        if not 0 <= rotation <= 90 or stretch < 1:
            raise ValueError(
                f"rotation is {rotation}, stretch {stretch}; expected 0 <= rotation <= 90 degrees "
                "and stretch >= 1"
            )
        self.height, self.width = size
        self.stretch = stretch
        self.transform = A.Compose(
            [
                A.RandomCrop(self.height, self.width),
                A.HorizontalFlip(p=0.5),
                A.Rotate(
                    (-rotation, rotation),
                    crop_border=True,
                    border_mode=cv2.BORDER_REFLECT_101,  # the crop keeps a border of under a pixel
                    p=0.5 if rotation else 0.0,
                ),
                A.Resize(self.height, self.width, interpolation=cv2.INTER_LINEAR),
            ]
        )

    def __call__(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        """Warp (H, W, C) uint8 to (height, width, C) with draws from `rng`."""
        steps = round((self.stretch - 1) * 100)
        scale_y, scale_x = 1 + rng.integers(steps + 1, size=2) / 100
        pixels = resized(pixels, round(self.height * scale_y), round(self.width * scale_x))
        self.transform.set_random_seed(int(rng.integers(2**31)))
        warped: ImageArray = self.transform(image=pixels)["image"]
        return warped
