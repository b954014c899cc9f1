"""Lists of samples as files: one JSON object a line, read in place.

The first line is the header: what wrote the list, and where its splits are. Every other line is a
sample: its name, its group (such as the clip; a group lies in one split), and its files relative to the
manifest's folder, keyed as in `Batch`.
"""

import json
import mmap
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bgr.errors import BgrError
from bgr.io.files import atomic_write
from bgr.io.lazy import LazySequence

NAME = "manifest.jsonl"

Row = dict[str, Any]


class Manifest(LazySequence[Row]):
    """Samples of a manifest, parsed one at a time from the mapped file.

    Only the position of every line is held in memory, eight bytes a sample; the lines themselves are
    the system's file cache, which all loader processes share.

    Args:
        path: the file, or the folder that holds `manifest.jsonl`.

    Raises:
        BgrError: there is none, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / NAME if path.is_dir() else path
        self._open()
        self.rows = range(len(self.starts) - 2)

    def _open(self) -> None:
        try:
            with open(self.path, "rb") as file:
                self.lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise BgrError(
                f"no {NAME} in {self.path.parent}",
                "a folder that `python -m data_tools` wrote and finished",
                "check data.root; a tool that was stopped goes on when it is started again",
            ) from error
        except (OSError, ValueError) as error:  # mmap refuses an empty file with a ValueError
            raise self._damaged(str(error)) from error
        characters = np.frombuffer(self.lines, np.uint8)
        if characters[-1] != ord("\n"):
            raise self._damaged("its last line is cut short")
        block = 1 << 20  # small temporaries, whatever the file's size
        ends = [
            first + np.flatnonzero(characters[first : first + block] == ord("\n"))
            for first in range(0, len(characters), block)
        ]
        self.starts = np.concatenate([[0], *(end + 1 for end in ends)])
        try:
            self.header: Row = json.loads(self.lines[: self.starts[1]])
            ends = [stop for _, stop in self.header.get("splits", {}).values()]
        except (ValueError, TypeError, AttributeError) as error:
            raise self._damaged(str(error)) from error
        if max(ends, default=0) > len(self.starts) - 2:
            raise self._damaged("lines are missing at its end")

    def _damaged(self, reason: str) -> BgrError:
        return BgrError(
            f"cannot read manifest {self.path}: {reason}",
            "a file that `python -m data_tools` wrote",
            "run the tool that wrote it again",
        )

    def split(self, name: str) -> "Manifest":
        """The samples of a split.

        Raises:
            BgrError: the manifest has no such split.
        """
        splits = self.header.get("splits", {})
        if name not in splits:
            raise BgrError(
                f"manifest {self.path} has no split {name!r}",
                "a manifest with train, val and test",
                f"python -m data_tools split {self.path.parent}",
            )
        part = Manifest.__new__(Manifest)
        part.__dict__.update(self.__dict__)
        part.rows = range(*splits[name])
        return part

    def file(self, row: Row, *keys: str) -> Path:
        """File of a row under the first of some keys that it has.

        Raises:
            BgrError: it has none of them.
        """
        for key in keys:
            if key in row:
                return self.path.parent / str(row[key])
        raise BgrError(
            f"sample {row.get('name')!r} of {self.path} has no {' or '.join(keys)}",
            "a manifest of the kind that this data set reads",
            "choose another data=, or make the folder with the tool that docs/datasets.md names",
        )

    def __len__(self) -> int:
        return len(self.rows)

    def make(self, index: int) -> Row:
        line = self.rows[index] + 1
        try:
            row: Row = json.loads(self.lines[self.starts[line] : self.starts[line + 1]])
        except ValueError as error:
            raise self._damaged(f"line {line + 1}: {error}") from error
        return row

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "rows": self.rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._open()
        self.rows = state["rows"]


def write_manifest(
    folder: Path, header: Row, rows: Iterable[Row], splits: Mapping[str, int] | None = None
) -> None:
    """Write `manifest.jsonl` atomically.

    Args:
        folder: where it goes; the rows' files are relative to it.
        header: what wrote the list.
        rows: the samples, those of a split next to each other.
        splits: number of rows of each split, in their order.

    Raises:
        BgrError: the folder cannot be written.
    """
    if splits is not None:
        ends = np.cumsum([0, *splits.values()]).tolist()
        header = {**header, "splits": dict(zip(splits, pairwise(ends), strict=True))}
    with atomic_write(folder / NAME) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for line in (header, *rows):
            file.write(json.dumps(line) + "\n")
