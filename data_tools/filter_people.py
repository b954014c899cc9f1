"""Images without a person (backgrounds) or with one (foregrounds), found by a YOLO detector.

Writes scores.csv (image, score, people), kept.txt and rejected.txt (one absolute path a line),
contact_sheet.jpg (kept and rejected images, those nearest to the threshold first) and the manifest, a
row an image: `score`, the highest confidence in a person, the number of `people`, and `kept`. The images
stay where and as they are. --batch images are worked on at a time where --workers is 1, the default, and
one in every process otherwise; an image's score does not depend on the others, but for rounding.

The detector is ultralytics' (extra bgr[curate], AGPL-3.0). Its weights files are pickles, which can run
code when they are loaded: use only files from a source you trust. Its restricted loading is switched on
where the installed version has it; ULTRALYTICS_SAFE_LOAD=0 switches it off.
"""

import argparse
import csv
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bgr.errors import BgrError
from bgr.io.files import make_folder, walk_images, write_text
from bgr.io.images import ImageArray, read_image, write_image
from bgr.io.manifest import Manifest, Row
from data_tools import command_line, runner
from data_tools.contact_sheet import contact_sheet
from data_tools.journal import Item, sha256

SHEET = "contact_sheet.jpg"
SHOWN = 12  # images of either kind on the contact sheet
FLOOR = 0.01  # confidence from which a detection gives a score, so that near misses have one
PAGE = "https://github.com/ultralytics/assets/releases"


def main(arguments: list[str]) -> None:
    """Parse the command line, score the images and write the lists."""
    parser = command_line.parser("filter_people", __doc__)
    parser.set_defaults(workers=1)  # one process fills a GPU, and torch has threads of its own
    add = parser.add_argument
    add("images", type=command_line.absolute, help="folder of images, searched with its subfolders")
    add("output", type=command_line.absolute, help="folder for the lists and the manifest")
    add("--keep", choices=("without", "with"), required=True, help="a person")
    add("--weights", default="yolo11n.pt", help="a .pt file, or a published name (yolo11n.pt)")
    add("--confidence", type=float, default=0.25, help="from which a detection counts (0.25)")
    add("--classes", nargs="+", default=["person"], help="names or numbers (default person)")
    add("--size", type=int, default=640, help="pixels a side, as the detector sees it (640)")
    add("--batch", type=int, default=16, help="images at a time (default 16)")
    add("--device", default="auto", help="cpu, a GPU's number, or auto (default)")
    options = parser.parse_args(arguments)
    if not 0 < options.confidence <= 1 or min(options.batch, options.size) < 1:
        parser.error("--confidence is above 0 and at most 1, --batch and --size are at least 1")
    files = [path for path in walk_images(options.images) if path.name != SHEET]
    weights = find_weights(options.weights)
    device = options.device.replace("auto", "0" if torch.cuda.is_available() else "cpu")
    classes = class_ids(options.classes, load_model(weights, device).names)
    keep = options.keep == "with"
    work = FilterPeople(weights, device, classes, options.size, options.confidence, keep)
    ahead = options.batch if options.workers == 1 and options.engine == "local" else 1
    items = [
        Item(path.relative_to(options.images).as_posix(), (path,), tuple(files[at : at + ahead]))
        for at, path in enumerate(files)
    ]
    # Other weights, whatever their name, do not go on with these results; another device may.
    made_by = {k: v for k, v in vars(options).items() if k not in ("batch", "device")}
    recorded = argparse.Namespace(**made_by, weights_sha256=sha256(weights))
    summary = runner.run("filter_people", items, work, options.output, recorded)
    if summary is not None:
        rows = list(Manifest(options.output))
        write_lists(options.output, rows, options.confidence)
        print(f"{summary}\n{sum(row['kept'] for row in rows)} of {len(rows)} images kept")


@dataclass
class FilterPeople:
    """Scores one image, reading ahead: the images that follow it are scored with it.

    Attributes:
        weights: file of the detector.
        device: `cpu` or a GPU's number.
        classes: numbers of the classes that count as people.
        size: side in pixels of the square that an image is scaled and padded to.
        confidence: from which a detection counts.
        keep_people: whether images with people are kept, or those without.
        known: detections, or what is wrong with the file, of the images read ahead.
    """

    weights: Path
    device: str
    classes: tuple[int, ...]
    size: int
    confidence: float
    keep_people: bool
    known: dict[Path, list[float] | BgrError] = field(default_factory=dict, repr=False)

    def __call__(self, item: Item) -> list[Row]:
        """Score the image; BgrError where it cannot be read."""
        path = item.inputs[0]
        if path not in self.known:
            self.known = self._detect(item.details)
        found = self.known.pop(path)
        if isinstance(found, BgrError):
            raise found
        row = {"name": item.name, "group": path.parent.name, "image": str(path.absolute())}
        return [row | decide(found, self.confidence, self.keep_people)]

    def _detect(self, paths: Sequence[Path]) -> dict[Path, list[float] | BgrError]:
        """Confidences of the detections in every image, or the error that reading it gave."""
        with ThreadPoolExecutor(min(len(paths), os.cpu_count() or 1)) as pool:
            found: dict[Path, Any] = dict(zip(paths, pool.map(self._read, paths), strict=True))
        whole = [path for path in paths if not isinstance(found[path], BgrError)]
        if whole:
            results = load_model(self.weights, self.device).predict(
                [found[path] for path in whole],
                imgsz=self.size,
                conf=min(FLOOR, self.confidence),
                classes=list(self.classes),
                device=self.device,
                rect=False,  # always square; else the padding depends on the other images' shapes
                verbose=False,
            )
            found |= {p: r.boxes.conf.tolist() for p, r in zip(whole, results, strict=True)}
        return found

    def _read(self, path: Path) -> ImageArray | BgrError:
        """An image as ultralytics takes arrays: BGR, in one piece."""
        try:
            pixels = read_image(path, at_least=(self.size, self.size))
        except BgrError as error:
            return error
        return np.ascontiguousarray(pixels[..., ::-1])


