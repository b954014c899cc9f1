"""Decodes every file of a data set and says what is wrong with it, on the terminal and in one HTML page.

Looks at pairing, sizes, channels, value ranges, empty and full mattes, copies, and whether pictures or
groups lie in two splits. The folder holds manifest.jsonl, or files paired by name in image/ (src/) and
alpha/ (pha/) or mask/, foreground/ (fgr/), trimap/, captured_background/ (bgr/), each also in a folder a
clip; or cut-outs alone. It may have train/, val/ and test/ of that form, and background/. The exit status
is 0 without errors and 1 with any; warnings and notes do not count.
"""

import base64
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from bgr.errors import BgrError
from bgr.io.files import check_folder, write_text
from bgr.io.images import ImageArray, encode_png
from bgr.io.manifest import NAME
from data_tools import engines
from data_tools.checks import Examined, alike, copies, decode, divided, examine, mattes
from data_tools.command_line import base_parser
from data_tools.contact_sheet import contact_sheet, evenly, over_colour
from data_tools.journal import FILE as JOURNAL
from data_tools.journal import Item
from data_tools.layout import KEYS, PICTURES, Finding, Level, Sample, scan
from data_tools.runner import progress_bar

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
LISTED = 200  # findings of a kind that the page lists
HEIGHT = 120  # pixels of the pictures on the page
UNREADABLE = np.full((HEIGHT, HEIGHT, 3), (200, 30, 30), np.uint8)


def main(arguments: list[str]) -> int:
    """Parse the command line, verify, and write the report; returns the exit status."""
    parser = base_parser("verify", __doc__)
    parser.add_argument("folder", type=Path, help="the data set")
    parser.add_argument("--report", type=Path, help="the page (default <folder>/verify.html)")
    parser.add_argument(
        "--thumbnails", type=int, default=24, help="good and bad samples shown (default: 24 each)"
    )
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()
    check_folder(folder)
    if (folder / JOURNAL).is_file() and not (folder / NAME).is_file():
        raise BgrError(
            f"{folder} is not finished", f"a {NAME}", "start the tool that makes it again, to go on"
        )
    samples, findings = scan(folder)
    if not samples and not findings:
        raise BgrError(f"no samples in {folder}", f"{NAME}, image/ and alpha/, or cut-outs")
    if options.dry_run:
        print(f"{folder}: {described(samples)}")
        return 0
    examined = examine_all(samples, options.workers)
    findings += [finding for one in examined for finding in one.findings]
    # Clips of a layout may be numbered anew in every split; a manifest's groups mean what they say.
    level: Level = "error" if (folder / NAME).is_file() else "warning"
    findings += copies(samples, examined) + divided(samples, level) + alike(samples, examined)
    findings = list(dict.fromkeys(findings + uniform(folder, examined)))  # files may be shared
    path = options.report or folder / "verify.html"
    write_report(path, folder, samples, examined, findings, options.thumbnails)
    counts = Counter(finding.level for finding in findings)
    totals = ", ".join(f"{counts[level]} {level}s" for level in LEVELS)
    lines = [f"{folder}: {described(samples)}; {totals} -> {path}"]
    for (level, kind), entries in by_kind(findings, folder).items():
        lines.append(f"{level}: {kind} ({len(entries)})")
        lines += [f"  {name}: {text}" for name, text in entries[:10]]
        lines += [f"  and {len(entries) - 10} more"] * (len(entries) > 10)
    print(printable("\n".join(lines)))
    return 1 if counts["error"] else 0


def examine_all(samples: Sequence[Sample], workers: int) -> list[Examined]:
    """Examine the samples in parallel, behind a bar; results in their order."""
    examined = [Examined()] * len(samples)
    items = [Item(s.name, tuple(s.files.values()), (n, s)) for n, s in enumerate(samples)]
    with progress_bar() as bar:
        task = bar.add_task("verify", total=len(items))
        for number, one in engines.results(examine_item, items, "local", workers):
            examined[number] = one
            bar.advance(task)
    return examined


def examine_item(item: Item) -> tuple[int, Examined]:
    """Number of a sample and what its pixels are; runs in the worker."""
    number, sample = item.details
    return number, examine(sample)


def uniform(folder: Path, examined: Sequence[Examined]) -> list[Finding]:
    """A data set whose mattes are all empty or all full teaches nothing."""
    shares = {one.share for one in examined if one.share is not None}
    if shares in ({0.0}, {1.0}):
        text = f"every matte is {shares.pop() * 255:.0f} everywhere"
        return [Finding("error", "mattes all alike", folder, text)]
    return []


