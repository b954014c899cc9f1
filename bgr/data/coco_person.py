"""COCO photos with the mask of their people, read from the annotations as distributed."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair
from bgr.data.warps import resized
from bgr.errors import BgrError
from bgr.io.coco import covered, read_photos, region, union
from bgr.io.images import ImageArray, image_size, read_image


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
        self.annotations = Path(annotations)
        photos = photos_with(self.annotations, category, smallest)
        part = seeded_split(photos, split, fractions, split_seed, lambda photo: photo[0])
        pairs = [Pair(Path(root) / file, None) for file, _ in part]
        self.runs = [runs for _, runs in part]
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing)

    def files(self) -> list[Path]:
        return [self.annotations, *(pair.image for pair in self.pairs), *self.pool.files]

    def read(self, index: int) -> tuple[ImageArray, dict[str, ImageArray]]:
        photo, runs = self.pairs[index].image, self.runs[index]
        height, width = image_size(photo)
        if [height, width] != list(runs["size"]):
            raise BgrError(
                f"{photo} is {width}x{height} (WxH)",
                f"{runs['size'][1]}x{runs['size'][0]}, as its annotations say",
                "use the photos that the annotations were made for",
            )
        colours = read_image(photo, self.person_enough)
        return colours, {"alpha": resized(region(runs), *colours.shape[:2])}


def photos_with(
    annotations: Path, category: str, smallest: float
) -> list[tuple[str, dict[str, Any]]]:
    """Photos that show a category and no crowd of it, with the run lengths of its union, by name.

    Raises:
        BgrError: the file cannot be read, or has no such category, or a region of it is damaged.
    """
    found = []
    for photo in read_photos(annotations, category):
        if photo.objects and not photo.crowds:
            runs = union(photo.objects, photo.size)
            if covered(runs) > max(smallest, 0):
                found.append((photo.file, runs))
    return sorted(found, key=lambda pair: pair[0])