def decide(found: Sequence[float], confidence: float, keep_people: bool) -> Row:
    """The `score`, number of `people` and fate (`kept`) of an image, from its detections.

    Args:
        found: confidence of every detection, 0 to 1.
        confidence: from which one counts.
        keep_people: whether images with people are kept, or those without.
    """
    scores = [round(score, 4) for score in found]
    people = sum(score >= confidence for score in scores)
    top = max(scores, default=0.0)
    return {"score": top, "people": people, "kept": (people > 0) == keep_people}


def find_weights(weights: str) -> Path:
    """The file of a detector, given by its path or by a published name, which is downloaded once.

    Raises:
        BgrError: there is no such file, and it could not be downloaded.
    """
    home = Path(torch.hub.get_dir(), "checkpoints", weights)
    for file in (Path(weights), home):
        if file.is_file():
            return file.absolute()
    _ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    try:
        if weights not in GITHUB_ASSETS_NAMES:
            raise OSError("there is no such file, and none of that name is published")
        make_folder(home.parent)
        with tempfile.TemporaryDirectory(
            dir=home.parent
        ) as folder:  # never half a file in its place
            attempt_download_asset(f"{folder}/{weights}", retry=0)
            os.replace(f"{folder}/{weights}", home)
    except OSError as error:
        raise BgrError(
            f"cannot get the weights {weights}: {error}",
            f"the file {Path(weights).absolute()} or {home}",
            f"download {Path(weights).name} elsewhere, from {PAGE}, and put it there",
        ) from error
    return home


@cache
def load_model(weights: Path, device: str) -> Any:
    """The detector, loaded once a process; BgrError where the file or the device will not do."""
    ultralytics = _ultralytics()
    from ultralytics.utils.torch_utils import select_device

    try:
        select_device(device, verbose=False)
        model = ultralytics.YOLO(str(weights))
        if weights.suffix != ".pt" or model.task not in ("detect", "segment", "pose"):
            raise ValueError(f"it is for the task {model.task}")
    except Exception as error:  # a damaged or foreign pickle fails in ways without end
        raise BgrError(
            f"cannot use {weights} on device {device}: {str(error).partition(chr(10))[0]}",
            "a .pt file of an ultralytics detector (detect, segment or pose), and cpu or a GPU's number",
            "if a trusted file's types are refused: ULTRALYTICS_SAFE_LOAD=0",
        ) from error
    return model


def class_ids(wanted: Sequence[str], names: Mapping[int, str]) -> tuple[int, ...]:
    """Numbers of classes given by name or number; BgrError where the detector lacks one."""
    known = {name: number for number, name in names.items()} | {str(n): n for n in names}
    for unknown in (name for name in wanted if name not in known):
        near = get_close_matches(unknown, known, n=5) or list(names.values())[:10]
        raise BgrError(
            f"--classes: the weights know no class {unknown!r} among their {len(names)}",
            f"a number from 0 to {max(names)}, or a name such as {', '.join(near)}",
        )
    return tuple(sorted({known[name] for name in wanted}))


def write_lists(output: Path, rows: Sequence[Row], confidence: float) -> None:
    """Write scores.csv, kept.txt, rejected.txt and the contact sheet into the folder `output`.

    The rows have the `image`, `score`, `people` and `kept`; `confidence` is the threshold.
    """
    table = io.StringIO()
    lines = [(row["image"], row["score"], row["people"]) for row in rows]
    csv.writer(table, lineterminator="\n").writerows([("image", "score", "people"), *lines])
    write_text(output / "scores.csv", table.getvalue())
    nearest = sorted(rows, key=lambda row: abs(row["score"] - confidence))
    cells = []
    for word, kept in (("kept", True), ("rejected", False)):
        images = [row["image"] for row in rows if row["kept"] == kept]
        write_text(output / f"{word}.txt", "".join(f"{image}\n" for image in images))
        for row in [row for row in nearest if row["kept"] == kept][:SHOWN]:
            picture = read_image(Path(row["image"]), at_least=(160, 160))
            cells.append((f"{word} {row['score']:.3f} {Path(row['image']).stem}", [picture]))
    if cells:
        write_image(output / SHEET, contact_sheet(cells, columns=6))


def _ultralytics() -> Any:
    """The package, quiet, and kept from reporting, updating itself and installing others."""
    os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "1")
    try:
        import ultralytics
    except ImportError as error:
        what = f"filter_people needs the package ultralytics: {error}"
        extra = "the extra bgr[curate], whose licence is AGPL-3.0"
        raise BgrError(what, extra, "pip install 'bgr[curate]'") from error
    return ultralytics
