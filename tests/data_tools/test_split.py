"""`split` divides samples by groups, the same way every time."""

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest

from bgr.errors import BgrError
from bgr.io.images import write_image
from bgr.io.manifest import NAME, Manifest, Row, write_manifest
from data_tools.split import SPLITS, deal, main

SIZES = [7, 1, 4, 12, 3, 3, 9, 2, 5, 5, 8, 1, 6, 10, 4, 2, 11, 3, 5, 4]


def clips(sizes: list[int] = SIZES) -> list[Row]:
    return [
        {"name": f"subject{clip // 2}_clip{clip}_{frame:03d}", "group": f"clip{clip}", "é": frame}
        for clip, size in enumerate(sizes)
        for frame in range(size)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_manifest(tmp_path, {"tool": "x", "arguments": {"size": "64"}}, clips())
    return tmp_path


def parts(folder: Path) -> dict[str, list[Row]]:
    manifest = Manifest(folder)
    return {split: list(manifest.split(split)) for split in SPLITS}


def groups(rows: list[Row], key: int = 1) -> set[str]:
    return {row["name"].split("_")[key] for row in rows}


def assert_a_partition(split: dict[str, list[Row]], key: int = 1) -> None:
    """Every row in exactly one split, and no group in two."""
    names = [row["name"] for rows in split.values() for row in rows]
    assert sorted(names) == sorted(row["name"] for row in clips())
    for one, other in itertools.combinations(split.values(), 2):
        assert not groups(one, key) & groups(other, key)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.9, 0, 0.1), (0, 0, 1)])
def test_shares(folder: Path, shares: tuple[float, ...], seed: int) -> None:
    main([str(folder), "--seed", str(seed), "--shares", *map(str, shares)])
    split = parts(folder)
    assert_a_partition(split)
    for share, rows in zip(shares, split.values(), strict=True):
        assert abs(len(rows) - share * sum(SIZES)) <= max(SIZES)
        assert bool(rows) == bool(share)


