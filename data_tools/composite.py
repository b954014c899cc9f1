"""Triples of files for background matting: image, alpha and captured background of the same name.

People are a folder with a manifest (chroma_key, extract_frames --mattes), with foreground/ (or fgr/) and
alpha/ (or pha/), or of RGBA files. Each is placed over a background cut and resized to its frame, as in
paper 002, and the triples are split 75/15/10, by clip where the manifest names clips or --group-by finds
them in the names. This is for those who want files: training composites on the fly, over other
backgrounds in every epoch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bgr.data.backgrounds import background_files
from bgr.data.pair_dataset import composited
from bgr.data.pairs import ManifestPairs, Pair, check_sizes, paired_by_stem
from bgr.data.warps import covering
from bgr.io.files import list_images, lot, make_folder
from bgr.io.images import read_alpha, read_image, read_rgba, write_image
from bgr.io.manifest import NAME, Manifest, Row
from data_tools import command_line, runner, split
from data_tools.journal import Item

KEYS = ("image", "alpha", "captured_background")


def main(arguments: list[str]) -> None:
    """Parse the command line, write the triples, and split them."""
    parser = command_line.parser("composite", __doc__)
    parser.add_argument("people", type=command_line.absolute, help="folder of cut-outs")
    parser.add_argument(
        "backgrounds",
        type=command_line.absolute,
        help="folder of images, or a list of files (.txt)",
    )
    parser.add_argument(
        "output", type=command_line.absolute, help="folder for the triples and the manifest"
    )
    parser.add_argument(
        "--pairing", choices=("random", "zip"), default="random", help="which background (random)"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs=3,
        default=(0.75, 0.15, 0.10),
        metavar=("TRAIN", "VAL", "TEST"),
        help="default 0.75 0.15 0.10",
    )
    parser.add_argument("--group-by", metavar="REGEX", help="as for split")
    parser.add_argument("--seed", type=int, default=0, help="of backgrounds and split (default 0)")
    options = parser.parse_args(arguments)
    backgrounds = background_files(options.backgrounds)
    items = []
    for index, (group, pair) in enumerate(people(options.people)):
        if options.pairing == "zip":
            chosen = index % len(backgrounds)
        else:
            drawn = lot(options.seed, pair.image.stem)
            chosen = int.from_bytes(drawn[:8], "big") % len(backgrounds)
        inputs = [path for path in (pair.image, pair.alpha, backgrounds[chosen]) if path]
        items.append(Item(pair.image.stem, tuple(inputs), group))
    if not options.dry_run:
        for key in KEYS:
            make_folder(options.output / key)
    summary = runner.run("composite", items, Composite(options.output), options.output, options)
    if summary is not None:
        print(summary)
        shares = ["--shares", *map(str, options.shares), "--seed", str(options.seed)]
        grouped = ["--group-by", options.group_by] if options.group_by else []
        split.main([str(options.output), *shares, *grouped])


def people(folder: Path) -> list[tuple[str, Pair]]:
    """Group and files of every cut-out in a folder.

    Raises:
        BgrError: there is none, or one has no matte.
    """
    if (folder / NAME).is_file():
        manifest = Manifest(folder)
        pairs = ManifestPairs(manifest)
        return [(str(row.get("group", row["name"])), pairs[i]) for i, row in enumerate(manifest)]
    for colours, mattes in (("foreground", "alpha"), ("fgr", "pha")):
        if (folder / colours).is_dir():
            found = paired_by_stem(list_images(folder / colours), folder / mattes)
            return [(pair.image.stem, pair) for pair in found]
    return [(image.stem, Pair(image, None)) for image in list_images(folder)]


@dataclass(frozen=True)
class Composite:
    """Writes the triple of one cut-out.

    Attributes:
        output: folder with a folder for each key.
    """

    output: Path

    def __call__(self, item: Item) -> list[Row]:
        """Write the triple.

        Raises:
            BgrError: a file cannot be read, or a matte differs from its foreground in size.
        """
        *cutout, background = item.inputs
        if len(cutout) == 1:
            foreground, alpha = read_rgba(cutout[0])
        else:
            check_sizes(*cutout)
            foreground, alpha = read_image(cutout[0]), read_alpha(cutout[1])
        behind = covering(read_image(background), *foreground.shape[:2])
        pictures = (composited(foreground, behind, alpha), alpha, behind)
        row: Row = {"name": item.name, "group": item.details}
        for key, pixels in zip(KEYS, pictures, strict=True):
            row[key] = f"{key}/{item.name}.png"
            write_image(self.output / row[key], np.ascontiguousarray(pixels))
        return [row]
