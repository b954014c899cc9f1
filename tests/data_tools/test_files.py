"""Tools that turn files into other files: sr_pairs, extract_frames, composite, unpack."""

import io
import os
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bgr.data.folder import FolderDataset
from bgr.data.greenscreen import GreenscreenDataset
from bgr.data.super_resolution import SuperResolutionDataset
from bgr.data.videomatte240k import Videomatte240kDataset
from bgr.errors import BgrError
from bgr.io.manifest import Manifest
from bgr.io.video import Clip
from data_tools.composite import main as composite
from data_tools.extract_frames import main as extract_frames
from data_tools.split import main as split
from data_tools.sr_pairs import main as sr_pairs
from data_tools.unpack import main as unpack
from tests.data.layouts import save


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def film(path: Path, frames: int, size: tuple[int, int] = (96, 128)) -> Path:
    """A video whose frame n is grey of value 8 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, size[::-1])
    for number in range(frames):
        writer.write(np.full((*size, 3), min(8 * number, 255), np.uint8))
    writer.release()
    return path


def test_low_resolution_is_the_bilinear_half_of_a_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        photo = cv2.resize(rng.integers(0, 256, (20, 30, 3), np.uint8), (150, 100))
        save(tmp_path / "frames" / f"{number}.png", photo)
    common = [str(tmp_path / "frames"), "--size", "64", "80", "--workers", "1"]
    sr_pairs([*common, str(tmp_path / "crop")])
    sr_pairs([*common, str(tmp_path / "scale"), "--method", "scale"])
    sr_pairs([*common, str(tmp_path / "seed"), "--seed", "1"])
    for number in range(4):
        source = pixels(tmp_path / "frames" / f"{number}.png")
        high = pixels(tmp_path / "crop" / "high_res" / f"{number}.png")
        low = pixels(tmp_path / "crop" / "low_res" / f"{number}.png")
        assert high.shape == (64, 80, 3)
        windows = np.lib.stride_tricks.sliding_window_view(source, high.shape)
        assert (windows == high).all(axis=(3, 4, 5)).any()
        half = Image.fromarray(high).resize((40, 32), Image.Resampling.BILINEAR)
        assert (low == np.asarray(half)).all()
        assert pixels(tmp_path / "scale" / "high_res" / f"{number}.png").shape == (64, 80, 3)
    crops, others = (
        [(tmp_path / k / "high_res" / f"{n}.png").read_bytes() for n in range(4)]
        for k in ("crop", "seed")
    )
    assert crops != others
    split([str(tmp_path / "crop"), "--shares", "0.5", "0.25", "0.25", "--group-by", r"(\d)"])
    needs = ("low_res", "high_res")
    dataset = SuperResolutionDataset(str(tmp_path / "crop"), "train", (64, 80), needs=needs)
    assert {f.parent.name for f in dataset.files()} == {"high_res"}


def test_every_nth_frame_is_the_one_that_was_filmed(tmp_path: Path) -> None:
    film(tmp_path / "clips" / "a.mp4", 31)
    film(tmp_path / "clips" / "b.mp4", 16)
    out = tmp_path / "out"
    extract_frames([str(tmp_path / "clips"), str(out), "--size", "48", "48", "--workers", "1"])
    names = sorted(p.name for p in (out / "image").iterdir())
    assert names == ["a_00000.jpg", "a_00015.jpg", "a_00030.jpg", "b_00000.jpg", "b_00015.jpg"]
    for name in names:
        frame = pixels(out / "image" / name)
        assert frame.shape == (48, 48, 3)
        assert abs(float(frame.mean()) - 8 * int(name[2:7])) < 4
    assert [row["group"] for row in Manifest(out)] == ["a"] * 3 + ["b"] * 2


def test_covering_cuts_and_stretching_does_not(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 2)
    picture = np.zeros((96, 128, 3), np.uint8)
    cv2.circle(picture, (64, 48), 40, (255, 255, 255), -1)
    writer = cv2.VideoWriter(
        str(tmp_path / "a.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (128, 96)
    )
    for _ in range(2):
        writer.write(picture)
    writer.release()
    shapes = {}
    for fit in ("cover", "stretch"):
        out = tmp_path / fit
        extract_frames([str(tmp_path / "a.mp4"), str(out), "--size", "96", "64", "--fit", fit])
        white = pixels(out / "image" / "a_00000.jpg")[..., 0] > 127
        shapes[fit] = (int(white.any(axis=0).sum()), int(white.any(axis=1).sum()))
    assert shapes["cover"] == pytest.approx((64, 81), abs=2)  # cut at the sides, still round
    assert shapes["stretch"] == pytest.approx((40, 81), abs=2)


def test_clips_and_mattes_become_aligned_pairs(tmp_path: Path) -> None:
    for clip in ("0000", "0001", "0002"):
        film(tmp_path / "fgr" / f"{clip}.mp4", 20)
        film(tmp_path / "pha" / f"{clip}.mp4", 20)
    out = tmp_path / "out"
    extract_frames(
        [str(tmp_path / "fgr"), str(out), "--mattes", str(tmp_path / "pha"), "--every", "5",
         "--workers", "2"]
    )  # fmt: skip
    split([str(out), "--shares", "0.34", "0.33", "0.33"])
    for row in Manifest(out):
        number = int(row["name"].rpartition("_")[2])
        shown = {k: float(pixels(out / row[k]).mean()) for k in ("foreground", "alpha")}
        assert abs(shown["foreground"] - 8 * number) < 4
        assert abs(shown["alpha"] - max(0, (8 * number - 5) * 255 / 245)) < 4  # full range again
        assert pixels(out / row["alpha"]).ndim == 2
    parts = [Videomatte240kDataset(str(out), s, (32, 32)) for s in ("train", "val", "test")]
    assert [len(part) for part in parts] == [4, 4, 4]


def test_clips_of_other_length_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    film(tmp_path / "fgr" / "a.mp4", 20)
    film(tmp_path / "pha" / "a.mp4", 17)
    film(tmp_path / "fgr" / "b.mp4", 8)
    film(tmp_path / "pha" / "b.mp4", 8)
    arguments = [str(tmp_path / "fgr"), str(tmp_path / "out"), "--mattes", str(tmp_path / "pha")]
    with pytest.raises(BgrError, match=r"a\.mp4 has 20 frames, .*a\.mp4 has 17"):
        extract_frames([*arguments, "--every", "4", "--workers", "1"])
    extract_frames([*arguments, "--every", "4", "--workers", "1", "--on-error", "skip"])
    assert [row["name"] for row in Manifest(tmp_path / "out")] == ["b_00000", "b_00004"]
    assert not list((tmp_path / "out").rglob("a_*"))
    (tmp_path / "pha" / "b.mp4").unlink()
    with pytest.raises(BgrError, match=r"1 of 2 videos have no mattes: b\.mp4"):
        extract_frames(arguments)


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", 60)
    whole.write_bytes(whole.read_bytes()[:600])
    with pytest.raises(BgrError, match=r"a\.mp4"):
        extract_frames([str(whole), str(tmp_path / "out")])
    whole.write_bytes(b"")
    with pytest.raises(BgrError, match=r"cannot read .*a\.mp4"):
        Clip(whole)


def test_frames_are_the_same_in_any_order(tmp_path: Path) -> None:
    clip = Clip(film(tmp_path / "a.mp4", 45))
    in_order = dict(clip.every())
    assert len(in_order) == 45
    for index in (44, 3, 4, 30, 0, 21):
        assert (clip.frame(index) == in_order[index]).all()
    with pytest.raises(BgrError, match="cannot decode frame 45"):
        clip.frame(45)


@pytest.mark.real
def test_real_clips(tmp_path: Path, real_data: Path) -> None:
    source = real_data / "video" / "sam2_05_default_juggle.mp4"
    extract_frames([str(source), str(tmp_path), "--every", "60", "--size", "240", "320"])
    sizes = {pixels(p).shape for p in (tmp_path / "image").iterdir()}
    assert sizes == {(240, 320, 3)}
    assert len(Manifest(tmp_path)) == 5


def test_triples_are_exact_composites_split_by_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(8):
        colours = rng.integers(0, 256, (40, 30, 3), np.uint8)
        alpha = cv2.resize(rng.integers(0, 256, (4, 3), np.uint8), (30, 40))
        save(tmp_path / "people" / f"{number}.png", np.dstack([colours, alpha]))
    for number in range(3):
        save(tmp_path / "rooms" / f"{number}.png", rng.integers(0, 256, (50, 90, 3), np.uint8))
    people, rooms = str(tmp_path / "people"), str(tmp_path / "rooms")
    out = tmp_path / "out"
    composite([people, rooms, str(out), "--workers", "1"])
    manifest = Manifest(out)
    assert [len(manifest.split(s)) for s in ("train", "val", "test")] == [6, 1, 1]
    behind = set()
    for row in manifest:
        name = Path(row["image"]).name
        assert {Path(row[k]).name for k in ("alpha", "captured_background")} == {name}
        cutout = pixels(tmp_path / "people" / name).astype(float)
        a, room = cutout[..., 3:] / 255, pixels(out / row["captured_background"]).astype(float)
        expected = a * cutout[..., :3] + (1 - a) * room
        assert np.abs(pixels(out / row["image"]) - expected).max() <= 0.5 + 1e-4
        assert (pixels(out / row["alpha"]) == cutout[..., 3]).all()
        behind.add(room.tobytes())
    assert len(behind) > 1
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    composite([people, rooms, str(out), "--workers", "1"])
    assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    needs = ("image", "alpha", "captured_background")
    dataset = FolderDataset(str(out), "train", (40, 30), needs=needs)
    item = dataset[0]
    picture = pixels(out / manifest[0]["captured_background"])
    assert (item["captured_background"].numpy().transpose(1, 2, 0) == picture).all()


def test_people_of_a_keyed_folder_keep_their_groups(tmp_path: Path) -> None:
    for clip in ("a", "b", "c"):
        film(tmp_path / "fgr" / f"{clip}.mp4", 9)
        film(tmp_path / "pha" / f"{clip}.mp4", 9)
    extract_frames([str(tmp_path / "fgr"), str(tmp_path / "pairs"), "--mattes",
                    str(tmp_path / "pha"), "--every", "3", "--workers", "1"])  # fmt: skip
    save(tmp_path / "rooms" / "0.png", np.zeros((20, 20, 3), np.uint8))
    out = tmp_path / "out"
    composite([str(tmp_path / "pairs"), str(tmp_path / "rooms"), str(out), "--workers", "1"])
    manifest = Manifest(out)
    groups = [{row["group"] for row in manifest.split(s)} for s in ("train", "val", "test")]
    assert sorted(len(g) for g in groups) == [1, 1, 1]
    assert len(set.union(*groups)) == 3
    split([str(tmp_path / "pairs"), "--shares", "0.34", "0.33", "0.33"])
    assert len(GreenscreenDataset(str(tmp_path / "pairs"), "val", (32, 32))) == 3


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("make", "suffix"), [(make_zip, ".zip"), (make_tar, ".tar.gz")])
def test_archives_are_unpacked_once(
    make: object, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = {"ä b/1.txt": b"one", "2.txt": b"two"}
    archive = make(tmp_path / f"set.v1{suffix}", members)  # type: ignore[operator]
    unpack([str(archive), str(tmp_path / "out")])
    assert (tmp_path / "out/set.v1/ä b/1.txt").read_bytes() == b"one"
    assert "2 members" in capsys.readouterr().out
    unpack([str(archive), str(tmp_path / "out")])
    assert "is there already" in capsys.readouterr().out


@pytest.mark.parametrize(("make", "suffix"), [(make_zip, ".zip"), (make_tar, ".tar.gz")])
@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/{}/evil.txt"])
def test_members_outside_the_folder_are_refused(
    make: object, suffix: str, name: str, tmp_path: Path
) -> None:
    inside = tmp_path / "deep" / "out"
    members = {"good.txt": b"1", name.format(tmp_path): b"2"}
    archive = make(tmp_path / f"bad{suffix}", members)  # type: ignore[operator]
    if suffix == ".tar.gz" and name.startswith("/"):
        unpack([str(archive), str(inside)])  # tar's own rule: the leading slash is dropped
        assert (inside / "bad" / name.format(tmp_path).lstrip("/")).is_file()
    else:
        with pytest.raises(BgrError, match=r"cannot unpack .*bad(.|\n)*do not trust"):
            unpack([str(archive), str(inside)])
        assert not list(inside.iterdir())
    assert not (tmp_path / "evil.txt").exists()
    assert not (tmp_path / "deep" / "evil.txt").exists()


def test_links_out_of_a_tar_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as file:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../secret"
        file.addfile(entry)
    with pytest.raises(BgrError, match="cannot unpack"):
        unpack([str(tmp_path / "bad.tar"), str(tmp_path / "out")])
    assert not os.listdir(tmp_path / "out")


@pytest.mark.parametrize(("make", "suffix"), [(make_zip, ".zip"), (make_tar, ".tar.gz")])
def test_a_truncated_archive_leaves_nothing(make: object, suffix: str, tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(100_000)
    archive: Path = make(tmp_path / f"set{suffix}", {"a.bin": content})  # type: ignore[operator]
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises(BgrError, match=r"cannot unpack .*set"):
        unpack([str(archive), str(tmp_path / "out")])
    assert not os.listdir(tmp_path / "out")
    with pytest.raises(BgrError, match="no file"):
        unpack([str(tmp_path / "gone.zip"), str(tmp_path / "out")])


def test_a_flipped_byte_and_a_cut_are_noticed(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(50_000)
    zipped = make_tar(tmp_path / "set.tar.gz", {"a.bin": content})
    damaged = bytearray(zipped.read_bytes())
    damaged[20_000] ^= 1
    zipped.write_bytes(bytes(damaged))
    plain = tmp_path / "plain.tar"
    with tarfile.open(plain, "w") as file:
        for name in "abc":
            entry = tarfile.TarInfo(name)
            entry.size = 512
            file.addfile(entry, io.BytesIO(bytes(512)))
    plain.write_bytes(plain.read_bytes()[: 2 * 1024])
    for archive in (zipped, plain):
        with pytest.raises(BgrError, match="cannot unpack"):
            unpack([str(archive), str(tmp_path / "out")])
    assert not os.listdir(tmp_path / "out")


def test_archives_of_one_name_do_not_hide_each_other(tmp_path: Path) -> None:
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        make_zip(tmp_path / part / "part.zip", {f"{part}.txt": b"1"})
    archives = [str(tmp_path / part / "part.zip") for part in ("a", "b")]
    with pytest.raises(BgrError, match="two archives go to one folder"):
        unpack([*archives, str(tmp_path / "out")])
    unpack([archives[0], str(tmp_path / "out")])
    with pytest.raises(BgrError, match="not from"):
        unpack([archives[1], str(tmp_path / "out")])


def test_pairs_of_extracted_frames_are_split_by_clip(tmp_path: Path) -> None:
    for clip in ("a", "b", "c"):
        film(tmp_path / "clips" / f"{clip}.mp4", 9)
    extract_frames([str(tmp_path / "clips"), str(tmp_path / "frames"), "--every", "3"])
    common = ["--size", "64", "64", "--workers", "1"]
    sr_pairs([str(tmp_path / "frames"), str(tmp_path / "pairs"), *common])
    split([str(tmp_path / "pairs"), "--shares", "0.34", "0.33", "0.33"])
    manifest = Manifest(tmp_path / "pairs")
    for part in ("train", "val", "test"):
        assert len({row["group"] for row in manifest.split(part)}) == 1
        assert len(manifest.split(part)) == 3


def test_splitting_ones_own_folder_keeps_its_captured_backgrounds(tmp_path: Path) -> None:
    for number in range(6):
        picture = np.full((20, 20, 3), 30 * number, np.uint8)
        for kind in ("image", "captured_background"):
            save(tmp_path / kind / f"subject{number % 3}_{number}.png", picture)
        save(tmp_path / "alpha" / f"subject{number % 3}_{number}.png", picture[..., 0])
    split([str(tmp_path), "--group-by", r"(subject\d)", "--shares", "0.34", "0.33", "0.33"])
    needs = ("image", "alpha", "captured_background")
    for part in ("train", "val", "test"):
        dataset = FolderDataset(str(tmp_path), part, (20, 20), needs=needs)  # type: ignore[arg-type]
        assert len({dataset.name(i)[:8] for i in range(len(dataset))}) == 1
        item = dataset[0]
        assert (item["image"] == item["captured_background"]).all()
