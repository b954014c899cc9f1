"""What every tool shares: items worked on in parallel, resumed, counted, and listed in a manifest.

A tool names its items and a function of one item. The function writes its files (atomically, through
`bgr.io`) and returns the samples it made, or says why it made none. Each finished item is one line of
`.journal.jsonl` in the output folder: started again, the tool works on the other items only. At the end
`manifest.jsonl` lists the samples in the order of the items, and `skipped.csv` the items left out.
"""

import argparse
import csv
import io
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bgr.errors import BgrError
from bgr.io.files import make_folder, write_text
from bgr.io.manifest import NAME as MANIFEST
from bgr.io.manifest import Manifest, Row, write_manifest
from data_tools import engines
from data_tools.journal import Item, Journal, Result, sha256, stamp

SKIPPED = "skipped.csv"
# Packages that decide about pixels and scores.
PACKAGES = (
    "bgr",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pycocotools",
    "pymatting",
    "ultralytics",
)
# Options that say how and where a tool runs and not what it makes.
RUNNING = ("output", "workers", "engine", "dry_run", "on_error", "max_errors")


class Rejected(Exception):  # noqa: N818 - an outcome, not an error
    """Raised by a tool's function when an undamaged item gives no sample; the text says why."""


@dataclass(frozen=True)
class Summary:
    """What a tool did.

    Attributes:
        kept: number of samples in the manifest.
        skipped: number of items left out, by reason.
        damaged: message of every item that could not be read.
        already: items that an earlier run had finished.
    """

    kept: int
    skipped: Mapping[str, int]
    damaged: Sequence[str]
    already: int
    output: Path = field(compare=False)

    def __str__(self) -> str:
        left_out = sum(self.skipped.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items())
        lines = [
            f"{self.kept} samples, {left_out} items skipped{f' ({reasons})' if reasons else ''}, "
            f"{len(self.damaged)} damaged; {self.already} items were done before -> {self.output}"
        ]
        return "\n".join([*lines, *(f"damaged: {message}" for message in self.damaged)])


def progress_bar() -> Progress:
    """A bar with counts, elapsed and remaining time, on the terminal's error stream."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def run(
    tool: str,
    items: Sequence[Item],
    function: Callable[[Item], list[Row]],
    output: Path,
    options: argparse.Namespace,
) -> Summary | None:
    """Work on all items that are not done yet, and write the manifest.

    Args:
        tool: name of the tool.
        items: everything there is to do, in the order of the manifest.
        function: makes the samples of an item; picklable. Raises `Rejected` or `BgrError`.
        output: folder of the results.
        options: what `command_line.parser` read. All but how it runs is recorded, and may not change
            on resuming.

    Returns:
        The summary; None for a dry run.

    Raises:
        BgrError: an item is damaged (`--on-error raise`), too many are, two items share a name, or the
            folder holds results of other options.
    """
    outside = [i for i in items if not any(output in path.parents for path in i.inputs)]
    if items and not outside:
        raise BgrError(f"all inputs lie in {output}, the output folder", "another output folder")
    items = outside  # a tool must not take its own results for inputs
    names = Counter(item.name for item in items)
    doubled = [name for name, count in names.items() if count > 1]
    if doubled:
        raise BgrError(f"two inputs of the same name: {', '.join(doubled[:5])}", "unique names")
    journal = Journal(output, describe(tool, options))
    finished = journal.finished(items)
    remaining = [item for item in items if item.name not in finished]
    if options.dry_run:
        shown = f": {', '.join(item.name for item in remaining[:5])}" if remaining else ""
        counts = f"{len(items)} items, {len(finished)} done before, {len(remaining)} to do"
        print(f"{tool}: {counts}{shown} -> {output}", file=sys.stderr)
        return None
    make_folder(output)
    damaged: dict[str, str] = {}
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with journal, progress_bar() as bar:
            if remaining and (output / MANIFEST).is_file():  # what it lists is about to change
                if "splits" in Manifest(output).header:
                    print(f"{output} gets new samples: split it again afterwards", file=sys.stderr)
                (output / MANIFEST).unlink()
            task = bar.add_task(tool, total=len(items), completed=len(finished))
            attempt = Attempt(function)
            for result in engines.results(attempt, remaining, options.engine, options.workers):
                bar.advance(task)
                if result.error is None:
                    finished[result.name] = journal.add(result)
                    continue
                damaged[result.name] = result.error
                if options.on_error == "raise":
                    raise BgrError(f"{result.error}\n  or:       leave it out with --on-error skip")
                if len(damaged) > options.max_errors:
                    raise BgrError(
                        f"{len(damaged)} damaged inputs:\n  " + "\n  ".join(damaged.values()),
                        f"at most {options.max_errors} (--max-errors)",
                        "mend them; what is done stays done",
                    )
    finally:
        signal.signal(signal.SIGTERM, previous)
    return write_results(items, finished, damaged, journal)


def write_results(
    items: Sequence[Item],
    finished: Mapping[str, Row],
    damaged: Mapping[str, str],
    journal: Journal,
) -> Summary:
    """Write the manifest and the list of skipped items in the order of the items."""
    done = [(item.name, finished[item.name]) for item in items if item.name in finished]
    rows: list[Row] = []
    skipped = []
    for name, entry in done:
        if entry["rejected"] is not None:
            skipped.append((name, entry["rejected"]))
        else:
            hashes = {path: digest for path, (digest, _) in entry["inputs"].items()}
            rows += [{**row, "inputs": hashes} for row in entry["rows"]]
    reasons = Counter(reason for _, reason in skipped)
    output = journal.output
    left_out = {**reasons, "damaged": len(damaged)} if damaged else dict(reasons)
    if not same_samples(output, rows):  # a manifest that is right keeps its splits
        write_manifest(output, {**journal.header, "skipped": left_out}, rows)
    faults = [(name, f"damaged: {message.splitlines()[0]}") for name, message in damaged.items()]
    listing = io.StringIO()
    csv.writer(listing, lineterminator="\n").writerows([("item", "reason"), *skipped, *faults])
    write_text(output / SKIPPED, listing.getvalue())
    if not rows:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise BgrError(f"none of {len(items)} items gave a sample: {why}", "at least one")
    return Summary(len(rows), reasons, list(damaged.values()), journal.before, output)


@dataclass(frozen=True)
class Attempt:
    """A tool's function whose failures are results; runs in the worker."""

    function: Callable[[Item], list[Row]]

    def __call__(self, item: Item) -> Result:
        try:
            rows = self.function(item)
            inputs = {str(p): (sha256(p), stamp(p)) for p in item.inputs}
            return Result(item.name, rows=rows, inputs=inputs)
        except Rejected as reason:
            inputs = {str(p): (sha256(p), stamp(p)) for p in item.inputs}
            return Result(item.name, rejected=str(reason), inputs=inputs)
        except BgrError as error:
            return Result(item.name, error=str(error))
        except OSError as error:
            return Result(item.name, error=f"{item.name}: {error}")


def same_samples(output: Path, rows: Sequence[Row]) -> bool:
    """Whether a folder's manifest lists just these samples, in whatever order and splits."""
    if not (output / MANIFEST).is_file():
        return False
    listed = sorted(Manifest(output), key=lambda row: str(row["name"]))
    return listed == sorted(rows, key=lambda row: str(row["name"]))


def describe(tool: str, options: argparse.Namespace) -> Row:
    """Header of a manifest: the tool, its options as text, and the versions that matter."""
    arguments = {
        key: " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        for key, value in sorted(vars(options).items())
        if key not in RUNNING
    }
    versions = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {"tool": tool, "arguments": arguments, "versions": versions}
