"""COCO instances files: the photos of a category and their annotated regions.

The file is read as plain JSON, once, in the main process; what is kept of it is the category asked for.
Regions are drawn by pycocotools' rasteriser, as all COCO figures are.
"""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from bgr.errors import BgrError
from bgr.io.images import ImageArray

EXPECTED = "a COCO instances file, such as instances_train2017.json"


class Photo(NamedTuple):
    """A photo's entry, with its annotations of one category.

    Attributes:
        file: its path in the folder of photos.
        size: height and width.
        objects: segmentations of single instances: lists of polygons, or run lengths.
        crowds: segmentations of crowds.
    """

    file: str
    size: tuple[int, int]
    objects: list[Any]
    crowds: list[Any]


def read_photos(path: Path, category: str) -> list[Photo]:
    """All photos of a COCO file, in its order, with their annotations of a category.

    Annotations of photos that the file does not list are left out: it may be a part of a larger one.

    Raises:
        BgrError: the file cannot be read, is no COCO instances file, or lacks the category.
    """
    try:
        with open(path, "rb") as file:
            coco = json.load(file)
        categories = {entry["name"]: entry["id"] for entry in coco["categories"]}
        if category not in categories:
            near = difflib.get_close_matches(category, categories, n=3, cutoff=0.5)
            raise BgrError(
                f"{path} has no category {category!r}",
                f"such as {', '.join(near or categories)}",
            )
        photos = {
            entry["id"]: Photo(entry["file_name"], (entry["height"], entry["width"]), [], [])
            for entry in coco["images"]
        }
        for entry in coco["annotations"]:
            if entry["category_id"] == categories[category] and entry["image_id"] in photos:
                photo = photos[entry["image_id"]]
                regions = photo.crowds if entry.get("iscrowd") else photo.objects
                regions.append(entry["segmentation"])
    except OSError as error:
        raise BgrError(f"cannot read {path}: {error.strerror}", EXPECTED) from error
    except ValueError as error:  # also of the text's encoding
        raise BgrError(f"{path} is not JSON: {error}", EXPECTED) from error
    except KeyError as error:
        raise BgrError(f"{path} lacks {error}", EXPECTED) from error
    except (AttributeError, TypeError) as error:
        raise BgrError(f"{path} is laid out otherwise: {error}", EXPECTED) from error
    return list(photos.values())


def union(segmentations: Sequence[Any], size: tuple[int, int]) -> dict[str, Any]:
    """Union of segmentations as compressed run lengths.

    Args:
        segmentations: each a list of polygons [x, y, x, y, ...], whose union it is, or a dictionary of
            run lengths, `counts` being a list or compressed text. Polygons of fewer than three corners
            have no area.
        size: height and width.

    Raises:
        BgrError: a segmentation is none of these, or of another size.
    """
    runs = [coco_mask.encode(np.zeros(size, np.uint8, order="F"))]
    for segmentation in segmentations:
        try:
            runs += _runs(segmentation, size)
        except (KeyError, TypeError, ValueError) as error:
            raise BgrError(
                f"damaged segmentation {str(segmentation)[:60]} ({error})",
                f"polygons, or run lengths of {size[0]}x{size[1]}",
            ) from error
    merged: dict[str, Any] = coco_mask.merge(runs)
    return merged


def region(runs: dict[str, Any]) -> ImageArray:
    """Run lengths as (H, W) uint8, 255 inside."""
    return np.asarray(coco_mask.decode(runs)) * np.uint8(255)


def covered(runs: dict[str, Any]) -> float:
    """Share of the photo inside run lengths."""
    height, width = runs["size"]
    return int(coco_mask.area(runs)) / int(height * width)


def _runs(segmentation: Any, size: tuple[int, int]) -> list[Any]:
    """Compressed run lengths whose union is the segmentation."""
    if isinstance(segmentation, list):
        # pycocotools takes four numbers for a box, and judges all polygons by the first
        polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
        return list(coco_mask.frPyObjects(polygons, *size)) if polygons else []
    if tuple(segmentation["size"]) != size:
        raise ValueError(f"size {segmentation['size']}")
    if not isinstance(segmentation["counts"], list):
        # Decoding pads what was cut short; merging it as it is would not end.
        return [coco_mask.encode(np.asfortranarray(coco_mask.decode(segmentation)))]
    if sum(segmentation["counts"]) != size[0] * size[1]:
        raise ValueError(f"{sum(segmentation['counts'])} pixels")
    return [coco_mask.frPyObjects(segmentation, *size)]
