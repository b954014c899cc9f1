"""Manifests: read in place, shared, and damage is named."""

import pickle
from pathlib import Path

import pytest

from bgr.errors import BgrError
from bgr.io.manifest import Manifest, write_manifest

ROWS = [{"name": f"s{i}", "image": f"image/ü {i}\n.png"} for i in range(10)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_manifest(tmp_path, {"tool": "test"}, ROWS, {"train": 7, "val": 0, "test": 3})
    return tmp_path


def test_rows_come_back_whole_and_by_split(folder: Path) -> None:
    manifest = Manifest(folder)
    assert list(manifest) == ROWS
    assert manifest[2:4] == ROWS[2:4]
    assert list(manifest.split("test")) == ROWS[7:]
    assert manifest.split("train")[-1] == ROWS[6]
    assert not len(manifest.split("val"))
    with pytest.raises(IndexError):
        manifest.split("train")[7]
    with pytest.raises(BgrError, match=r"no split 'extra'"):
        manifest.split("extra")


def test_a_worker_receives_the_path_and_not_the_rows(folder: Path) -> None:
    many = ({"name": f"{i:060d}"} for i in range(20_000))
    write_manifest(folder, {}, many, {"train": 20_000})
    part = Manifest(folder).split("train")
    sent = pickle.dumps(part)
    assert len(sent) < 1000
    assert pickle.loads(sent)[19_999] == part[19_999]


@pytest.mark.parametrize("damage", [b"", b"\n", b'{"tool": 1}\n{"na', b"hello\n"])
def test_damage_is_named(folder: Path, damage: bytes) -> None:
    (folder / "manifest.jsonl").write_bytes(damage)
    with pytest.raises(BgrError, match=r"cannot read manifest .*manifest\.jsonl"):
        Manifest(folder)


def test_a_damaged_line_and_a_missing_file_are_named(folder: Path) -> None:
    path = folder / "manifest.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"s3"', b's3"'))
    with pytest.raises(BgrError, match="line 5"):
        list(Manifest(folder))
    path.unlink()
    with pytest.raises(BgrError, match=r"no manifest\.jsonl in (.|\n)*started again"):
        Manifest(folder)
