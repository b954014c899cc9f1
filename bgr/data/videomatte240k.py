"""VideoMatte240K: 484 clips of people with their mattes, as frames or as video files."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from bgr.data.backgrounds import Pairing
from bgr.data.clips import ClipFrames, is_video, read_frame
from bgr.data.dataset import Split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import ManifestPairs, Pair
from bgr.errors import BgrError
from bgr.io.images import ImageArray
from bgr.io.manifest import NAME, Manifest
from bgr.io.video import matte_of

LAYOUT = "train/ and test/, each with fgr/ and pha/ that hold the same clips (folders or videos)"


class Videomatte240kDataset(PairDataset):
    """Frames of the clips, composited over a pool of backgrounds.

    A root with a manifest (`python -m data_tools extract_frames`, then `split`) is read by it. Otherwise
    it is the layout as distributed: the clips in `test/` are the test split, and of those in `train/` a
    few, drawn by a seeded shuffle, validate. No clip is in two splits.

    Video files work without extracting frames; every sample then decodes from the nearest key frame,
    which is many times slower than frames as files.

    Args:
        root: folder with a manifest, or with `train/` and `test/`.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of images without people, or a text file that lists them; generated
            textures when None.
        every: takes one frame in so many; without effect on a manifest.
        val_clips: clips of `train/` that validate; without effect on a manifest.
        split_seed: seed of that choice.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a frame gets: `random` or `zip`.

    Raises:
        BgrError: the layout is not there, or the two parts of a clip differ in their frames.

    Source: Lin et al., "Real-Time High-Resolution Background Matting", section 3: 479 and 5 clips.
    """

    def __init__(
        self,
        root: str,
        split: Split,
        size: Sequence[int],
        backgrounds: str | None = None,
        every: int = 1,
        val_clips: int = 5,
        split_seed: int = 0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
    ) -> None:
        folder = Path(root)
        pairs: Sequence[Pair]
        if (folder / NAME).is_file():
            pairs = ManifestPairs(Manifest(folder).split(split))
        else:
            pairs = ClipFrames(split_clips(folder, split, val_clips, split_seed), every)
        pools = [Path(backgrounds)] if backgrounds is not None else []
        super().__init__(pairs, split, size, pools, 1.0, seed, geometry, needs, pairing, "cutout")

    def name(self, index: int) -> str:
        image = self.pairs[index].image
        return f"{image.parent.name}_{image.stem}"

    def files(self) -> list[Path]:
        if isinstance(self.pairs, ClipFrames):
            return [path for clip in self.pairs.clips for path in clip] + self.pool.files
        return super().files()

    def read(self, index: int) -> tuple[ImageArray, dict[str, ImageArray]]:
        colours, mattes, *_ = self.pairs[index]
        if mattes is None or not is_video(colours.parent):
            return super().read(index)
        return read_frame(colours), {"alpha": matte_of(read_frame(mattes))}


def split_clips(root: Path, split: Split, val_clips: int, seed: int) -> list[tuple[Path, Path]]:
    """Colours and mattes of a split's clips, sorted by name.

    Raises:
        BgrError: the layout is not there, a clip has no mattes, or no clip is left for training.
    """
    half = root / ("test" if split == "test" else "train")
    if not (half / "fgr").is_dir() or not (half / "pha").is_dir():
        raise BgrError(f"no folders fgr/ and pha/ in {half}", LAYOUT, "check data.root")
    mattes = {path.stem: path for path in (half / "pha").iterdir() if path.name[0] != "."}
    clips = sorted(path for path in (half / "fgr").iterdir() if path.name[0] != ".")
    for clip in clips:
        if clip.stem not in mattes:
            raise BgrError(f"clip {clip} has no mattes", f"{clip.stem} in {half / 'pha'}")
    pairs = [(clip, mattes[clip.stem]) for clip in clips]
    if split == "test":
        return pairs
    if not 0 < val_clips < len(pairs):
        raise BgrError(
            f"data.val_clips is {val_clips}, and {half} has {len(pairs)} clips",
            "at least one clip to train on and one to validate on",
        )
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    chosen = order[:val_clips] if split == "val" else order[val_clips:]
    return [pairs[i] for i in sorted(chosen)]
