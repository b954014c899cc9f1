"""Trimaps and mattes from COCO instances: image/, alpha/ and trimap/ of the photos that show a category.

All instances of the category in a photo make one matte: several persons are one foreground.

annotation  The alpha is the annotated region (polygons or run lengths), drawn at the photo's own size
            and shrunk by area average, so that it is soft at the edge. The trimap is unknown around its
            outline, to the --radius on both sides.
paper       The annotations only choose the photos; trimap and alpha come from edges and GrabCut, the
            steps of paper 000, chapter 2. They are poor where the person is not large in the picture.

Photos are resized to --size without regard to their aspect, as in the paper, and written as PNG.
Closed-form alphas follow Levin et al., A Closed-Form Solution to Natural Image Matting, CVPR 2006.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bgr.data.warps import resized
from bgr.errors import BgrError
from bgr.io.coco import Photo, covered, read_photos, region, union
from bgr.io.files import check_folder, lot, make_folder
from bgr.io.images import ImageArray, image_size, read_alpha, read_image, write_image
from bgr.io.manifest import Manifest, Row
from data_tools import command_line, runner
from data_tools.contact_sheet import GREEN, contact_sheet, evenly, over_colour
from data_tools.journal import Item, sha256
from data_tools.paper_trimap import load_detector, paper_trimap
from data_tools.runner import Rejected
from data_tools.trimaps import BACKGROUND, FOREGROUND, UNKNOWN, band, closed_form, grabcut, pixels

KEYS = ("image", "alpha", "trimap")
SHEET = "contact_sheet.jpg"
SHEET_SAMPLES = 40


def main(arguments: list[str]) -> None:
    """Parse the command line and write the samples."""
    options = parse(arguments)
    size = output_size(options.size)
    if options.radius <= 0:
        raise BgrError(f"--radius {options.radius:g}", "above 0: pixels, or a share below 1")
    if options.method == "paper" and options.alpha == "annotation":
        raise BgrError(
            "--method paper with --alpha annotation: a trimap and an alpha that contradict each other",
            "--alpha grabcut or closed-form",
        )
    options.alpha = options.alpha or ("grabcut" if options.method == "paper" else "annotation")
    if options.edges is not None:
        load_detector(options.edges)
    check_folder(options.images)
    photos = read_photos(options.annotations, options.category)
    options.annotations_sha256 = sha256(options.annotations)  # recorded: resuming needs the same
    if options.subset is not None:
        photos = subset(photos, options.subset, options.seed)
    items = [
        Item(
            "_".join(Path(photo.file).with_suffix("").parts), (options.images / photo.file,), photo
        )
        for photo in photos
    ]
    work = CocoTrimaps(
        options.output,
        options.category,
        size,
        options.method,
        options.band,
        options.radius,
        options.alpha,
        options.crowd,
        options.min_share,
        options.edges,
    )
    if not options.dry_run:
        for key in KEYS:
            make_folder(options.output / key)
    summary = runner.run("coco_trimaps", items, work, options.output, options)
    if summary is not None and summary.kept:
        write_sheet(options.output)
    print(summary or "")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = command_line.parser("coco_trimaps", __doc__)
    parser.add_argument("annotations", type=command_line.absolute, help="COCO instances (JSON)")
    parser.add_argument(
        "images", type=command_line.absolute, help="folder of the photos that it names"
    )
    parser.add_argument(
        "output", type=command_line.absolute, help="folder for the samples and the manifest"
    )
    parser.add_argument("--category", default="person", help="name of the foreground's category")
    parser.add_argument(
        "--size", nargs="+", default=["240", "320"], metavar="H W|native", help="default 240 320"
    )
    parser.add_argument("--method", choices=("annotation", "paper"), default="annotation")
    parser.add_argument(
        "--band",
        choices=("distance", "erosion"),
        default="distance",
        help="shape of the unknown band (annotation): round, or the square of an erosion",
    )
    parser.add_argument(
        "--radius",
        type=float,
        default=0.02,
        help="of the band, in pixels; below 1: share of the shorter side (default 0.02)",
    )
    parser.add_argument(
        "--alpha",
        choices=("annotation", "closed-form", "grabcut"),
        help="what the matte comes from; default: annotation, and grabcut for the paper's method",
    )
    parser.add_argument(
        "--crowd",
        choices=("skip", "unknown", "include"),
        default="skip",
        help="photos with a crowd of the category: leave out, crowd unknown, or part of the matte",
    )
    parser.add_argument(
        "--min-share", type=float, default=0.0, help="least share of the photo that is annotated"
    )
    parser.add_argument(
        "--subset", type=int, metavar="N", help="use N of the photos that show the category"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the subset (default 0)")
    parser.add_argument(
        "--edges",
        type=command_line.absolute,
        help="model.yml of structured forests (paper); default: Canny",
    )
    return parser.parse_args(arguments)


@dataclass(frozen=True)
class CocoTrimaps:
    """Writes the image, alpha and trimap of one photo.

    Attributes:
        output: folder with `image/`, `alpha/` and `trimap/`.
        category: its name, for messages.
        size: height and width of the results; None keeps the photo's own.
        method: `annotation` or `paper`.
        band: `distance` or `erosion`.
        radius: pixels, or below 1 a share of the shorter side.
        alpha: `annotation`, `closed-form` or `grabcut`.
        crowd: `skip`, `unknown` or `include`.
        min_share: least share of the photo that is annotated.
        edges: model of structured forests; None for Canny.
    """

    output: Path
    category: str
    size: tuple[int, int] | None
    method: str
    band: str
    radius: float
    alpha: str
    crowd: str
    min_share: float
    edges: Path | None

    def __call__(self, item: Item) -> list[Row]:
        """Write the sample.

        Raises:
            Rejected: the photo gives no matte, or a trimap without sure foreground or background.
            BgrError: the photo cannot be read, or its entry does not fit it.
        """
        path, photo = item.inputs[0], item.details
        found = image_size(path)
        if found != photo.size:
            raise BgrError(
                f"{path} has {found[0]}x{found[1]} pixels",
                f"{photo.size[0]}x{photo.size[1]}, as its annotations say",
                "use the photos that the annotations were made for",
            )
        matte, crowd = self.regions(photo, path)
        size = self.size or photo.size
        image, matte, crowd = (resized(x, *size) for x in (read_image(path), matte, crowd))
        if self.method == "paper":
            trimap = paper_trimap(image, self.edges)
        else:
            trimap = band(matte, pixels(self.radius, matte.shape), self.band)
        if self.crowd == "unknown":
            trimap[crowd > 0] = UNKNOWN
        for value, ground in ((FOREGROUND, "foreground"), (BACKGROUND, "background")):
            if not (trimap == value).any():
                raise Rejected(f"no sure {ground}")
        if self.alpha != "annotation":
            matte = (grabcut if self.alpha == "grabcut" else closed_form)(image, trimap)
        row: Row = {"name": item.name, "group": item.name}
        for key, picture in zip(KEYS, (image, matte, trimap), strict=True):
            row[key] = f"{key}/{item.name}.png"
            write_image(self.output / row[key], picture)
        return [row]

    def regions(self, photo: Photo, path: Path) -> tuple[ImageArray, ImageArray]:
        """The matte's region and the crowd's, (H, W) uint8 of 0 and 255, at the photo's size.

        Raises:
            Rejected: the photo does not show the category, too little of it, or a crowd to be skipped.
            BgrError: a segmentation is damaged.
        """
        if self.crowd == "skip" and photo.crowds:
            raise Rejected(f"crowd of {self.category}")
        included = photo.crowds if self.crowd == "include" else []
        try:
            matte = union([*photo.objects, *included], photo.size)
            crowd = union(photo.crowds, photo.size)
        except BgrError as error:
            raise BgrError(f"annotations of {path}: {error.what}", error.expected) from error
        share = covered(matte)
        if share == 0:
            raise Rejected(f"no {self.category}")
        if share < self.min_share:
            raise Rejected(f"{self.category} on less than {self.min_share:g} of the photo")
        return region(matte), region(crowd)


def subset(photos: Sequence[Photo], count: int, seed: int) -> list[Photo]:
    """A random choice of the photos that show the category, in their order.

    A photo's lot depends on the seed and its name alone: a larger subset holds the smaller one.
    """
    shown = [photo for photo in photos if photo.objects or photo.crowds]
    lots = {photo.file: lot(seed, photo.file) for photo in shown}
    chosen = set(sorted(lots, key=lots.__getitem__)[:count])
    return [photo for photo in shown if photo.file in chosen]


def output_size(words: Sequence[str]) -> tuple[int, int] | None:
    """Height and width of the results; None for `native`.

    Raises:
        BgrError: the words are neither.
    """
    if list(words) == ["native"]:
        return None
    if len(words) != 2 or not all(word.isdecimal() and int(word) > 0 for word in words):
        raise BgrError(f"--size {' '.join(words)}", "a height and a width, or native")
    return int(words[0]), int(words[1])


def write_sheet(folder: Path) -> None:
    """Write `contact_sheet.jpg`: image, trimap, alpha and cut-out of at most forty samples."""
    rows = Manifest(folder)
    chosen = evenly(len(rows), SHEET_SAMPLES)
    entries = []
    for row in (rows[index] for index in chosen):
        image = read_image(folder / row["image"])
        alpha, trimap = (read_alpha(folder / row[key]) for key in ("alpha", "trimap"))
        cut_out = over_colour(image, alpha, GREEN)
        entries.append((row["name"], (image, trimap, alpha, cut_out)))
    write_image(folder / SHEET, contact_sheet(entries, columns=2))
