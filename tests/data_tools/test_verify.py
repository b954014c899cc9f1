"""`verify` names exactly the files that are wrong, and passes a clean folder."""

import html
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bgr.errors import BgrError
from bgr.io.images import ImageArray
from bgr.io.manifest import Row, write_manifest
from data_tools.verify import main

Report = tuple[int, dict[str, list[str]], str]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Report]:
    """Run on a folder; gives the exit status, the files by finding, and the page."""

    def run(folder: Path, *options: str) -> Report:
        report = tmp_path / "report.html"
        arguments = [str(folder), "--report", str(report), "--workers", "1", "--thumbnails", "3"]
        code = main([*arguments, *options])
        found: dict[str, list[str]] = {}
        kind = ""
        for line in capsys.readouterr().out.splitlines()[1:]:
            if line.startswith("  "):
                found[kind].append(line.strip().partition(": ")[0])
            else:
                kind = line.rpartition(" (")[0]
                found[kind] = []
        page = report.read_text(encoding="utf-8")
        for kind, files in found.items():
            assert kind in page
            assert all(html.escape(file) in page for file in files)
        return code, found, page

    return run


def photo(seed: int, height: int = 40, width: int = 32) -> ImageArray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 7, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


def disc(height: int = 40, width: int = 32) -> ImageArray:
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.asarray(np.clip((10 - distance) * 60 + 128, 0, 255), np.uint8)


