"""Resizing and warping of images on the host."""

import math

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


def extended(colours: ImageArray, alpha: ImageArray) -> ImageArray:
    """Colours of a cut-out carried beyond its edge, so that resizing and blurring mix in no other.

    Files of cut-outs hold anything where alpha is 0, often black, which would be a dark rim.

    Args:
        colours: (H, W, 3) uint8.
        alpha: (H, W) uint8.

    Returns:
        (H, W, 3) uint8; where alpha is above 8, the colours themselves.
    """
    _, known = cv2.threshold(alpha, 8, 255, cv2.THRESH_BINARY)
    height, width = alpha.shape
    cell = max(4, math.ceil(max(height, width) / 128))
    size = (math.ceil(width / cell), math.ceil(height / cell))
    half = (-(-width // 2), -(-height // 2))  # by a factor of 2 first, for which OpenCV is quick
    total, share = (
        cv2.resize(
            cv2.resize(x, half, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_AREA
        )
        for x in (cv2.copyTo(colours, known), known)
    )
    total, share = total.astype(np.float32), share.astype(np.float32) / 255
    around, near = (cv2.GaussianBlur(x, (0, 0), 3) for x in (total, share))
    inside = share > 1 / 255
    total, share = np.where(inside[..., None], total, around), np.where(inside, share, near)
    filled = (total / np.maximum(share, 1e-3)[..., None]).clip(0, 255).round().astype(np.uint8)
    smooth = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(colours, known, smooth), np.uint8)
