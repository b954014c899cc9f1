"""Frames for super-resolution: one of full resolution gives its own low resolution."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from bgr.data.dataset import MattingDataset, Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.warps import covering
from bgr.errors import BgrError
from bgr.io.files import walk_images
from bgr.io.images import ImageArray, read_image
from bgr.io.manifest import NAME, Manifest


class SuperResolutionDataset(MattingDataset):
    """Windows of frames; the low resolution is derived on the batch, by the bilinear half.

    Training takes a random window of the sample's size, val and test the middle; a frame that is too
    small for one is scaled. Where `python -m data_tools sr_pairs` made the high resolution, it is that.

    Args:
        root: folder of frames, searched with its subfolders, or with a manifest that has splits.
        split: `train`, `val` or `test`.
        size: height and width of the high resolution.
        fractions: shares of train, val and test without a manifest; a folder of frames (a clip) is in
            one split where there are at least three.
        split_seed: seed of that shuffle.
        seed: seed of the random draws.
        geometry: random warp of the train split instead of the window.
        needs: batch keys that the model reads.

    Raises:
        BgrError: there is no frame, or a split is empty.

    Source: paper 000, chapter 3: 9,500 frames, windows of 480x640.
    """

    def __init__(
        self,
        root: str,
        split: Split,
        size: Sequence[int],
        fractions: Sequence[float] = (0.8, 0.1, 0.1),
        split_seed: int = 0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
    ) -> None:
        super().__init__(split, size, seed, geometry, needs)
        self.frames = find_frames(Path(root), split, fractions, split_seed)
        if self.needs - {"image", "low_res", "high_res"}:
            raise BgrError(
                f"data=super_resolution has photos alone, and the model needs {sorted(self.needs)}",
                "a model of super-resolution, such as model=srgan",
            )

    def __len__(self) -> int:
        return len(self.frames)

    def name(self, index: int) -> str:
        frame = self.frames[index]
        return f"{frame.parent.name}_{frame.stem}"

    def files(self) -> list[Path]:
        return self.frames

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, ImageArray]:
        frame = read_image(self.frames[index])
        if self.geometry is not None:
            return {"image": frame}
        room = frame.shape[0] - self.height, frame.shape[1] - self.width
        if self.split != "train" or min(room) < 0:
            return {"image": covering(frame, self.height, self.width)}
        top, left = rng.integers(room[0] + 1), rng.integers(room[1] + 1)
        return {"image": frame[top : top + self.height, left : left + self.width]}


def find_frames(
    root: Path, split: Split, fractions: Sequence[float], split_seed: int
) -> list[Path]:
    """Frames of a split, by its manifest or by a seeded shuffle of the folders or of the frames."""
    if (root / NAME).is_file():
        manifest = Manifest(root).split(split)
        return [manifest.file(row, "high_res", "image", "foreground") for row in manifest]

    def below(path: Path) -> str:
        return str(path.relative_to(root))

    frames = walk_images(root)
    clips = sorted({frame.parent for frame in frames})
    if len(clips) < 3:
        return seeded_split(frames, split, fractions, split_seed, below)
    chosen = set(seeded_split(clips, split, fractions, split_seed, below))
    return [frame for frame in frames if frame.parent in chosen]
