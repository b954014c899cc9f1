"""Pairs of low and high resolution from frames: 480x640 and its bilinear half (paper 000, chapter 3).

Writes high_res/<name>.png and low_res/<name>.png. The high resolution is a random crop of the frame, as
in the authors' code, or the frame scaled down to cover it, as in their text.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bgr.io.files import lot, make_folder, walk_images
from bgr.io.images import ImageArray, read_image, write_image
from bgr.io.manifest import NAME, Manifest, Row
from data_tools import command_line, runner
from data_tools.journal import Item
from data_tools.runner import Rejected


def main(arguments: list[str]) -> None:
    """Parse the command line and write the pairs."""
    parser = command_line.parser("sr_pairs", __doc__)
    parser.add_argument(
        "frames", type=command_line.absolute, help="folder of frames, searched with its subfolders"
    )
    parser.add_argument(
        "output", type=command_line.absolute, help="folder for high_res/, low_res/ and the manifest"
    )
    parser.add_argument(
        "--size",
        type=command_line.positive,
        nargs=2,
        default=(480, 640),
        metavar=("H", "W"),
        help="high resolution",
    )
    parser.add_argument("--method", choices=("crop", "scale"), default="crop")
    parser.add_argument("--seed", type=int, default=0, help="seed of the crops (default 0)")
    options = parser.parse_args(arguments)
    items = [
        Item("_".join(path.relative_to(options.frames).with_suffix("").parts), (path,), group)
        for path, group in frames_of(options.frames)
    ]
    work = SrPairs(options.output, tuple(options.size), options.method, options.seed)
    if not options.dry_run:
        for folder in ("high_res", "low_res"):
            make_folder(options.output / folder)
    print(runner.run("sr_pairs", items, work, options.output, options) or "")


def frames_of(folder: Path) -> list[tuple[Path, str]]:
    """Frames with their groups: those of a manifest, else the folder, else each frame its own."""
    if (folder / NAME).is_file():
        manifest = Manifest(folder)
        return [
            (manifest.file(row, "image"), str(row.get("group", row["name"]))) for row in manifest
        ]
    frames = []
    for path in walk_images(folder):
        inner = path.relative_to(folder)
        frames.append((path, str(inner.parent) if inner.parent != Path() else inner.stem))
    return frames


@dataclass(frozen=True)
class SrPairs:
    """Writes the pair of one frame.

    Attributes:
        output: folder with `high_res/` and `low_res/`.
        size: height and width of the high resolution; both even.
        method: `crop` or `scale`.
        seed: seed of the crops; a frame's crop depends on it and on the frame's name alone.
    """

    output: Path
    size: tuple[int, int]
    method: str
    seed: int

    def __call__(self, item: Item) -> list[Row]:
        """Write the pair.

        Raises:
            Rejected: the frame is smaller than the high resolution.
            BgrError: the frame cannot be read.
        """
        frame = read_image(item.inputs[0])
        height, width = self.size
        if frame.shape[0] < height or frame.shape[1] < width:
            raise Rejected(f"smaller than {height}x{width}")
        if self.method == "scale":
            frame = scaled_to_cover(frame, height, width)
        rng = np.random.default_rng(int.from_bytes(lot(self.seed, item.name)[:8], "big"))
        top, left = (int(rng.integers(n + 1)) for n in np.subtract(frame.shape[:2], self.size))
        high = frame[top : top + height, left : left + width]
        half = Image.fromarray(high).resize((width // 2, height // 2), Image.Resampling.BILINEAR)
        row: Row = {"name": item.name, "group": item.details}
        for key, pixels in (("high_res", high), ("low_res", np.asarray(half))):
            row[key] = f"{key}/{item.name}.png"
            write_image(self.output / row[key], pixels)
        return [row]


def scaled_to_cover(pixels: ImageArray, height: int, width: int) -> ImageArray:
    """Scale, keeping the aspect, to the smallest size that covers height x width."""
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    size = [
        max(round(factor * n), m) for n, m in zip(pixels.shape[1::-1], (width, height), strict=True)
    ]
    resized = Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.BILINEAR)
    return np.asarray(resized)