def described(samples: Sequence[Sample]) -> str:
    """Numbers of samples, of files of each kind, and of samples in each split."""
    kinds = Counter(key for sample in samples for key in sample.files)
    splits = Counter(sample.split for sample in samples if sample.split)
    parts = ", ".join(f"{count} {key}" for key, count in kinds.items())
    inside = ", ".join(f"{count} in {split}" for split, count in splits.items())
    return (
        f"{len(samples)} samples, {kinds.total()} files ({parts}){'; ' if inside else ''}{inside}"
    )


def by_kind(
    findings: Iterable[Finding], folder: Path
) -> dict[tuple[Level, str], list[tuple[str, str]]]:
    """Names and texts of the findings under (level, kind), errors first; paths inside the folder."""
    listing: dict[tuple[Level, str], list[tuple[str, str]]] = defaultdict(list)
    for level, kind, file, text in sorted(findings, key=lambda f: (LEVELS.index(f.level), f.kind)):
        name, text = (t.replace(f"{folder}{os.sep}", "") for t in (str(file), text))
        listing[level, kind].append((name, text))
    return listing


def write_report(
    path: Path,
    folder: Path,
    samples: Sequence[Sample],
    examined: Sequence[Examined],
    findings: Sequence[Finding],
    thumbnails: int,
) -> None:
    """Write the HTML page; it needs no other file and no network."""
    listing = by_kind(findings, folder)
    sizes = Counter(one.size for one in examined if one.size is not None)
    shares = [one.share for one in examined if one.share is not None]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("data_tools", "."), autoescape=True
    )
    page = environment.get_template("verify.html.j2").render(
        title=folder.resolve().name,
        described=described(samples),
        counts=[(level, sum(f.level == level for f in findings)) for level in LEVELS],
        sizes=[(f"{w}x{h}", count) for (h, w), count in sizes.most_common(10)],
        other_sizes=sum(sizes.values()) - sum(count for _, count in sizes.most_common(10)),
        shares=np.histogram(shares, 10, (0, 1))[0].tolist() if shares else [],
        listing=listing,
        limit=LISTED,
        galleries=galleries(samples, findings, thumbnails),
    )
    write_text(path, printable(page))


def galleries(
    samples: Sequence[Sample], findings: Sequence[Finding], limit: int
) -> list[tuple[str, str]]:
    """Titles and pictures (base64 of PNG) of the sheets of bad and of good samples."""
    kinds: dict[Path, list[str]] = defaultdict(list)
    for finding in sorted(findings, key=lambda f: LEVELS.index(f.level)):
        if finding.level != "note":
            kinds[finding.file].append(finding.kind)
    reasons = [[kind for file in s.files.values() for kind in kinds.get(file, ())] for s in samples]
    bad = [i for i, reason in enumerate(reasons) if reason]
    good = [i for i, s in enumerate(samples) if not reasons[i] and set(s.files) != {"background"}]
    spread = evenly(len(good), limit)
    sheets = []
    for title, total, chosen in (
        ("Samples with errors or warnings", len(bad), bad[:limit]),
        ("Samples without errors or warnings", len(good), [good[i] for i in spread]),
    ):
        entries = [
            (": ".join([samples[i].name, *reasons[i][:1]]), tiles(samples[i])) for i in chosen
        ]
        if entries:
            columns = max(1, 8 // max(len(pictures) for _, pictures in entries))
            png = encode_png(contact_sheet(entries, HEIGHT, columns))
            heading = f"{title} ({len(entries)} of {total})"
            sheets.append((heading, base64.b64encode(png).decode()))
    return sheets


def tiles(sample: Sample) -> list[ImageArray]:
    """A sample's files and its cut-out over a colour, small; red is a file that cannot be read."""
    shown: dict[str, ImageArray] = {}
    pictures = []
    for key in (key for key in KEYS if key in sample.files):
        try:
            picture = Image.fromarray(decode(key, sample.files[key]))
            width = max(1, round(picture.width * HEIGHT / picture.height))
            pixels = np.asarray(picture.resize((width, HEIGHT), Image.Resampling.BOX))
        except Exception:  # named among the findings
            pictures.append(UNREADABLE)
            continue
        shown[key] = pixels
        pictures.append(pixels[..., :3] if pixels.ndim == 3 else pixels)
    person = next((shown[key][..., :3] for key in PICTURES if key in shown), None)
    alpha = next(iter(mattes(shown).values()), None)
    if "cutout" in shown and alpha is not None:
        pictures.append(alpha)
    if person is not None and alpha is not None and person.shape[:2] == alpha.shape:
        pictures.append(over_colour(person, alpha))
    gap = 2 * HEIGHT - sum(picture.shape[1] for picture in pictures)  # room for the caption
    return [*pictures, np.full((HEIGHT, gap, 3), 255, np.uint8)] if gap > 0 else pictures


def printable(text: str) -> str:
    """Text of file names that are not UTF-8 as they can be shown."""
    return text.encode("utf-8", "backslashreplace").decode()
