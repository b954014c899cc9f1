"""Trimaps of 0, 128 and 255 from mattes, and mattes from trimaps."""

from collections.abc import Sequence

import cv2
import numpy as np

from bgr.io.images import ImageArray, to_uint8
from data_tools.runner import Rejected

FOREGROUND, UNKNOWN, BACKGROUND = 255, 128, 0
GRABCUT_ROUNDS = 5


def pixels(radius: float, shape: Sequence[int]) -> int:
    """A radius in whole pixels, at least one; below 1 it is a share of the shorter side."""
    return max(1, round(radius if radius >= 1 else radius * min(shape)))


def band(alpha: ImageArray, radius: int, shape: str) -> ImageArray:
    """Trimap that is unknown near the outline, on both sides.

    Foreground is sure where no pixel within the radius is less than opaque, background where none
    shows any foreground: soft pixels are always unknown. Beyond the picture nothing is supposed.

    Args:
        alpha: (H, W) uint8.
        radius: pixels, centre to centre.
        shape: `distance` measures in a straight line; `erosion` with a square of 2 x radius + 1.

    Returns:
        (H, W) uint8: 0, 128 and 255.
    """
    opaque, clear = ((alpha == value).astype(np.uint8) for value in (255, 0))
    if shape == "erosion":
        kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
        opaque, clear = (np.asarray(cv2.erode(x, kernel), np.uint8) for x in (opaque, clear))
    else:
        exact = cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        opaque, clear = (
            (cv2.distanceTransform(x, *exact) > radius).astype(np.uint8) for x in (opaque, clear)
        )
    return np.where(opaque, FOREGROUND, np.where(clear, BACKGROUND, UNKNOWN)).astype(np.uint8)


def closed_form(image: ImageArray, trimap: ImageArray) -> ImageArray:
    """Alpha (H, W) uint8 by closed-form matting; exact where the trimap (0, 128, 255) is certain.

    Raises:
        Rejected: the solver fails.

    Source: Levin et al., A Closed-Form Solution to Natural Image Matting, CVPR 2006.
    """
    from pymatting import estimate_alpha_cf  # compiles with numba: only where it is used

    try:
        alpha = estimate_alpha_cf(image / 255, trimap / 255)
    except ValueError as error:
        raise Rejected(f"closed form: {error}") from error
    if not np.isfinite(alpha).all():
        raise Rejected("closed form: not finite")
    return to_uint8(np.where(trimap == UNKNOWN, alpha, trimap / 255))


def grabcut(image: ImageArray, trimap: ImageArray) -> ImageArray:
    """Binary alpha by GrabCut from a trimap, five iterations.

    Unknown pixels start as probable foreground, for the paper's lie inside the silhouette. OpenCV's
    random numbers are seeded, so an image's alpha does not depend on those before it.

    Args:
        image: (H, W, 3) uint8 RGB.
        trimap: (H, W) uint8: 0, 128 and 255.

    Returns:
        (H, W) uint8, 0 and 255; as in the trimap where that is certain.

    Raises:
        Rejected: GrabCut fails; the paper drops such images too.

    Source: Rother et al., GrabCut, SIGGRAPH 2004; paper 000, chapter 2.
    """
    labels = np.full(trimap.shape, cv2.GC_PR_FGD, np.uint8)
    labels[trimap == FOREGROUND] = cv2.GC_FGD
    labels[trimap == BACKGROUND] = cv2.GC_BGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    try:
        cv2.grabCut(image, labels, None, *models, GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    except cv2.error as error:
        raise Rejected("GrabCut failed") from error
    foreground = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return np.where(foreground, 255, 0).astype(np.uint8)
