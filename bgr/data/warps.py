"""Resizing and warping of images on the host."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.io.images import ImageArray


def warped(
    pixels: ImageArray, matrix: NDArray[np.float64], height: int, width: int, border: int
) -> ImageArray:
    """Warp (H, W, C) uint8 by a 2x3 matrix from source to target positions, bilinear."""
    parts = [  # OpenCV warps at most four channels at a time
        cv2.warpAffine(
            np.ascontiguousarray(pixels[..., first : first + 4]),
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=border,
        ).reshape(height, width, -1)
        for first in range(0, pixels.shape[2], 4)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2), np.uint8)


def covering(pixels: ImageArray, height: int, width: int) -> ImageArray:
    """The middle of (H, W) or (H, W, C) uint8 with the aspect of height x width, resized to that."""
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    h, w = (
        min(n, max(1, round(m / factor)))
        for n, m in zip(pixels.shape[:2], (height, width), strict=True)
    )
    top, left = (pixels.shape[0] - h) // 2, (pixels.shape[1] - w) // 2
    return resized(pixels[top : top + h, left : left + w], height, width)


def resized(pixels: ImageArray, height: int, width: int) -> ImageArray:
    """Resize (H, W) or (H, W, C) uint8; area average when shrinking, bilinear when enlarging."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.ndim == 2:
        return resized(pixels[..., None], height, width)[..., 0]
    shrinks = pixels.shape[0] * pixels.shape[1] > height * width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    parts = [  # OpenCV averages areas of at most four channels at a time
        cv2.resize(
            np.ascontiguousarray(pixels[..., first : first + 4]),
            (width, height),
            interpolation=interpolation,
        ).reshape(height, width, -1)
        for first in range(0, pixels.shape[2], 4)
    ]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2), np.uint8)
