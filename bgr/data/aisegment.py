"""AISegment matting_human: 34,427 half-body photos of 600x800 with mattes in RGBA files."""

from collections.abc import Collection, Sequence
from pathlib import Path

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair, image_name
from bgr.errors import BgrError

LAYOUT = "clip_img/<batch>/clip_<n>/*.jpg and matting/<batch>/matting_<n>/*.png"


class AISegmentDataset(PairDataset):
    """The AISegment data set as it is distributed.

    The matte is the alpha channel of the RGBA file in `matting/`. Photos and mattes are split 17:3 as
    in the paper; one of the seventeen parts is kept for validation.

    Args:
        root: folder that holds `clip_img/` and `matting/`.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them.
        composite: share of train draws in which a person is placed over another background.
        split_seed: seed of the split.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets: `random` or `zip`.

    Raises:
        BgrError: the layout is not there, or a photo has no matte.

    Source: Zhang, "Real-time Communication with Virtual Background", section 4; data
    github.com/aisegmentcn/matting_human_datasets.
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
        pairs = seeded_split(
            find_clips(Path(root)), split, (0.8, 0.05, 0.15), split_seed, image_name
        )
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing)


def find_clips(root: Path) -> list[Pair]:
    """All photos with their mattes, sorted by path.

    Raises:
        BgrError: the layout is not there, or a photo has no matte.
    """
    images = sorted(p for p in root.glob("clip_img/*/clip_*/*.jpg") if not p.name.startswith("."))
    if not images:
        raise BgrError(f"no photo of the AISegment layout in {root}", LAYOUT, "check data.root")
    pairs = []
    for image in images:
        clip = image.parent
        folder = root / "matting" / clip.parent.name / clip.name.replace("clip", "matting", 1)
        alpha = folder / f"{image.stem}.png"
        if not alpha.is_file():
            raise BgrError(f"{image} has no matte", str(alpha), "unpack matting/ completely")
        pairs.append(Pair(image, alpha))
    return pairs