def save(path: Path, pixels: ImageArray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Four photos with mattes; names with blanks and of other scripts."""
    folder = tmp_path / "data set"
    for seed, name in enumerate(("a", "b", "Zoë 男の人", "d & <e>")):
        suffix = "jpg" if seed == 3 else "png"
        save(folder / "image" / f"{name}.{suffix}", photo(seed))
        save(folder / "alpha" / f"{name}.png", disc())
    return folder


def test_clean_folder_passes(clean: Path, verify: Callable[..., Report]) -> None:
    code, found, page = verify(clean)
    assert (code, found) == (0, {})
    assert "4 samples, 8 files" in page
    assert "data:image/png;base64," in page
    assert "http" not in page


def test_report_lies_in_the_folder_by_default(clean: Path) -> None:
    assert main([str(clean), "--workers", "1", "--thumbnails", "0"]) == 0
    assert (clean / "verify.html").is_file()
    assert not list(clean.glob(".*"))


def test_dry_run_writes_nothing(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(clean), "--dry-run"]) == 0
    assert "4 samples" in capsys.readouterr().out
    assert not (clean / "verify.html").exists()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def replace_by(content: ImageArray) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(content).save(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def dangle(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "truncated photo": ("image/a.png", truncate, "error: cannot be used"),
    "truncated JPEG": ("image/d & <e>.jpg", truncate, "error: cannot be used"),
    "truncated matte": ("alpha/Zoë 男の人.png", truncate, "error: cannot be used"),
    "zero bytes": ("image/b.png", lambda p: p.write_bytes(b""), "error: cannot be used"),
    "no image": ("alpha/d & <e>.png", lambda p: p.write_text("text"), "error: cannot be used"),
    "labels": ("alpha/a.png", replace_by(disc() // 255), "error: cannot be used"),
    "wrong size": ("alpha/a.png", replace_by(disc(20, 16)), "error: sizes differ"),
    "no photo": ("image/a.png", Path.unlink, "error: unpaired"),
    "no matte": ("alpha/a.png", Path.unlink, "error: unpaired"),
    "link to itself": ("image/a.png", loop, "error: cannot be used"),
    "dangling link": ("alpha/a.png", dangle, "error: cannot be used"),
    "empty": ("alpha/a.png", replace_by(disc() * 0), "warning: empty matte"),
    "full": ("alpha/a.png", replace_by(disc() * 0 + 255), "warning: full matte"),
    "faint": ("alpha/a.png", replace_by(disc() // 4), "warning: faint matte"),
    "colour": ("alpha/a.png", replace_by(photo(9)), "warning: matte in colour"),
    "twice": ("image/a.png", replace_by(photo(1)), "warning: duplicate"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault: str, clean: Path, verify: Callable[..., Report]) -> None:
    """The one file with a fault, or the partner of one that is gone, and no other."""
    file, spoil, kind = FAULTS[fault]
    spoil(clean / file)
    if fault.startswith("no ") and not (clean / file).exists():
        file = file.replace("image/", "*").replace("alpha/", "image/").replace("*", "alpha/")
    code, found, _ = verify(clean)
    assert found == {kind: [file]}
    assert code == (1 if kind.startswith("error") else 0)


def test_everything_at_once_is_the_same_for_any_number_of_workers(
    clean: Path, verify: Callable[..., Report]
) -> None:
    truncate(clean / "image" / "a.png")
    (clean / "alpha" / "b.png").unlink()
    save(clean / "image" / "Zoë 男の人.png", photo(0))
    save(clean / "image" / "b.png", photo(0))
    alone = verify(clean, "--workers", "1")
    assert alone == verify(clean, "--workers", "2")
    assert alone[1] == {
        "error: cannot be used": ["image/a.png"],
        "error: unpaired": ["image/b.png"],
        "warning: duplicate": ["image/Zoë 男の人.png"],
    }


def test_links(clean: Path, verify: Callable[..., Report]) -> None:
    """A circle of folders ends; links that a listing passes over are named."""
    (clean / "image" / "again").symlink_to("..")
    (clean / "trimap").symlink_to("gone")
    code, found, _ = verify(clean)
    assert code == 1
    assert found == {"error: broken link": ["trimap"], "warning: link in a circle": ["image/again"]}


def test_two_files_of_one_stem(clean: Path, verify: Callable[..., Report]) -> None:
    save(clean / "image" / "a.webp", photo(8))
    assert verify(clean)[:2] == (1, {"error: two files of one name": ["image/a.webp"]})


def test_formats_that_are_converted_are_noted(clean: Path, verify: Callable[..., Report]) -> None:
    sixteen = np.random.default_rng(5).integers(0, 65536, (40, 32, 3), np.uint16)
    cv2.imwrite(str(clean / "image" / "a.png"), sixteen)
    cv2.imwrite(str(clean / "alpha" / "a.png"), disc().astype(np.uint16) * 257)
    (clean / "image" / "b.png").unlink()
    Image.fromarray(photo(7)).convert("CMYK").save(clean / "image" / "b.jpg")
    code, found, _ = verify(clean)
    assert code == 0
    assert found == {
        "note: 16 bits": ["image/a.png", "alpha/a.png"],
        "note: CMYK": ["image/b.jpg"],
    }


@pytest.mark.parametrize(("value", "kind"), [(255, "full"), (0, "empty")])
def test_mattes_that_are_all_alike(
    value: int, kind: str, clean: Path, verify: Callable[..., Report]
) -> None:
    for path in (clean / "alpha").iterdir():
        save(path, np.full((40, 32), value, np.uint8))
    code, found, _ = verify(clean)
    assert code == 1
    assert found["error: mattes all alike"] == [str(clean)]
    assert len(found[f"warning: {kind} matte"]) == 4


def test_cutouts(tmp_path: Path, verify: Callable[..., Report]) -> None:
    """Cut-outs alone: opaque ones and those without an alpha channel are errors."""
    folder = tmp_path / "cutouts"
    save(folder / "good.png", np.dstack([photo(0), disc()]))
    save(folder / "opaque.png", np.dstack([photo(1), np.full_like(disc(), 255)]))
    save(folder / "plain.png", photo(2))
    code, found, _ = verify(folder)
    assert code == 1
    assert found == {
        "error: cannot be used": ["plain.png"],
        "error: opaque cut-out": ["opaque.png"],
    }


def test_trimaps(clean: Path, verify: Callable[..., Report]) -> None:
    alpha = disc()
    trimap = np.select([alpha == 0, alpha == 255], [0, 255], 128).astype(np.uint8)
    for path in (clean / "alpha").iterdir():
        save(clean / "trimap" / path.name, trimap)
    assert verify(clean)[:2] == (0, {})
    stray, wrong = trimap.copy(), trimap.copy()
    stray[3, 4] = 77
    wrong[20, 16] = 0
    save(clean / "trimap" / "a.png", stray)
    save(clean / "trimap" / "b.png", wrong)
    code, found, page = verify(clean)
    assert code == 1
    assert found == {
        "error: trimap against matte": ["trimap/b.png"],
        "error: trimap values": ["trimap/a.png"],
    }
    assert "has 77" in page


def test_clips_of_foregrounds(tmp_path: Path, verify: Callable[..., Report]) -> None:
    folder = tmp_path / "clips"
    for seed in range(4):
        for key, pixels in (("fgr", photo(seed)), ("pha", disc())):
            save(folder / "train" / key / f"clip{seed // 2}" / f"{seed}.png", pixels)
    assert verify(folder)[:2] == (0, {})
    (folder / "train" / "pha" / "clip1" / "3.png").unlink()
    assert verify(folder)[:2] == (1, {"error: unpaired": ["train/fgr/clip1/3.png"]})


def test_leaks_between_split_folders(clean: Path, verify: Callable[..., Report]) -> None:
    folder = clean.with_name("splits")
    shutil.copytree(clean, folder / "train")
    for seed, name in enumerate("xyz", start=10):
        save(folder / "test" / "image" / f"{name}.png", photo(seed))
        save(folder / "test" / "alpha" / f"{name}.png", np.roll(disc(), seed - 8, 0))
    assert verify(folder)[:2] == (0, {})
    shutil.copy(folder / "train" / "image" / "a.png", folder / "test" / "image" / "x.png")
    near = np.clip(photo(1).astype(int) + 2, 0, 255).astype(np.uint8)
    save(folder / "test" / "image" / "y.png", near)
    save(folder / "train" / "background" / "wall.png", photo(20, 16, 16))
    save(folder / "test" / "background" / "hall.png", photo(20, 16, 16))
    code, found, page = verify(folder)
    assert code == 1
    assert found == {
        "error: picture in two splits": ["train/image/a.png"],
        "warning: alike in two splits": ["test/image/y.png"],
        "warning: background in two splits": ["train/background/wall.png"],
    }
    assert "test/image/x.png (test)" in page
    assert "train/image/b.png (train)" in page


@pytest.fixture
def listed(clean: Path) -> tuple[Path, list[Row]]:
    """A folder with a manifest of two samples for train, one for val and one for test."""
    paths = sorted((clean / "image").iterdir())
    rows: list[Row] = [
        {
            "name": path.stem,
            "group": f"clip{index}",
            "image": f"image/{path.name}",
            "alpha": f"alpha/{path.name}",
        }
        for index, path in enumerate(paths)
    ]
    return clean, rows


def test_manifest(listed: tuple[Path, list[Row]], verify: Callable[..., Report]) -> None:
    folder, rows = listed
    splits = {"train": 2, "val": 1, "test": 1}
    for row in rows:  # one file may serve many samples of a split
        row["alpha"] = "alpha/a.png"
    write_manifest(folder, {}, rows, {"train": 4, "val": 0, "test": 0})
    assert verify(folder)[:2] == (0, {})
    rows[2]["group"] = "clip1"
    rows[3]["image"] = "image/gone.png"
    rows[3]["alpha"] = "alpha/b.png"
    write_manifest(folder, {}, rows, splits)
    code, found, page = verify(folder)
    assert code == 1
    assert found == {
        "error: cannot be used": ["image/gone.png"],
        "error: group in two splits": [rows[1]["image"]],
        "warning: alpha in two splits": ["alpha/a.png"],
    }
    assert "group clip1" in page


def test_manifest_groups_by_name(
    listed: tuple[Path, list[Row]], verify: Callable[..., Report]
) -> None:
    """Groups that `split --group-by` went by must not be divided either."""
    folder, rows = listed
    for index, row in enumerate(rows):
        row["name"] = f"{'anna' if index in (0, 3) else index}_{index}"
    mattes = [{key: value for key, value in row.items() if key != "alpha"} for row in rows]
    header = {"split": {"group_by": "^(.+)_"}}
    write_manifest(folder, header, mattes, {"train": 2, "val": 1, "test": 1})
    code, found, _ = verify(folder)
    assert code == 1
    assert found == {"error: group in two splits": [rows[0]["image"]]}


def test_pairs_of_resolutions(tmp_path: Path, verify: Callable[..., Report]) -> None:
    folder = tmp_path / "pairs"
    for seed in range(2):
        save(folder / "high_res" / f"{seed}.png", photo(seed, 48, 64))
        save(folder / "low_res" / f"{seed}.png", photo(seed, 24, 32))
    assert verify(folder)[:2] == (0, {})
    save(folder / "low_res" / "1.png", photo(1, 48, 64))
    assert verify(folder)[:2] == (1, {"error: sizes differ": ["low_res/1.png"]})


def test_manifest_of_cutouts(tmp_path: Path, verify: Callable[..., Report]) -> None:
    """A foreground without a matte carries it; a photo alone needs none."""
    save(tmp_path / "data" / "cut.png", np.dstack([photo(0), disc()]))
    save(tmp_path / "data" / "plain.png", photo(1))
    rows: list[Row] = [
        {"name": "cut", "foreground": "cut.png"},
        {"name": "a", "image": "plain.png"},
    ]
    write_manifest(tmp_path / "data", {}, rows)
    assert verify(tmp_path / "data")[:2] == (0, {})
    rows += [{"name": "b", "foreground": "plain.png"}, {"name": "c"}]
    write_manifest(tmp_path / "data", {}, rows)
    code, found, page = verify(tmp_path / "data")
    assert code == 1
    assert found == {
        "error: cannot be used": ["plain.png"],
        "error: row without files": ["manifest.jsonl"],
    }
    assert "sample c names none" in page


def test_one_half_of_the_layout(clean: Path, verify: Callable[..., Report]) -> None:
    (clean / "alpha").rename(clean.parent / "alpha")
    assert verify(clean)[:2] == (0, {"warning: no mattes": [str(clean)]})
    (clean / "image").rename(clean / "pha")
    code, found, _ = verify(clean)
    assert code == 1
    assert found["error: no pictures"] == [str(clean)]


def test_file_name_that_is_no_text(clean: Path, verify: Callable[..., Report]) -> None:
    os.rename(clean / "alpha" / "a.png", os.fsencode(clean / "alpha") + b"/\xff.png")
    code, found, _ = verify(clean)
    assert code == 1
    assert found == {"error: unpaired": ["image/a.png", "alpha/\\udcff.png"]}


def test_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(BgrError, match="no samples"):
        main([str(tmp_path)])
    with pytest.raises(BgrError, match="no folder"):
        main([str(tmp_path / "gone")])


@pytest.mark.real
def test_real_portraits_pass(real_data: Path, verify: Callable[..., Report]) -> None:
    code, found, page = verify(real_data / "portraits")
    assert code == 0
    assert not [kind for kind in found if kind.startswith("error")]
    assert "34 samples, 68 files" in page


def test_a_pool_of_backgrounds_is_no_data_set_of_cutouts(
    verify: Callable[..., Report], tmp_path: Path
) -> None:
    for number in range(3):
        save(tmp_path / "rooms" / f"{number}.jpg", photo(number))
    code, found, page = verify(tmp_path / "rooms")
    assert (code, found) == (0, {})
    assert "3 background" in page
