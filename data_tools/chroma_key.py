"""Clips and stills before a green or blue screen -> foregrounds without spill, and soft mattes.

Writes foreground/<name>.png, alpha/<name>.png and contact_sheet.jpg to look them over. The default key
finds the colour of the screen itself, follows its lighting over the frame, and gives soft edges;
`--method paper` is the hard matte of paper 000, section 4. What cannot be keyed, as without a screen or
with nothing before it, is listed in skipped.csv. Settings of single files, in YAML, mend what goes wrong:

    studio_3:                # the file's name without suffix
      key: [40, 180, 60]     # colour of the screen, RGB; looked for along the borders if left out
      outer: 0.8             # more of the screen's colour than this is screen
      inner: 0.15            # less is subject; the matte is soft between
      edge: 0.02             # reach of soft edges, as a share of the frame's shorter side
      despill: 1.0           # share of the screen's cast that is taken off the subject
      garbage: [[80, 0], [560, 0], [560, 480]]   # polygon (x, y) in pixels around all that may be kept
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bgr.errors import BgrError
from bgr.io.files import IMAGE_SUFFIXES, check_folder, make_folder
from bgr.io.images import read_alpha, read_image, write_image
from bgr.io.manifest import Manifest, Row
from bgr.io.video import VIDEO_SUFFIXES, Clip
from data_tools import command_line, runner
from data_tools.contact_sheet import contact_sheet, evenly, over_colour
from data_tools.journal import Item
from data_tools.keying import Settings, difference_key, key_colour, paper_alpha
from data_tools.runner import Rejected

SHEET = 40  # samples on the contact sheet


def main(arguments: list[str]) -> None:
    """Parse the command line and key everything."""
    parser = command_line.parser("chroma_key", __doc__)
    parser.add_argument(
        "source", type=command_line.absolute, help="a clip, a still, or a folder of them"
    )
    parser.add_argument("output", type=command_line.absolute, help="folder of the results")
    parser.add_argument("--method", choices=("difference", "paper"), default="difference")
    parser.add_argument("--key", type=_colour, metavar="R,G,B", help="colour of the screen")
    parser.add_argument("--every", type=int, default=15, help="every n-th frame of clips (15)")
    parser.add_argument(
        "--settings", type=command_line.absolute, help="YAML of settings by file name"
    )
    options = parser.parse_args(arguments)
    if options.method == "paper" and (options.key or options.settings):
        raise BgrError("--method paper has nothing to set", "no --key and no --settings")
    if options.every < 1:
        raise BgrError(f"--every {options.every}", "1 or more")
    files = [options.source]
    if not options.source.is_file():
        check_folder(options.source)
        kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
        files = [p for p in sorted(options.source.iterdir()) if p.suffix.lower() in kinds]
    files = [path for path in files if not path.name.startswith(".")]
    if not files:
        raise BgrError(f"no clip or still in {options.source}", "video or image files")
    settings = {}
    if options.settings:
        settings = read_settings(options.settings, [path.stem for path in files])
        options.settings = sorted(settings.items())  # recorded, so that resuming compares them
    items = [item for path in files for item in items_of(path, options.every)]
    work = ChromaKey(options.output, options.method, Settings(key=options.key), settings)
    if not options.dry_run:
        for folder in ("foreground", "alpha"):
            make_folder(options.output / folder)
    summary = runner.run("chroma_key", items, work, options.output, options)
    if summary is not None:
        write_sheet(options.output)
        print(summary)


def items_of(path: Path, every: int) -> list[Item]:
    """The still, or every n-th frame of the clip; an unreadable clip is one item, which says so."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        return [Item(path.stem, (path,))]
    try:
        frames = Clip(path).count()
    except BgrError:
        frames = 1
    return [Item(f"{path.stem}_{index:05d}", (path,), index) for index in range(0, frames, every)]


