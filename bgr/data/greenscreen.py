"""People keyed out of green-screen clips, as `python -m data_tools chroma_key` prepares them."""

from collections.abc import Collection, Sequence
from pathlib import Path

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import ManifestPairs
from bgr.io.manifest import Manifest


class GreenscreenDataset(PairDataset):
    """Keyed foregrounds and mattes of a prepared folder, composited over a pool of backgrounds.

    A model that replaces backgrounds gets two of them: one behind the person (`captured_background`,
    of which it sees the composite) and another one that it has to put there (`target_background`).

    Args:
        root: folder that the tool wrote and that `python -m data_tools split` has split by clip.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them; generated
            textures when None.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which backgrounds a sample gets: `random` or `zip`.

    Raises:
        BgrError: the folder has no manifest, or one without splits.

    Source: paper 000, chapter 4: 600 frames, every 15th of its clips, over about 12 backgrounds.
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
        pairing: Pairing = "random",
    ) -> None:
        pairs = ManifestPairs(Manifest(Path(root)).split(split))
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, 1.0, seed, geometry, needs, pairing, "cutout")
