"""The samples of a data set, found by its manifest or by the names of its folders and files."""

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bgr.errors import BgrError
from bgr.io.files import IMAGE_SUFFIXES, list_images, walk_images
from bgr.io.images import has_alpha
from bgr.io.manifest import NAME, Manifest
from data_tools.split import SPLITS, group_of

PICTURES = ("image", "cutout", "foreground", "high_res")  # what shows the person
PLATES = ("low_res", "captured_background", "target_background", "background")
MATTES = ("alpha", "mask")
KEYS = (*PICTURES, *PLATES, *MATTES, "trimap")
PAPERS = {"image": "src", "alpha": "pha", "foreground": "fgr", "captured_background": "bgr"}
FOLDERS = {
    name: key
    for key in KEYS
    if key not in ("cutout", "background")
    for name in (key, PAPERS.get(key, key))
}

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Sample:
    """Files that belong together.

    Attributes:
        name: as a reader finds it again.
        files: keyed as in `Batch`; `cutout` is a picture whose own alpha channel is the matte, and
            `background` one without a person, of any size.
        split: empty where there are no splits.
        groups: what must not lie in two splits (a clip, a subject), in words.
    """

    name: str
    files: Mapping[str, Path]
    split: str = ""
    groups: tuple[str, ...] = ()


class Finding(NamedTuple):
    """Something to tell about a file.

    Attributes:
        level: errors make training wrong or stop it, warnings are worth a look, notes are harmless.
        kind: heading that it is listed under.
        file: the file.
        text: the particulars.
    """

    level: Level
    kind: str
    file: Path
    text: str


def scan(folder: Path) -> tuple[list[Sample], list[Finding]]:
    """The samples of a folder, and what is wrong with their listing; opens no image."""
    if (folder / NAME).is_file():
        return from_manifest(folder)
    splits = [split for split in SPLITS if (folder / split).is_dir()]
    samples: list[Sample] = []
    findings = bad_links(folder)
    circles = {finding.file for finding in findings if finding.level == "warning"}
    for split in splits or [""]:
        found, wrong = from_layout(folder / split, split, circles)
        samples += found
        findings += wrong
    for split in ["", *splits]:
        pool = folder / split / "background"
        for path in images(walk_images, pool) if pool.is_dir() else ():
            samples.append(Sample(f"background/{path.stem}", {"background": path}, split))
    return samples, findings


def from_manifest(folder: Path) -> tuple[list[Sample], list[Finding]]:
    """The rows of a manifest; a foreground without a matte has it as its own alpha channel."""
    manifest = Manifest(folder)
    splits = [""] * len(manifest)
    for split, (start, stop) in manifest.header.get("splits", {}).items():
        splits[start:stop] = [split] * (stop - start)
    pattern = manifest.header.get("split", {}).get("group_by")
    samples, findings = [], []
    for index, row in enumerate(manifest):
        name = str(row.get("name", index))
        files = {key: folder / row[key] for key in KEYS if isinstance(row.get(key), str)}
        if not files:
            text = f"sample {name} names none"
            findings.append(Finding("error", "row without files", manifest.path, text))
            continue
        if "foreground" in files and not {*MATTES, "trimap"} & set(files):
            files = {"cutout": files.pop("foreground"), **files}
        # Where `split` was told how to group, the tool's own groups no longer count.
        grouped = pattern is not None or "group" in row
        groups = (f"group {group_of(row, pattern)}",) if grouped else ()
        samples.append(Sample(name, files, splits[index], groups))
    return samples, findings


def from_layout(root: Path, split: str, circles: Set[Path]) -> tuple[list[Sample], list[Finding]]:
    """Files paired by name, none below `circles`; without a folder to pair, cut-outs or backgrounds."""
    folders: dict[str, Path] = {}
    for name, key in FOLDERS.items():
        if (root / name).is_dir():
            folders.setdefault(key, root / name)
    if not folders:
        alone = images(list_images, root)
        key = "cutout" if any(map(may_be_cutout, alone)) else "background"
        return [Sample(path.stem, {key: path}, split) for path in alone], []
    findings = []
    if not {*PICTURES, *PLATES} & set(folders):
        findings.append(Finding("error", "no pictures", root, "has mattes but no image/"))
    if {"image", "foreground"} & set(folders) and not {*MATTES, "trimap"} & set(folders):
        findings.append(Finding("warning", "no mattes", root, "has neither alpha/ nor mask/"))
    named: dict[str, dict[str, Path]] = {key: {} for key in folders}
    for key, folder in folders.items():
        for path in images(walk_images, folder):
            if circles & set(path.parents):
                continue
            first = named[key].setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
            if first != path:
                text = f"{first.name} has the same stem"
                findings.append(Finding("error", "two files of one name", path, text))
    samples = []
    for stem in sorted({stem for stems in named.values() for stem in stems}):
        files = {key: named[key][stem] for key in folders if stem in named[key]}
        lacking = [f"{folder.name}/" for key, folder in folders.items() if key not in files]
        if lacking:
            text = f"has no partner in {listed(lacking)}"
            findings.append(Finding("error", "unpaired", next(iter(files.values())), text))
        clip = stem.rpartition("/")[0]
        samples.append(Sample(stem, files, split, (f"clip {clip}",) if clip else ()))
    return samples, findings


def may_be_cutout(path: Path) -> bool:
    """Whether a file has an alpha channel, as far as it can be read."""
    try:
        return has_alpha(path)
    except BgrError:
        return False


def images(function: Callable[[Path], list[Path]], folder: Path) -> list[Path]:
    """A listing that may be empty."""
    try:
        return function(folder)
    except BgrError:
        return []


def bad_links(folder: Path) -> list[Finding]:
    """Links and folders that a listing of images passes over in silence."""
    refused: list[OSError] = []
    findings = []
    for here, below, names in os.walk(folder, onerror=refused.append):
        below.sort()
        for path in (Path(here, name) for name in sorted([*below, *names])):
            if not path.is_symlink():
                continue
            leads = f"leads to {os.readlink(path)}"
            if not path.exists() and path.suffix.lower() not in IMAGE_SUFFIXES:
                findings.append(Finding("error", "broken link", path, leads))
            elif path.is_dir() and path.resolve() in (Path(here).resolve() / "-").parents:
                findings.append(
                    Finding("warning", "link in a circle", path, f"{leads}; not entered")
                )
    for error in refused:
        findings.append(
            Finding("error", "cannot be used", Path(error.filename), str(error.strerror))
        )
    return findings


def listed(texts: Sequence[str], limit: int = 5) -> str:
    """The first few, and how many more."""
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more} more" if more > 0 else "")
