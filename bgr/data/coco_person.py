"""COCO photos with the mask of their people, read from the annotations as distributed."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair
from bgr.data.warps import resized
from bgr.errors import BgrError
from bgr.io.images import ImageArray, read_image


class CocoPersonDataset(PairDataset):
    """Photos with the union of their instances of one category as a binary matte.

    Photos with a crowd region of the category are left out: the region says nothing about its pixels.

    Args:
        root: folder with the photos.
        annotations: instances file, `instances_train2017.json` or such.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        category: name of the category.
        smallest: photos whose instances cover less than this share are left out.
        backgrounds: folder of images without people, or a text file that lists them.
        composite: share of train draws in which the people are placed over another background.
        fractions: shares of train, val and test, by a seeded shuffle of the photos.
        split_seed: seed of that shuffle.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets: `random` or `zip`.

    Raises:
        BgrError: the annotations cannot be read, the category is unknown, or a split is empty.
    """

    def __init__(
        self,
        root: str,
        annotations: str,
        split: Split,
        size: Sequence[int],
        category: str = "person",
        smallest: float = 0.0,
        backgrounds: str | None = None,
        composite: float = 0.0,
        fractions: Sequence[float] = (0.8, 0.1, 0.1),
        split_seed: int = 0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
    ) -> None:
        photos = photos_with(Path(annotations), category, smallest)
        part = seeded_split(photos, split, fractions, split_seed)
        pairs = [Pair(Path(root) / photo["file_name"], Path(annotations)) for photo, _ in part]
        self.masks = [mask for _, mask in part]
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing)

    def files(self) -> list[Path]:
        return [pair.image for pair in self.pairs] + self.pool.files

    def read(self, index: int) -> tuple[ImageArray, dict[str, ImageArray]]:
        colours = read_image(self.pairs[index].image, self.person_enough)
        mask = coco_mask.decode(self.masks[index]) * np.uint8(255)
        return colours, {"alpha": resized(mask[..., None], *colours.shape[:2])[..., 0]}


def photos_with(
    annotations: Path, category: str, smallest: float
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Photos that show a category, with the run lengths of its union, sorted by file name.

    Raises:
        BgrError: the file is missing, damaged, of another format, or has no such category.
    """
    try:
        content = json.loads(annotations.read_text(encoding="utf-8"))
        named = {entry["name"]: entry["id"] for entry in content["categories"]}
        photos = {entry["id"]: entry for entry in content["images"]}
        instances = content["annotations"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BgrError(
            f"cannot read {annotations}: {error!r}",
            "instances of COCO: images, annotations and categories",
            "check data.annotations",
        ) from error
    if category not in named:
        raise BgrError(f"no category {category!r} in {annotations}", f"one of {', '.join(named)}")
    found: dict[int, list[dict[str, Any]]] = {}
    crowds = set()
    for instance in instances:
        if instance["category_id"] == named[category]:
            found.setdefault(instance["image_id"], []).append(instance)
            if instance["iscrowd"]:
                crowds.add(instance["image_id"])
    pairs = []
    for number in found.keys() - crowds:
        photo = photos[number]
        mask = run_lengths(found[number], photo["height"], photo["width"])
        if coco_mask.area(mask) >= smallest * photo["height"] * photo["width"]:
            pairs.append((photo, mask))
    return sorted(pairs, key=lambda pair: str(pair[0]["file_name"]))


def run_lengths(instances: Sequence[dict[str, Any]], height: int, width: int) -> dict[str, Any]:
    """Union of instances, polygons or run lengths, as compressed run lengths."""
    parts = []
    for instance in instances:
        shape = instance["segmentation"]
        if isinstance(shape, list):
            parts += coco_mask.frPyObjects(shape, height, width)
        elif isinstance(shape["counts"], list):
            parts.append(coco_mask.frPyObjects(shape, height, width))
        else:
            parts.append(shape)
    union: dict[str, Any] = coco_mask.merge(parts)
    return union
