"""Items of work, what became of them, and the file that remembers it."""

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from bgr.errors import BgrError
from bgr.io.manifest import NAME, Row

FILE = ".journal.jsonl"


@dataclass(frozen=True)
class Item:
    """One unit of work.

    Attributes:
        name: unique among a tool's items; names the item in messages and in the journal.
        inputs: files it is made from; their hashes go into the manifest.
        details: anything else that the function needs, picklable.
    """

    name: str
    inputs: tuple[Path, ...]
    details: Any = None


class Result(NamedTuple):
    """What became of an item; exactly one of `rows`, `rejected` and `error` says it.

    Attributes:
        name: the item.
        rows: samples made from it, as a manifest holds them.
        rejected: why it gave none.
        error: what is wrong with its files.
        inputs: SHA-256 and (size, modification time) of every input file.
    """

    name: str
    rows: list[Row] | None = None
    rejected: str | None = None
    error: str | None = None
    inputs: dict[str, tuple[str, list[int]]] | None = None


class Journal:
    """The finished items of an output folder, one line each, appended as they finish.

    Args:
        output: the folder.
        header: tool, options and versions; a folder made with others is refused.

    Raises:
        BgrError: the folder holds the results of another tool or of other options.
    """

    def __init__(self, output: Path, header: Row) -> None:
        self.output = output
        self.path = output / FILE
        self.header = header
        self.before = 0
        self.lines: list[Row] = []
        self.torn = False
        if self.path.is_file():
            written = self.path.read_bytes()
            complete, _, rest = written.rpartition(b"\n")
            self.torn = bool(rest)  # a kill can cut the last line short
            self.lines = [json.loads(line) for line in complete.split(b"\n") if line]
        self.new = not self.lines
        if self.lines:
            self._check(self.lines.pop(0))
        elif (output / NAME).is_file():
            raise BgrError(
                f"{output} already holds a {NAME}", "a new folder", "choose another output"
            )

    def _check(self, old: Row) -> None:
        new = self.header
        if old["tool"] != new["tool"] or old["arguments"] != new["arguments"]:
            keys = sorted({*old["arguments"], *new["arguments"]})
            changed = [
                f"{key} was {old['arguments'].get(key)}, now {new['arguments'].get(key)}"
                for key in keys
                if old["arguments"].get(key) != new["arguments"].get(key)
            ]
            raise BgrError(
                f"{self.output} holds results of {old['tool']}: {'; '.join(changed) or 'another tool'}",
                "the same options as before, to go on",
                "choose another output folder, or remove this one",
            )
        if old["versions"] != new["versions"]:
            new["versions_before"] = old["versions"]

    def finished(self, items: Sequence[Item]) -> dict[str, Row]:
        """Entries of the items that are done and whose inputs have not changed since."""
        entries = {line["name"]: line for line in self.lines}
        same = {}
        for item in items:
            entry = entries.get(item.name)
            if entry is not None and self._holds(entry, item):
                same[item.name] = entry
        self.before = len(same)
        return same

    def _holds(self, entry: Row, item: Item) -> bool:
        """Whether an entry is still true: same inputs, and the files that were made are there."""
        made = (
            self.output / value
            for row in entry["rows"] or ()
            for key, value in row.items()
            if isinstance(value, str) and key not in ("name", "group")
        )
        same = _stamps(item) == {k: v[1] for k, v in entry["inputs"].items()}
        return same and all(file.is_file() for file in made)

    def __enter__(self) -> "Journal":
        self.file = open(self.path, "a", encoding="utf-8")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.file.close()
            raise BgrError(
                f"another run works on {self.output}", "one at a time", "wait for it, or stop it"
            ) from error
        if self.torn:
            os.truncate(self.path, self.path.read_bytes().rfind(b"\n") + 1)
        return self

    def __exit__(self, *error: Any) -> None:
        self.file.close()

    def add(self, result: Result) -> Row:
        """Note a finished item; returns its entry."""
        entry = {
            "name": result.name,
            "rows": result.rows,
            "rejected": result.rejected,
            "inputs": result.inputs,
        }
        if self.new:  # only now, so that a typo in a first call does not claim the folder
            self._write(self.header)
            self.new = False
        self._write(entry)
        return entry

    def _write(self, line: Row) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def sha256(path: Path) -> str:
    """Hash of a file's contents; a video of many items is read once."""
    return _sha256(path, *stamp(path))


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> list[int]:
    """Size and modification time (ns) of a file."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _stamps(item: Item) -> dict[str, list[int]]:
    return {str(p): stamp(p) for p in item.inputs if p.exists()}
