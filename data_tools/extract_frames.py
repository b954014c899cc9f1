"""Frames of videos; of clips of people with clips of their mattes, aligned pairs.

Without --mattes, writes image/<clip>_<frame>; with it, foreground/<clip>_<frame> and
alpha/<clip>_<frame>, and refuses clips whose mattes have another number of frames. Mattes get their full
range back: video leaves black and white a little grey. A clip is one item: killed and started again, the
tool begins with the clips that are not finished.
"""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from bgr.data.warps import covering, resized
from bgr.errors import BgrError
from bgr.io.files import make_folder
from bgr.io.images import ImageArray, write_image
from bgr.io.manifest import Row
from bgr.io.video import Clip, list_videos, matte_of
from data_tools import command_line, runner
from data_tools.journal import Item


def main(arguments: list[str]) -> None:
    """Parse the command line and write the frames."""
    parser = command_line.parser("extract_frames", __doc__)
    parser.add_argument("videos", type=command_line.absolute, help="a video, or a folder of videos")
    parser.add_argument(
        "output", type=command_line.absolute, help="folder for the frames and the manifest"
    )
    parser.add_argument(
        "--mattes",
        type=command_line.absolute,
        help="a video or folder with videos of the same stems",
    )
    parser.add_argument(
        "--every", type=command_line.positive, default=15, help="one frame in so many (default 15)"
    )
    parser.add_argument(
        "--size",
        type=command_line.positive,
        nargs=2,
        metavar=("H", "W"),
        help="default: the video's",
    )
    parser.add_argument(
        "--fit",
        choices=("cover", "stretch"),
        default="cover",
        help="with --size: cut to its aspect (default), or stretch",
    )
    parser.add_argument(
        "--format", choices=("jpg", "png"), default="jpg", help="jpg has quality 95 (default)"
    )
    options = parser.parse_args(arguments)
    videos = listed(options.videos)
    found = listed(options.mattes) if options.mattes else []
    mattes = {path.stem: path for path in found} if options.mattes else None
    if mattes is not None and len(mattes) < len(found):
        raise BgrError(f"two videos of one stem in {options.mattes}", "one for each clip")
    if mattes is not None:
        missing = [video.name for video in videos if video.stem not in mattes]
        if missing:
            raise BgrError(
                f"{len(missing)} of {len(videos)} videos have no mattes: {', '.join(missing[:5])}",
                f"a video of the same stem in {options.mattes}",
            )
    items = [
        Item(video.stem, (video,) if mattes is None else (video, mattes[video.stem]))
        for video in videos
    ]
    size = tuple(options.size) if options.size else None
    keys = ("image",) if mattes is None else ("foreground", "alpha")
    if not options.dry_run:
        for key in keys:
            make_folder(options.output / key)
    work = ExtractFrames(options.output, keys, options.every, size, options.fit, options.format)
    print(runner.run("extract_frames", items, work, options.output, options) or "")


def listed(source: Path) -> list[Path]:
    """The video itself, or the videos of a folder."""
    return list_videos(source) if source.is_dir() else [source]


@dataclass(frozen=True)
class ExtractFrames:
    """Writes the frames of one clip.

    Attributes:
        output: folder with a folder for each key.
        keys: key of each of an item's videos.
        every: one frame in so many.
        size: height and width of the frames; None keeps the video's.
        fit: `cover` or `stretch`.
        format: `jpg` or `png`.
    """

    output: Path
    keys: tuple[str, ...]
    every: int
    size: tuple[int, ...] | None
    fit: str
    format: str

    def __call__(self, item: Item) -> list[Row]:
        """Write the frames; nothing is left of a clip that turns out damaged.

        Raises:
            BgrError: a video cannot be decoded, or the two differ in their frames or sizes.
        """
        clips = [Clip(path) for path in item.inputs]
        if len({clip.size for clip in clips}) > 1:
            sizes = ", ".join(f"{c.path} is {c.size[1]}x{c.size[0]}" for c in clips)
            raise BgrError(f"{sizes} (WxH)", "videos of one size")
        rows: list[Row] = []
        try:
            for frames in zip_longest(*(clip.every(self.every) for clip in clips)):
                if None in frames:
                    continue
                name = f"{item.name}_{frames[0][0]:05d}"
                rows.append({"name": name, "group": item.name})
                for key, (_, pixels) in zip(self.keys, frames, strict=True):
                    rows[-1][key] = f"{key}/{name}.{self.format}"
                    fitted = self.fitted(matte_of(pixels) if key == "alpha" else pixels)
                    write_image(self.output / rows[-1][key], fitted)
            if len({clip.frames for clip in clips}) > 1:
                raise BgrError(
                    ", ".join(f"{clip.path} has {clip.frames} frames" for clip in clips),
                    "as many mattes as frames",
                    "copy the clip again, or leave it out",
                )
        except BgrError:
            for row in rows:
                for key in self.keys:
                    if key in row:
                        (self.output / row[key]).unlink(missing_ok=True)
            raise
        return rows

    def fitted(self, pixels: ImageArray) -> ImageArray:
        """A frame at the size that was asked for."""
        if self.size is None:
            return pixels
        fit = covering if self.fit == "cover" else resized
        return fit(pixels, self.size[0], self.size[1])
