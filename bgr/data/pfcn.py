"""The portraits of Shen et al.: 2,000 photos of 600x800 with mattes."""

from collections.abc import Collection, Sequence
from pathlib import Path

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair, image_name
from bgr.errors import BgrError
from bgr.io.files import list_images

LAYOUT = "training/ and testing/ with <n>.png and <n>_matte.png"


class PfcnDataset(PairDataset):
    """Portraits with mattes as their authors distribute them.

    The files in `testing/` are the test split; of those in `training/`, one in seventeen validates,
    drawn by a seeded shuffle (17:3 in all, as in paper 003).

    Args:
        root: folder that holds `training/` and `testing/`.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them.
        composite: share of train draws in which a person is placed over another background.
        split_seed: seed of the shuffle.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets: `random` or `zip`.

    Raises:
        BgrError: the layout is not there, or a photo has no matte.

    Source: Shen et al., "Deep Automatic Portrait Matting", ECCV 2016; available from its authors.
    """

    def __init__(
        self,
        root: str,
        split: Split,
        size: Sequence[int],
        backgrounds: str | None = None,
        composite: float = 0.0,
        split_seed: int = 0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
    ) -> None:
        pairs = find_portraits(Path(root) / ("testing" if split == "test" else "training"))
        if split != "test":
            pairs = seeded_split(pairs, split, (16 / 17, 1 / 17, 0), split_seed, image_name)
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing)


def find_portraits(folder: Path) -> list[Pair]:
    """Photos of a folder with the mattes beside them, sorted by name.

    Raises:
        BgrError: the layout is not there, or a photo has no matte.
    """
    if not folder.is_dir():
        raise BgrError(f"no folder {folder}", LAYOUT, "check data.root")
    files = list_images(folder)
    mattes = {f.stem.removesuffix("_matte"): f for f in files if f.stem.endswith("_matte")}
    photos = [file for file in files if not file.stem.endswith("_matte")]
    for photo in photos:
        if photo.stem not in mattes:
            raise BgrError(f"{photo} has no matte", f"{photo.stem}_matte.png beside it")
    return [Pair(photo, mattes[photo.stem]) for photo in photos]
