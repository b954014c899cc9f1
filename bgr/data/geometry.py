"""Random geometry on the host: one warp shared by a photo, its matte and its foreground."""

from collections.abc import Sequence
from typing import Protocol

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.data.warps import covering, resized, warped
from bgr.io.images import ImageArray

Range = Sequence[float]


class Geometry(Protocol):
    """Random warps to the size they were made for.

    Attributes:
        person_detail: sides of a foreground that are enough, relative to those of a sample.
        detail: the same of a photo or a background.
    """

    person_detail: float
    detail: float

    def photo(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        """Warp a photo with its matte, (H, W, C) uint8."""
        ...

    def person(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        """Warp a foreground that will be composited: (H, W, 3 colours and then mattes) uint8."""
        ...

    def background(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        """Warp a background, (H, W, 3) uint8."""
        ...


class PortraitGeometry:
    """Anisotropic scale, crop, flip and rotation.

    The image is resized to the network's size times 1 to `stretch`, drawn for height and width apart;
    a window of the network's size is cropped; half of the images are mirrored; half are rotated and
    cropped to the largest upright rectangle without border, which is resized back. Of a background, a
    window of 0.6 to 1 of its sides is taken, as far as that enlarges nothing; half are mirrored.

    Args:
        size: height and width of the result.
        stretch: largest scale.
        rotation: largest angle in degrees, to either side; up to 90. The paper trains with 30 and
            proposes 90 for phones held sideways.

    Raises:
        ValueError: an argument is out of range.

    Source: Zhang, "Real-time Communication with Virtual Background", sections 4 and 5.
    """

    detail = person_detail = 1 / 0.6  # the smallest window of a background

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

    def photo(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        steps = round((self.stretch - 1) * 100)
        scale_y, scale_x = 1 + rng.integers(steps + 1, size=2) / 100
        pixels = resized(pixels, round(self.height * scale_y), round(self.width * scale_x))
        self.transform.set_random_seed(int(rng.integers(2**31)))
        warped: ImageArray = self.transform(image=pixels)["image"]
        return warped

    def person(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        return self.photo(pixels, rng)

    def background(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        enlarging = max(self.height / pixels.shape[0], self.width / pixels.shape[1])
        share = rng.uniform(min(1.0, max(0.6, enlarging)), 1.0)
        height, width = (max(1, round(share * side)) for side in pixels.shape[:2])
        top = rng.integers(pixels.shape[0] - height + 1)
        left = rng.integers(pixels.shape[1] - width + 1)
        window = pixels[top : top + height, left : left + width]
        if rng.random() < 0.5:
            window = window[:, ::-1]
        return covering(window, self.height, self.width)


class AffineGeometry:
    """Affine warps of person and background, each with its own draws.

    At scale 1 the image covers the sample; a person of a smaller scale stands in a sample whose rest is
    empty (alpha 0), a background of a larger scale is a part of its photo, and so is a photo that is not
    composited. Half are mirrored.

    Args:
        size: height and width of the result.
        rotation: largest angle in degrees, to either side.
        translate: largest shift, as a share of the sample's sides.
        shear: largest shear in degrees, to either side.
        person_scale: smallest and largest scale of the person.
        background_scale: smallest and largest scale of the background.

    Raises:
        ValueError: an argument is out of range.

    Source: Lin et al., "Real-Time High-Resolution Background Matting", section 5.2 and supplement.
    """

    def __init__(
        self,
        size: Sequence[int],
        rotation: float = 5.0,
        translate: float = 0.1,
        shear: float = 5.0,
        person_scale: Range = (0.4, 1.0),
        background_scale: Range = (1.0, 2.0),
    ) -> None:
        scales = (*person_scale, *background_scale)
        turned = person_scale[0] > person_scale[1] or background_scale[0] > background_scale[1]
        if min(scales) <= 0 or turned or not 0 <= abs(shear) < 90:
            raise ValueError(
                f"scales are {list(person_scale)} and {list(background_scale)}, shear {shear}; "
                "expected [smallest, largest], both above 0, and a shear below 90 degrees"
            )
        self.height, self.width = size
        self.rotation, self.translate, self.shear = rotation, translate, shear
        self.person_scale, self.background_scale = person_scale, background_scale
        self.person_detail, self.detail = person_scale[1], background_scale[1]

    def photo(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        pixels, matrix = self._draw(pixels, self.background_scale, rng)
        return warped(pixels, matrix, self.height, self.width, cv2.BORDER_REFLECT_101)

    def person(self, pixels: ImageArray, rng: np.random.Generator) -> ImageArray:
        pixels, matrix = self._draw(pixels, self.person_scale, rng)
        made = warped(pixels, matrix, self.height, self.width, cv2.BORDER_CONSTANT)
        # Pixels that the file covers in part would be a dark line around a person cut off by its edge.
        bottom, right = pixels.shape[0] - 1, pixels.shape[1] - 1
        corners = (
            np.array([[0, 0, 1], [right, 0, 1], [right, bottom, 1], [0, bottom, 1]]) @ matrix.T
        )
        inner = corners - 3 * np.sign(corners - corners.mean(axis=0))
        inside = np.zeros((self.height, self.width), np.uint8)
        cv2.fillConvexPoly(inside, inner.round().astype(np.int32), 255, cv2.LINE_AA)
        np.minimum(made[..., 3:], inside[..., None], out=made[..., 3:])
        return made

    background = photo

    def _draw(
        self, pixels: ImageArray, scales: Range, rng: np.random.Generator
    ) -> tuple[ImageArray, NDArray[np.float64]]:
        """Draw the matrix of a warp; shrinks the pixels first where the warp would skip some."""
        height, width = pixels.shape[:2]
        scale = max(self.height / height, self.width / width) * rng.uniform(scales[0], scales[1])
        rotation, shear = np.radians(rng.uniform(-1, 1, 2) * (self.rotation, self.shear))
        shift = rng.uniform(-1, 1, 2) * self.translate * (self.width, self.height)
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        if scale < 0.5:
            factor = int(1 / scale)
            pixels = resized(pixels, max(1, height // factor), max(1, width // factor))
        stretch = np.diag([scale * width / pixels.shape[1], scale * height / pixels.shape[0]])
        cos, sin = np.cos(rotation), np.sin(rotation)
        slant = np.array([[mirror, np.tan(shear)], [0, 1]])
        matrix = np.array([[cos, -sin], [sin, cos]]) @ slant @ stretch
        centre = (np.array(pixels.shape[1::-1]) - 1) / 2
        target = (np.array([self.width, self.height]) - 1) / 2 + shift
        return pixels, np.column_stack([matrix, target - matrix @ centre])
