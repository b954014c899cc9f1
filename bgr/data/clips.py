"""Clips of people with the clips of their mattes, as a sequence of frames."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from sys import intern

import numpy as np

from bgr.data.pairs import Pair
from bgr.errors import BgrError
from bgr.io.files import IMAGE_SUFFIXES
from bgr.io.images import ImageArray
from bgr.io.lazy import LazySequence
from bgr.io.video import VIDEO_SUFFIXES, Clip


class ClipFrames(LazySequence[Pair]):
    """Frames of clips as pairs, made as they are asked for.

    A clip is a folder of frames or a video file; frame 7 of a video is the path `<video>/7`.

    Args:
        clips: the colours and the mattes of each clip.
        every: takes one frame in so many.

    Raises:
        BgrError: colours and mattes of a clip differ in their frames.
    """

    def __init__(self, clips: Sequence[tuple[Path, Path]], every: int = 1) -> None:
        self.clips = clips
        self.names = []
        for colours, mattes in clips:
            both = frame_names(colours), frame_names(mattes)
            if [Path(n).stem for n in both[0]] != [Path(n).stem for n in both[1]]:
                raise BgrError(
                    f"{colours} has {len(both[0])} frames, {mattes} has {len(both[1])}, "
                    "or their names differ",
                    "the same frames in both",
                    "copy the clip again, or remove it from fgr/ and pha/",
                )
            self.names.append((both[0][::every], both[1][::every]))
        self.ends = np.cumsum([len(names) for names, _ in self.names]).tolist()

    def __len__(self) -> int:
        return int(self.ends[-1]) if self.ends else 0

    def make(self, index: int) -> Pair:
        number = bisect_right(self.ends, index)
        frame = index - (self.ends[number - 1] if number else 0)
        (colours, mattes), (names, matte_names) = self.clips[number], self.names[number]
        return Pair(colours / names[frame], mattes / matte_names[frame])


def frame_names(clip: Path) -> tuple[str, ...]:
    """Names of a clip's frames in order; names that clips share are held once."""
    if is_video(clip):
        return tuple(intern(str(number)) for number in range(Clip(clip).count()))
    names = (entry.name for entry in os.scandir(clip))
    images = (n for n in names if Path(n).suffix.lower() in IMAGE_SUFFIXES and n[0] != ".")
    return tuple(intern(name) for name in sorted(images))


def is_video(path: Path) -> bool:
    """Whether a path names a video file."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def read_frame(frame: Path) -> ImageArray:
    """Frame `<video>/<number>`, (H, W, 3) uint8 RGB."""
    return _open_clip(frame.parent, os.getpid()).frame(int(frame.name))


@lru_cache(maxsize=4)
def _open_clip(path: Path, process: int) -> Clip:
    """A video, opened once in each process: a decoder does not survive a fork."""
    return Clip(path)
