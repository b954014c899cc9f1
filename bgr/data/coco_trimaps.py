"""COCO photos with mattes and trimaps, as `python -m data_tools coco_trimaps` prepares them."""

from collections.abc import Collection, Sequence
from pathlib import Path

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import ManifestPairs
from bgr.io.manifest import Manifest


class CocoTrimapsDataset(PairDataset):
    """Photos, mattes and trimaps of a prepared folder.

    Trimaps come from the files; a sample's trimap is warped with its photo and three-valued again.

    Args:
        root: folder that the tool wrote and that `python -m data_tools split` has split.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them.
        composite: share of train draws in which a person is placed over another background.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets: `random` or `zip`.

    Raises:
        BgrError: the folder has no manifest, or one without splits.

    Source: paper 000, chapter 2: 6,660 photos of COCO 2014 at 240x320.
    """

    def __init__(
        self,
        root: str,
        split: Split,
        size: Sequence[int],
        backgrounds: str | None = None,
        composite: float = 0.0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
    ) -> None:
        pairs = ManifestPairs(Manifest(Path(root)).split(split))
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing)
