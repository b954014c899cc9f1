"""PhotoMatte85 and other sets of cut-outs that only test."""

from collections.abc import Collection, Sequence
from pathlib import Path

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair, check_headers, paired_by_stem
from bgr.errors import BgrError
from bgr.io.files import list_images


class PhotomatteDataset(PairDataset):
    """Cut-outs composited over backgrounds, one composite each, the same in every run.

    Args:
        root: folder of RGBA files, or with `fgr/` and `pha/` whose files have the same stems.
        split: only `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them; generated
            textures when None.
        seed: without effect: a test set is the same for every seed.
        geometry: without effect: a test set is not warped.
        needs: batch keys that the model reads.
        pairing: which background a cut-out gets: `zip`, or `random` by the cut-out's index.

    Raises:
        BgrError: the split is not `test`, a file is missing or damaged, or sizes differ.

    Source: Lin et al., "Real-Time High-Resolution Background Matting", section 3: 85 cut-outs.
    """

    def __init__(
        self,
        root: str,
        split: Split,
        size: Sequence[int],
        backgrounds: str | None = None,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "zip",
    ) -> None:
        if split != "test":
            raise BgrError(
                f"data=photomatte has no {split} split",
                "split=test",
                "evaluate a run on it: bgr evaluate run=<run> data=photomatte data.root=<folder>",
            )
        pairs = find_cutouts(Path(root))
        check_headers(pairs)
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, 1.0, seed, geometry, needs, pairing, "cutout")


def find_cutouts(root: Path) -> list[Pair]:
    """Cut-outs of a folder, sorted by name."""
    if not (root / "fgr").is_dir():
        return [Pair(image, None) for image in list_images(root)]
    return paired_by_stem(list_images(root / "fgr"), root / "pha")
