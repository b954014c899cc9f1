"""Reading videos as RGB frames."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bgr.errors import BgrError
from bgr.io.images import ImageArray

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"})


class Clip:
    """A video file.

    Args:
        path: the file.

    Attributes:
        frames: number of frames by the file's header, which may be off by a few; exact once `every`
            has reached the end.
        size: height and width.
        rate: frames per second.

    Raises:
        BgrError: the file is missing, empty, or no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise BgrError(f"no file {path}", "a video", "check the path")
        self._capture = cv2.VideoCapture(str(path))
        self.frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.size = (
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        )
        if not self._capture.isOpened() or self.frames < 1:
            raise BgrError(
                f"cannot read {path}: not a video that OpenCV decodes, or an empty one",
                f"a file ending in {', '.join(sorted(VIDEO_SUFFIXES))}",
                "restore it, or convert it with ffmpeg",
            )
        self._next = 0

    def every(self, step: int = 1) -> Iterator[tuple[int, ImageArray]]:
        """Number and pixels, (H, W, 3) uint8 RGB, of every `step`-th frame from the first.

        Raises:
            BgrError: the file ends well before the number of frames that its header names.
        """
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        self._next = 0
        while self._capture.grab():
            if self._next % step == 0:
                yield self._next, self._retrieved()
            self._next += 1
        if self._next < self.frames - max(2, self.frames // 100):
            raise BgrError(
                f"{self.path} ends after {self._next} of {self.frames} frames",
                "a video that was copied completely",
                "restore the file",
            )
        self.frames = self._next

    def frame(self, index: int) -> ImageArray:
        """One frame, (H, W, 3) uint8 RGB; quickest in rising order.

        Raises:
            BgrError: the frame cannot be decoded.
        """
        if not self._next <= index <= self._next + 15:  # further away, a key frame is nearer
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            self._next = index
        while self._next < index and self._capture.grab():
            self._next += 1
        if self._next != index or not self._capture.grab():
            raise BgrError(f"cannot decode frame {index} of {self.path} ({self.frames} frames)")
        frame = self._retrieved()
        self._next += 1
        return frame

    def count(self) -> int:
        """Number of frames that can be decoded: the header's, less those missing at the end."""
        for missing in range(min(self.frames, 10)):
            try:
                self.frame(self.frames - 1 - missing)
            except BgrError:
                continue
            return self.frames - missing
        return sum(1 for _ in self.every())

    def _retrieved(self) -> ImageArray:
        """Pixels of the frame that was grabbed last."""
        good, frame = self._capture.retrieve()
        if not good:
            raise BgrError(
                f"cannot decode frame {self._next} of {self.path}", fix="restore the file"
            )
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def matte_of(frame: ImageArray) -> ImageArray:
    """A matte from a frame of video, (H, W) uint8, with full range.

    Compression leaves black and white a little grey: 5 and below becomes 0, 250 and above 255.
    """
    levels = (np.arange(256) - 5.0) * 255 / 245
    return np.asarray(levels.round().clip(0, 255).astype(np.uint8)[frame[..., 0]])


def list_videos(folder: Path) -> list[Path]:
    """Video files directly in a folder, sorted by name; hidden files are left out.

    Raises:
        BgrError: the folder does not exist or holds no video.
    """
    files = []
    if folder.is_dir():
        files = [p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES]
    files = sorted(p for p in files if not p.name.startswith("."))
    if not files:
        raise BgrError(
            f"no video in {folder}", f"files ending in {', '.join(sorted(VIDEO_SUFFIXES))}"
        )
    return files
