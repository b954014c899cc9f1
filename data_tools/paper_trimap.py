"""The trimap script of paper 000, chapter 2: from a picture alone, by its edges.

It supposes one person large in the picture, whose outline is the largest closed one. Edges come from
OpenCV's structured forests, as in the paper, where their model is at hand; else from Canny's detector,
whose lines are thickened so that they close and survive the clean-up.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bgr.errors import BgrError
from bgr.io.images import ImageArray
from data_tools.trimaps import BACKGROUND, FOREGROUND, UNKNOWN

CLEAN_UP_ROUNDS = 70
EROSIONS = 10
KERNEL = np.ones((5, 5), np.uint8)
FOREST = ("childs", "featureIds", "thresholds", "edgeBoundaries", "edgeBins")


def paper_trimap(image: ImageArray, model: Path | None = None) -> ImageArray:
    """Trimap of a picture from its edges.

    The silhouette is never dilated: what the outline misses is background for certain.

    Args:
        image: (H, W, 3) uint8 RGB, at the size of the trimap; the paper's is 240x320.
        model: structured forests for `structured_edges`; None for `canny_edges`.

    Returns:
        (H, W) uint8: 0 outside the silhouette, 255 where it survives ten 5x5 erosions, else 128.

    Raises:
        BgrError: as `structured_edges`.

    Source: paper 000, chapter 2.
    """
    smooth = np.asarray(cv2.GaussianBlur(image, (5, 5), 0), np.uint8)
    edges = canny_edges(smooth) if model is None else structured_edges(smooth, model)
    mask = silhouette(clean(edges))
    sure = cv2.erode(mask, KERNEL, iterations=EROSIONS)
    trimap = np.where(sure > 0, FOREGROUND, np.where(mask > 0, UNKNOWN, BACKGROUND))
    return trimap.astype(np.uint8)


def structured_edges(image: ImageArray, model: Path) -> ImageArray:
    """Edge strength (H, W) uint8 of an RGB picture (H, W, 3) uint8, by structured forests.

    Raises:
        BgrError: as `load_detector`.

    Source: Dollar and Zitnick, Structured Forests for Fast Edge Detection, ICCV 2013.
    """
    strength = load_detector(model).detectEdges(image.astype(np.float32) / 255)
    return np.asarray((strength * 255).clip(0, 255), np.uint8)


@lru_cache(maxsize=1)
def load_detector(model: Path) -> Any:
    """Load OpenCV's detector from a `model.yml`; once a process.

    Raises:
        BgrError: this OpenCV lacks the detector, or the model cannot be read.
    """
    ximgproc = getattr(cv2, "ximgproc", None)
    if ximgproc is None:
        raise BgrError(
            "structured edges need cv2.ximgproc, which this OpenCV lacks",
            "the package opencv-contrib-python-headless in place of opencv-python-headless",
            "install it, or leave --edges away to use Canny's detector",
        )
    if not model.is_file():
        raise BgrError(f"no file {model}", "a model of structured forests", "check --edges")
    try:
        storage = cv2.FileStorage(str(model), cv2.FILE_STORAGE_READ)
        trees = storage.getNode("options").getNode("numberOfTrees")
        if not trees.isInt() or any(storage.getNode(part).empty() for part in FOREST):
            raise cv2.error("it holds no forest")  # OpenCV would divide by its zero trees
        return ximgproc.createStructuredEdgeDetection(str(model))
    except (cv2.error, SystemError) as error:
        reason = error.__cause__ or error  # of what the constructor raises
        raise BgrError(
            f"cannot read {model}: {getattr(reason, 'err', None) or reason}",
            "a model of structured forests: OpenCV's model.yml",
        ) from error


def canny_edges(image: ImageArray) -> ImageArray:
    """Edges of an RGB picture (H, W, 3) uint8 as lines five pixels wide: (H, W) uint8, 0 and 255.

    The upper threshold is Otsu's on the gradient's magnitude, the lower one half of it.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across = cv2.Sobel(grey, cv2.CV_16S, 1, 0)
    down = cv2.Sobel(grey, cv2.CV_16S, 0, 1)
    magnitude = np.abs(across).astype(np.int32) + np.abs(down)
    eighths = (magnitude // 8).clip(0, 255).astype(np.uint8)  # Sobel's sums reach 2 x 1020
    otsu, _ = cv2.threshold(eighths, 0, 255, cv2.THRESH_OTSU)
    lines = cv2.Canny(across, down, 4 * otsu, 8 * otsu)
    return np.asarray(cv2.dilate(lines, KERNEL), np.uint8)


def clean(edges: ImageArray) -> ImageArray:
    """Remove specks: 3x3 medians of (H, W) uint8 until nothing changes, seventy at most."""
    for _ in range(CLEAN_UP_ROUNDS):
        median = cv2.medianBlur(edges, 3)
        if np.array_equal(median, edges):
            break
        edges = np.asarray(median, np.uint8)
    return edges


def silhouette(edges: ImageArray) -> ImageArray:
    """Fill the outer contour of the largest area: (H, W) uint8, 1 inside; all 0 without edges."""
    contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros(edges.shape, np.uint8)
    if contours:
        cv2.fillPoly(mask, [max(contours, key=cv2.contourArea)], (1,))
    return mask
