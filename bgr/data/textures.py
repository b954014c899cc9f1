"""Procedural textures: backgrounds without a person, skin, clothes."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.io.images import ImageArray

Rng = np.random.Generator
Points = NDArray[np.float64]

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates


def textured_background(rng: Rng, height: int, width: int) -> ImageArray:
    """A background without a person: gradient, noise of several scales, edges and blobs.

    Returns:
        (height, width, 3) uint8.
    """
    canvas = texture(rng, height, width, rng.uniform(20, 235, 3), rng.uniform(8, 45))
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    slopes = rng.uniform(-50, 50, (2, 3)).astype(np.float32)
    canvas = (canvas + across * slopes[0] + down * slopes[1]).clip(0, 255)
    for _ in range(rng.integers(2, 12)):
        colour = tuple(rng.uniform(0, 255, 3))
        x, y = rng.uniform(-0.1, 1.1, 2) * (width, height)
        w, h = rng.uniform(0.03, 0.4, 2) * (width, height)
        kind = rng.integers(4)
        if kind == 0:
            cv2.rectangle(
                canvas, fixed_point(x, y), fixed_point(x + w, y + h), colour, -1, cv2.LINE_AA, SHIFT
            )
        elif kind == 1:
            centre, axes = fixed_point(x, y), fixed_point(w / 2, h / 2)
            angle = rng.uniform(0, 180)
            cv2.ellipse(canvas, centre, axes, angle, 0, 360, colour, -1, cv2.LINE_AA, SHIFT)
        elif kind == 2:
            thickness = int(rng.integers(1, max(2, width // 24)))
            end = fixed_point(*(rng.uniform(-0.1, 1.1, 2) * (width, height)))
            cv2.line(canvas, fixed_point(x, y), end, colour, thickness, cv2.LINE_AA, SHIFT)
        else:  # a curtain or a row of books: parallel stripes
            for k in range(rng.integers(3, 9)):
                left = x + k * w / 6
                cv2.rectangle(
                    canvas,
                    fixed_point(left, y),
                    fixed_point(left + w / 12, y + h),
                    colour,
                    -1,
                    cv2.LINE_AA,
                    SHIFT,
                )
    if rng.random() < 0.4:  # out of focus
        cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 0.012 * height + 0.5), dst=canvas)
    canvas += rng.normal(0, rng.uniform(0.5, 4), (height, width, 1)).astype(np.float32)
    return np.asarray(canvas.clip(0, 255).round(), np.uint8)


def fixed_point(x: float, y: float) -> tuple[int, int]:
    """Fixed-point drawing coordinates."""
    return round(float(x) * (1 << SHIFT)), round(float(y) * (1 << SHIFT))


def texture(
    rng: Rng, height: int, width: int, colour: Sequence[float] | Points, contrast: float
) -> NDArray[np.float32]:
    """Noise of three scales around a colour, (height, width, 3) float32."""
    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((4, 1.0), (16, 0.6), (64, 0.4)):
        grain = rng.standard_normal((cells, cells, 3), dtype=np.float32)
        grey = rng.random() < 0.6
        if grey:
            grain = np.repeat(grain[..., :1], 3, axis=2)
        total += weight * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    scaled: NDArray[np.float32] = total * np.float32(contrast) + np.asarray(colour, np.float32)
    return scaled.clip(0, 255)


def skin(rng: Rng) -> Points:
    """A skin colour between very dark and very fair."""
    tone = rng.random()
    return np.array([70, 45, 35]) * (1 - tone) + np.array([240, 205, 180]) * tone


def clothes(rng: Rng, background: ImageArray) -> NDArray[np.float32]:
    """Texture of the clothes; for a third of the subjects close to the background's colours."""
    height, width = background.shape[:2]
    colour = rng.uniform(10, 245, 3)
    if rng.random() < 0.33:
        y, x = rng.integers(height), rng.integers(width)
        colour = background[y, x] + rng.normal(0, 12, 3)
    canvas = texture(rng, height, width, colour, rng.uniform(4, 35))
    if rng.random() < 0.25:  # stripes
        period = rng.uniform(0.03, 0.15) * height
        phase = np.arange(height)[:, None] + rng.uniform(-1, 1) * np.arange(width)[None, :]
        canvas += (np.sin(2 * np.pi * phase / period) * rng.uniform(5, 40)).astype(np.float32)[
            ..., None
        ]
    return canvas.clip(0, 255)