def test_few_large_groups_are_dealt_closely() -> None:
    """70, 15 and 15 can be met exactly, though most orders of these groups miss it."""
    sizes = dict(zip("abcdefg", (40, 20, 10, 10, 5, 10, 5), strict=True))
    for seed in range(3):
        dealt = deal(sizes, {"train": 70, "val": 15, "test": 15}, seed)
        held = {s: sum(n for g, n in sizes.items() if dealt[g] == s) for s in SPLITS}
        assert held == {"train": 70, "val": 15, "test": 15}


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [((80, 15, 10), (80, 15, 10)), ((-1, 20, 20), (65, 20, 20)), ((60, 45, 0), (60, 45, 0))],
)
def test_counts(folder: Path, counts: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    assert sum(SIZES) == 105
    main([str(folder), "--counts", *map(str, counts)])
    split = parts(folder)
    assert_a_partition(split)
    for count, rows in zip(wanted, split.values(), strict=True):
        assert abs(len(rows) - count) <= max(SIZES)
        assert bool(rows) == bool(count)


def test_counts_are_exact_for_single_photos(tmp_path: Path) -> None:
    rows: list[Row] = [{"name": f"{i}", "group": f"{i}"} for i in range(50)]
    write_manifest(tmp_path, {}, rows)
    main([str(tmp_path), "--counts", "-1", "7", "5"])
    assert [len(rows) for rows in parts(tmp_path).values()] == [38, 7, 5]


def test_same_options_same_bytes(folder: Path) -> None:
    runs: list[list[str]] = [[], ["--seed", "0"], ["--seed", "1"], ["--seed", "0"]]
    written = []
    for options in runs:
        main([str(folder), *options])
        written.append((folder / NAME).read_bytes())
    assert written[0] == written[1] == written[3]
    assert written[0] != written[2]


def test_order_of_the_rows_does_not_matter(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    main([str(folder)])
    other = tmp_path_factory.mktemp("shuffled")
    rows = clips()
    random.Random(3).shuffle(rows)
    write_manifest(other, {"tool": "x", "arguments": {"size": "64"}}, rows)
    main([str(other)])
    assert (other / NAME).read_bytes() == (folder / NAME).read_bytes()


def test_header_keeps_what_it_held(folder: Path) -> None:
    main([str(folder), "--seed", "4"])
    header = Manifest(folder).header
    assert (header["tool"], header["arguments"]) == ("x", {"size": "64"})
    assert header["split"] == {"seed": 4, "shares": [0.8, 0.1, 0.1], "group_by": None}
    assert {row["é"] for row in Manifest(folder)} == set(range(max(SIZES)))


def test_groups_by_name(folder: Path) -> None:
    main([str(folder), "--group-by", "^(subject[0-9]+)_", "--shares", "0.6", "0.2", "0.2"])
    assert_a_partition(parts(folder), key=0)
    assert Manifest(folder).header["split"]["group_by"] == "^(subject[0-9]+)_"


def test_counts_are_printed_and_a_dry_run_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / NAME).read_bytes()
    main([str(folder), "--dry-run"])
    assert (folder / NAME).read_bytes() == before
    main([str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == lines[3:]
    for line, (split, rows) in zip(lines, parts(folder).items(), strict=False):
        assert line.split()[:5:2] == [split, "samples", "groups"]
        assert line.split()[1:4:2] == [str(len(rows)), str(len(groups(rows)))]


def test_own_photos_get_a_manifest(tmp_path: Path) -> None:
    for key in ("image", "mask"):
        (tmp_path / key).mkdir()
        for name in (f"{who} {n}" for who in ("Zoë", "Bo", "Al") for n in range(3)):
            write_image(tmp_path / key / f"{name}.png", np.zeros((4, 4), np.uint8))
    main([str(tmp_path), "--group-by", r"^(\w+) "])
    first = (tmp_path / NAME).read_bytes()
    split = parts(tmp_path)
    assert [len(rows) for rows in split.values()] == [3, 3, 3]
    assert all(len({row["name"].split()[0] for row in rows}) == 1 for rows in split.values())
    row = split["train"][0]
    assert row["group"] == row["name"]
    assert (row["image"], row["alpha"]) == (f"image/{row['name']}.png", f"mask/{row['name']}.png")
    main([str(tmp_path), "--group-by", r"^(\w+) "])
    assert (tmp_path / NAME).read_bytes() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shares", "0.5", "0.1", "0.1"], "sum to 1"),
        (["--shares", "1.5", "-0.5", "0"], "sum to 1"),
        (["--counts", "100", "1", "1"], "add up"),
        (["--counts", "-1", "-1", "5"], "add up"),
        (["--counts", "-1", "100", "50"], "add up"),
        (["--group-by", "clip"], "0 groups"),
        (["--group-by", "(clip)("], "regular expression"),
        (["--group-by", "clip(1)_"], "does not fit"),
        (["--group-by", "(subject)"], "1 groups for 3 splits"),
    ],
)
def test_what_cannot_be_done_is_refused(folder: Path, options: list[str], message: str) -> None:
    before = (folder / NAME).read_bytes()
    with pytest.raises(BgrError, match=message):
        main([str(folder), *options])
    assert (folder / NAME).read_bytes() == before


def test_folders_that_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(BgrError, match="neither"):
        main([str(tmp_path)])
    write_manifest(tmp_path, {}, [])
    with pytest.raises(BgrError, match="0 groups"):
        main([str(tmp_path)])
    write_manifest(tmp_path, {}, [{"name": "a"}])
    with pytest.raises(BgrError, match="--group-by"):
        main([str(tmp_path)])
    lines = [json.dumps({}), json.dumps({"name": "a", "group": "a"}), "{"]
    (tmp_path / NAME).write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(BgrError, match="line 3"):
        main([str(tmp_path)])
