"""Keying: mattes and foregrounds of pictures taken before a screen of one colour.

Pure functions of arrays; `chroma_key` is the tool. Mixing two colours is linear, so alpha is measured in
the plane of colours without grey (AXES), where light and dark subjects are alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.io.images import ImageArray, to_uint8
from data_tools.runner import Rejected

Floats = NDArray[np.floating[Any]]

GREEN = (50, 80, 80), (90, 255, 255)  # OpenCV's HSV, hue 0..179 (paper 000, section 4)
HUES = (50, 260)  # degrees, yellow to violet: skin, wood and red are no screens
AXES: Floats = np.array([[2, 0], [-1, 3**0.5], [-1, -(3**0.5)]], np.float32) / np.float32(6**0.5)


@dataclass(frozen=True)
class Settings:
    """How a clip or still is keyed.

    Attributes:
        key: RGB of the screen, 0..255; looked for if None.
        outer: a larger share of the screen's colour is screen, in [0, 1].
        inner: a smaller share is subject.
        edge: reach of soft edges, as a share of the shorter side.
        despill: share of the screen's cast that is taken off the subject.
        garbage: polygon of (x, y) pixels around all that may be kept; empty for the whole frame.
    """

    key: list[int] | None = None
    outer: float = 0.8
    inner: float = 0.15
    edge: float = 0.02
    despill: float = 1.0
    garbage: list[list[int]] = field(default_factory=list)


def paper_alpha(pixels: ImageArray) -> ImageArray:
    """Hard matte: what is not in the range of greens, after a 7x7 median (paper 000, section 4).

    Args:
        pixels: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, 0 or 255.
    """
    green = cv2.inRange(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), *map(np.array, GREEN))
    return np.asarray(cv2.medianBlur(255 - green, 7), np.uint8)


def key_colour(frames: Iterable[ImageArray]) -> list[int] | None:
    """The colour of the screen: the median around the most frequent saturated hue along the borders.

    Pale colours do not count, so that most skies are no screens; name the key of a washed-out screen.
    The lower border, where people stand, does not count.

    Args:
        frames: (H, W, 3) uint8 RGB.

    Returns:
        RGB, 0..255; None where less than a quarter of the borders has such a colour.
    """
    strips = []
    for frame in frames:
        width = max(1, min(frame.shape[:2]) // 20)
        strips += [frame[:width], frame[:, :width], frame[:, -width:]]
    colours = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    across, up = (colours.astype(np.float32) / 255 @ AXES).T
    strength, hue = np.hypot(across, up), np.degrees(np.arctan2(up, across)) % 360
    grey = colours.min(1) / np.maximum(colours.max(1), 1)
    coloured = (strength > 0.15) & (grey < 0.6) & (hue > HUES[0]) & (hue < HUES[1])
    counts = np.bincount(hue[coloured].astype(int), strength[coloured], minlength=360)
    peak = np.convolve(counts, np.bartlett(41), "same").argmax()
    screen = coloured & (np.abs(hue - peak) <= 20)
    if screen.mean() < 0.25:
        return None
    return [int(value) for value in np.median(colours[screen], axis=0)]


def difference_key(
    pixels: ImageArray, key: Sequence[int], settings: Settings
) -> tuple[ImageArray, ImageArray]:
    """Soft matte and despilled foreground.

    Where the colour difference is sure, a pixel is screen or subject. Between, alpha is the place of its
    colour, less grey, on the line from the screen's to the subject's, both carried over from where they
    are sure: what Smith & Blinn (1996) solve when both are known.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        key: RGB of the screen, 0..255.
        settings: thresholds, garbage matte and despill.

    Returns:
        alpha (H, W) and foreground (H, W, 3), uint8.

    Raises:
        Rejected: hardly anything has the colour of the screen.
    """
    image = pixels.astype(np.float32) / 255
    lit = screen_colours(image, np.asarray(key, np.float32) / 255)
    colour = image @ AXES
    share = difference(colour, lit @ AXES)
    reach = max(4, round(settings.edge * min(pixels.shape[:2])))
    lit_screen = share > settings.outer
    shaded = shadows(image, lit, settings.outer) & ~lit_screen
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    shaded = cv2.morphologyEx(shaded.astype(np.uint8), cv2.MORPH_OPEN, disc) > 0
    small = np.ones((3, 3), np.uint8)
    screen = cv2.erode((lit_screen | shaded).astype(np.uint8), small)
    subject = cv2.erode((share < settings.inner).astype(np.uint8), small)
    inside = cv2.distanceTransform(1 - screen, cv2.DIST_L2, 3) > reach
    subject = (subject > 0) & ~shaded | inside
    behind, before = spread(colour, screen > 0), spread(colour, subject)
    line = before - behind
    alpha = ((colour - behind) * line).sum(2) / np.maximum((line * line).sum(2), 1e-3)
    alpha = np.where(screen > 0, 0, np.where(subject, 1, alpha.clip(0, 1)))
    alpha = alpha * kept(alpha, settings.garbage)
    return to_uint8(alpha), despilled(image, alpha, lit, settings.despill)


def difference(colour: Floats, screen: Floats) -> Floats:
    """How much of the screen's colour a pixel has: 1 the screen, 0 or less a grey or another hue.

    Vlahos' colour difference for any hue: what lies along the screen's colour less what lies across it
    (van den Bergh & Lalioti, Software chroma keying in an immersive virtual environment, 1999).

    Args:
        colour: (..., 2) on AXES.
        screen: (..., 2) on AXES.

    Returns:
        (...).
    """
    along = (colour * screen).sum(-1)
    across = colour[..., 0] * screen[..., 1] - colour[..., 1] * screen[..., 0]
    return np.asarray((along - np.abs(across)) / ((screen * screen).sum(-1) + 1e-6), np.float32)


def screen_colours(image: Floats, key: Floats) -> Floats:
    """The screen's colour at every pixel: a quadratic surface through what resembles it, refined.

    Args:
        image: (H, W, 3) RGB in [0, 1].
        key: (3,) RGB in [0, 1].

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        Rejected: less than 5 % of the frame resembles it.
    """
    height, width = image.shape[:2]
    scale = min(1, 160 / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    y, x = (axis / (axis.max() / 2) - 1 for axis in np.indices(small.shape[:2], np.float32))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)
    fitted = np.broadcast_to(key, small.shape)
    for least in (0.3, 0.5, 0.6, 0.7):
        like = difference(small @ AXES, fitted @ AXES) > least
        if like.mean() < 0.05:
            raise Rejected("the screen covers less than 5 % of the frame")
        known = terms[like]
        stiff = np.diag([0, 1, 1, 1, 1, 1]) * 1e-3 * len(known)  # against wild corners
        fitted = terms @ np.linalg.solve(known.T @ known + stiff, known.T @ small[like])
    return cv2.resize(fitted.astype(np.float32), (width, height)).clip(0, 1)


def shadows(image: Floats, lit: Floats, outer: float) -> NDArray[np.bool_]:
    """Where the picture has the screen's hue and saturation, down to a fifth of its brightness.

    Args:
        image: (H, W, 3) RGB in [0, 1].
        lit: the screen's colours, likewise.
        outer: least colour difference at equal brightness.

    Returns:
        (H, W) bool.
    """
    value, full = image.max(2, keepdims=True), lit.max(2, keepdims=True)
    share = difference(image * (full / np.maximum(value, 1e-3)) @ AXES, lit @ AXES)
    return np.asarray((share > outer) & (value > 0.2 * full)[..., 0])


def spread(colour: Floats, known: NDArray[np.bool_] | Floats) -> Floats:
    """Carry known colours smoothly to all pixels (pull-push: Gortler et al., The Lumigraph, 1996).

    Args:
        colour: (H, W, 2).
        known: (H, W), 0 to 1.

    Returns:
        (H, W, 2); where known is 1 the colour itself.
    """
    weight = known[..., None].astype(np.float32)
    if min(known.shape) < 2:
        mean = (colour * weight).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return np.broadcast_to(mean, colour.shape)
    half = (-(-known.shape[1] // 2), -(-known.shape[0] // 2))
    share = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    pulled = cv2.resize(colour * weight, half, interpolation=cv2.INTER_AREA)
    coarse = spread(pulled / np.maximum(share, 1e-6)[..., None], np.minimum(1, 2 * share))
    pushed = cv2.resize(coarse, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(weight * colour + (1 - weight) * pushed, np.float32)


def kept(alpha: Floats, garbage: Sequence[Sequence[float]]) -> NDArray[np.bool_]:
    """Where the garbage matte lets alpha be: in the polygon, and in no speck beside the subject."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.05).astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    large = areas >= 0.02 * areas[1:].max(initial=1)
    large[0] = False
    inside = np.full(alpha.shape, not garbage, np.uint8)
    if garbage:
        cv2.fillPoly(inside, [np.rint(garbage).astype(np.int32)], 1)
    return np.asarray(large[labels] & (inside > 0))


def despilled(image: Floats, alpha: Floats, lit: Floats, strength: float) -> ImageArray:
    """Foreground (Germer et al., Fast Multi-Level Foreground Estimation, 2020) less the screen's cast.

    Args:
        image: (H, W, 3) RGB in [0, 1].
        alpha: (H, W) in [0, 1].
        lit: the screen's colours, as image.
        strength: share of the cast to take off, 0 to 1; brightness (the mean of RGB) stays.

    Returns:
        (H, W, 3) uint8.
    """
    from pymatting import estimate_foreground_ml  # compiles with numba: only where it is used

    foreground = np.asarray(estimate_foreground_ml(image, alpha), np.float32)
    tint = lit - lit.mean(2, keepdims=True)
    cast = difference(foreground @ AXES, lit @ AXES).clip(0, 1)
    return to_uint8(foreground - strength * cast[..., None] * tint)