def read_settings(path: Path, stems: Sequence[str]) -> dict[str, Settings]:
    """Settings by file name.

    Raises:
        BgrError: no YAML, a file or setting that does not exist, or a value that makes no sense.
    """
    try:
        loaded: Any = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise BgrError(f"cannot read {path}: {error}", "YAML of settings by file name") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, dict) for v in loaded.values()):
        raise BgrError(f"{path}: {loaded}", "settings by file name, as in chroma_key --help")
    _known(loaded, stems, f"file of {path}")
    return {stem: _settings(values, f"{path}, {stem}") for stem, values in loaded.items()}


def _settings(values: dict[str, Any], where: str) -> Settings:
    _known(values, list(Settings.__dataclass_fields__), f"setting of {where}")
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Settings), values)
        made: Settings = OmegaConf.to_object(merged)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise BgrError(f"{where}: {error}", "values as in chroma_key --help") from error
    if not 0 <= made.inner < made.outer <= 1 or made.edge < 0 or not 0 <= made.despill <= 1:
        raise BgrError(f"{where}: {values}", "0 <= inner < outer <= 1, edge >= 0, despill 0 to 1")
    if made.key is not None and (len(made.key) != 3 or not all(0 <= v <= 255 for v in made.key)):
        raise BgrError(f"{where}: key {made.key}", "three values from 0 to 255")
    if made.garbage and (len(made.garbage) < 3 or any(len(point) != 2 for point in made.garbage)):
        raise BgrError(f"{where}: garbage {made.garbage}", "three or more points [x, y]")
    return made


def _known(names: Iterable[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, n=1, cutoff=0) or ["none"]
            raise BgrError(f"unknown {what}: {name}", f"one of {', '.join(known)}", f"{near[0]}?")


def _colour(text: str) -> list[int]:
    parts = text.split(",")
    values = [int(part) if part.isdecimal() else -1 for part in parts]
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise argparse.ArgumentTypeError(f"{text}: expected R,G,B, each 0 to 255")
    return values


@dataclass(frozen=True)
class ChromaKey:
    """Keys one still or frame.

    Attributes:
        output: folder with `foreground/` and `alpha/`.
        method: `difference` or `paper`.
        default: settings of the files that have none of their own, and the key of those without.
        settings: settings by file name without suffix.
    """

    output: Path
    method: str
    default: Settings
    settings: Mapping[str, Settings]

    def __call__(self, item: Item) -> list[Row]:
        """Write foreground and matte.

        Raises:
            Rejected: there is no screen, or nothing before it.
            BgrError: the frame cannot be read.
        """
        path = item.inputs[0]
        settings = self.settings.get(path.stem, self.default)
        pixels = read_image(path) if item.details is None else Clip(path).frame(item.details)
        if self.method == "paper":
            alpha, foreground = paper_alpha(pixels), pixels
        else:
            key = settings.key or self.default.key or file_key(path)
            if key is None:
                raise Rejected("no green or blue screen along the borders")
            alpha, foreground = difference_key(pixels, key, settings)
        if (alpha < 13).mean() < 0.05:
            raise Rejected("the screen covers less than 5 % of the frame")
        if (alpha > 127).mean() < 0.005:
            raise Rejected("nothing before the screen")
        row: Row = {"name": item.name, "group": path.stem}
        for folder, picture in (("foreground", foreground), ("alpha", alpha)):
            row[folder] = f"{folder}/{item.name}.png"
            write_image(self.output / row[folder], picture)
        return [row]


@lru_cache(maxsize=16)
def file_key(path: Path) -> list[int] | None:
    """Key colour of a still, or of five frames spread over a clip; the same for all its frames."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        return key_colour([read_image(path)])
    clip = Clip(path)
    return key_colour([clip.frame(clip.frames * (2 * i + 1) // 10) for i in range(5)])


def write_sheet(output: Path) -> None:
    """Write contact_sheet.jpg: samples spread over the manifest, over a plain colour and as matte."""
    rows = Manifest(output)
    chosen = evenly(len(rows), SHEET)
    entries = []
    for row in (rows[index] for index in chosen):
        foreground, alpha = (
            read_image(output / row["foreground"]),
            read_alpha(output / row["alpha"]),
        )
        entries.append((row["name"], (over_colour(foreground, alpha), alpha)))
    if entries:
        write_image(output / "contact_sheet.jpg", contact_sheet(entries))
