"""Splits the samples of a folder into train, val and test; a group (clip, subject) is never divided.

Rewrites manifest.jsonl with the rows of each split next to each other. Only the seed, the shares and the
groups decide: the order of the rows does not. The same command again writes the same bytes; another seed
or other shares split anew. A folder of one's own with image/ and alpha/ (or mask/) gets a manifest first;
files added later join it when manifest.jsonl is removed and made again.

The tool that made a folder lists its samples without splits. When it is run again, so is this one.
"""

import argparse
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bgr.errors import BgrError
from bgr.io.manifest import NAME, Manifest, Row, write_manifest
from data_tools.journal import FILE as JOURNAL

SPLITS = ("train", "val", "test")
ATTEMPTS = 10_000  # groups that are dealt out in all: few groups come out close in some deals only


def main(arguments: list[str]) -> None:
    """Parse the command line, split, and print how many samples and groups each split has."""
    parser = argparse.ArgumentParser(
        prog="python -m data_tools split",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help=f"folder with {NAME}, or with image/ and alpha/")
    wanted = parser.add_mutually_exclusive_group()
    metavar = ("TRAIN", "VAL", "TEST")
    wanted.add_argument(
        "--shares", type=float, nargs=3, metavar=metavar, default=(0.8, 0.1, 0.1), help="sum to 1"
    )
    wanted.add_argument(
        "--counts", type=int, nargs=3, metavar=metavar, help="of samples; -1: the rest"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the shuffle (default 0)")
    parser.add_argument(
        "--group-by",
        metavar="REGEX",
        help="its one (group), found in a sample's name, is the sample's group (default: the "
        "manifest's own)",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the counts, write nothing")
    options = parser.parse_args(arguments)
    header, rows = listing(options.folder)
    asked = {"counts": options.counts} if options.counts else {"shares": list(options.shares)}
    how: Row = {"seed": options.seed, **asked, "group_by": options.group_by}
    names, groups = [], []
    for index, row in enumerate(rows):
        names.append(str(row.get("name", index)))
        groups.append(group_of(row, options.group_by))
    sizes = Counter(groups)
    targets = wanted_rows(len(names), **asked)
    dealt = deal(sizes, targets, options.seed)
    members: dict[str, list[int]] = {split: [] for split in SPLITS}
    for index in sorted(range(len(names)), key=lambda i: (groups[i], names[i])):
        members[dealt[groups[index]]].append(index)
    for split, indices in members.items():
        held = len({groups[i] for i in indices})
        print(
            f"{split:<6}{len(indices):>9} samples{held:>9} groups{len(indices) / len(names):>8.1%}"
        )
    if options.dry_run:
        return
    kept = {key: value for key, value in header.items() if key not in ("split", "splits")}
    write_manifest(
        options.folder,
        {**kept, "split": how},
        (rows[i] for indices in members.values() for i in indices),
        {split: len(indices) for split, indices in members.items()},
    )


def listing(folder: Path) -> tuple[Row, Sequence[Row]]:
    """Header and rows of a folder's manifest, or of one made from its image/ and alpha/ (or mask/).

    Raises:
        BgrError: there is neither, or a photo has no matte.
    """
    if (folder / NAME).is_file():
        manifest = Manifest(folder)
        return manifest.header, manifest
    # Imported here: it brings torch, which takes longer to load than a manifest takes to split.
    from bgr.data.folder import CONTRACT, find_pairs

    if (folder / JOURNAL).is_file():
        raise BgrError(
            f"{folder} is not finished", f"a {NAME}", "start the tool that makes it again, to go on"
        )
    if not (folder / "image").is_dir():
        raise BgrError(
            f"{folder} has neither {NAME} nor image/",
            f"a folder that a data tool wrote, or {CONTRACT.partition(',')[0]}",
            "check the path; folders train/, val/ and test/ are splits already",
        )
    made: list[Row] = []
    for pair in find_pairs(folder):
        files = {k: f for k, f in pair._asdict().items() if f is not None}
        paths = {key: file.relative_to(folder).as_posix() for key, file in files.items()}
        made.append({"name": pair.image.stem, "group": pair.image.stem, **paths})
    return {"tool": "split"}, made


def group_of(row: Row, pattern: str | None) -> str:
    """Group of a row: its own, or what a regular expression finds in its name.

    Raises:
        BgrError: the row has no group, or the expression has not one group or does not fit the name.
    """
    name = row.get("name")
    if pattern is None:
        if "group" not in row:
            raise BgrError(f"sample {name!r} has no group", "a group in every row", "--group-by")
        return str(row["group"])
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise BgrError(f"--group-by {pattern!r}: {error}", "a regular expression") from error
    if expression.groups != 1:
        raise BgrError(f"--group-by {pattern!r} has {expression.groups} groups", "one (group)")
    found = expression.search(str(name))
    if found is None or found[1] is None:
        raise BgrError(
            f"--group-by {pattern!r} does not fit the name {name!r}",
            "an expression that finds a group in every name",
        )
    return found[1]


def wanted_rows(
    total: int, shares: Sequence[float] = (), counts: Sequence[int] | None = None
) -> dict[str, float]:
    """Number of rows that each split should have, from shares or from counts with one -1 at most.

    Raises:
        BgrError: they do not add up.
    """
    if counts is not None:
        rest = total - sum(count for count in counts if count >= 0)
        if min(counts) < -1 or counts.count(-1) > 1 or rest < 0 or (rest and -1 not in counts):
            raise BgrError(
                f"counts {list(counts)} do not divide {total} samples",
                "three numbers that add up to all samples, one of them -1 for the rest",
            )
        return dict(zip(SPLITS, (rest if c == -1 else c for c in counts), strict=True))
    if min(shares) < 0 or not np.isclose(sum(shares), 1):
        raise BgrError(f"shares are {shares}", "three shares (train, val, test) that sum to 1")
    return dict(zip(SPLITS, (share * total for share in shares), strict=True))


def deal(sizes: Mapping[str, int], targets: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of every group.

    Groups are dealt in a random order, each to the split that lacks most; of several such deals the one
    closest to the targets is taken.

    Args:
        sizes: number of rows of each group, in any order.
        targets: number of rows wanted in each split.
        seed: seed of the orders.

    Raises:
        BgrError: there are fewer groups than splits that want rows.
    """
    wanted = [split for split, target in targets.items() if target > 0]
    if len(sizes) < max(1, len(wanted)):
        raise BgrError(
            f"{len(sizes)} groups for {len(wanted)} splits ({', '.join(wanted)})",
            "at least one group for every split; a group is not divided",
            "more data, a share of 0, or a --group-by that makes smaller groups",
        )
    rng = np.random.default_rng(seed)
    names = sorted(sizes)
    deals = (
        _one_deal([names[i] for i in rng.permutation(len(names))], sizes, wanted, targets)
        for _ in range(max(1, ATTEMPTS // len(names)))
    )
    return min(deals, key=lambda one: one[0])[1]


def _one_deal(
    order: Sequence[str],
    sizes: Mapping[str, int],
    wanted: Sequence[str],
    targets: Mapping[str, float],
) -> tuple[float, dict[str, str]]:
    """How far the worst split is from its target, in rows, and the split of every group."""
    lacking = {split: targets[split] for split in wanted}
    empty = list(wanted)
    dealt = {}
    for left, name in zip(range(len(order), 0, -1), order, strict=True):
        split = max(empty if left == len(empty) else wanted, key=lacking.__getitem__)
        dealt[name] = split
        lacking[split] -= sizes[name]
        if split in empty:
            empty.remove(split)
    return max(map(abs, lacking.values()), default=0.0), dealt
