"""Items of work, what became of them, and the file that remembers it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from bgr.errors import BgrError
from bgr.io.files import write_text
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
        if self.path.is_file():
            text = self.path.read_text(encoding="utf-8")
            complete = text[
                : text.rfind("\n") + 1
            ].splitlines()  # a kill can cut the last line short
            self.lines = [json.loads(line) for line in complete]
            if len(complete) < len(text.splitlines()):
                write_text(self.path, "".join(f"{line}\n" for line in complete))
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

    def finished(self, items: Sequence[Item]) -> dict[str, Row]:
        """Entries of the items that are done and whose inputs have not changed since."""
        entries = {line["name"]: line for line in self.lines}
        same = {}
        for item in items:
            entry = entries.get(item.name)
            if entry is not None and _stamps(item) == {k: v[1] for k, v in entry["inputs"].items()}:
                same[item.name] = entry
        self.before = len(same)
        return same

    def __enter__(self) -> "Journal":
        new = not self.path.is_file()
        self.file = open(self.path, "a", encoding="utf-8")
        if new:
            self._write(self.header)
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
        self._write(entry)
        return entry

    def _write(self, line: Row) -> None:
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
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
