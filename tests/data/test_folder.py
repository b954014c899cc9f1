"""Anybody's own data: the contract, and a message for every way to miss it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from bgr.data.aisegment import AISegmentDataset
from bgr.data.compose import compose
from bgr.data.dataset import seeded_split
from bgr.data.folder import FolderDataset
from bgr.data.geometry import PortraitGeometry
from bgr.errors import BgrError

SIZE = (32, 32)


@pytest.fixture
def root(portraits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(portraits, tmp_path / "photos"))


def grey(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width), 90, np.uint8)).save(path)


def test_seeded_splits_cover_everything_once(root: Path) -> None:
    parts = [FolderDataset(str(root), s, SIZE).pairs for s in ("train", "val", "test")]
    assert [len(p) for p in parts] == [8, 1, 1]
    assert len({pair.image for part in parts for pair in part}) == 10
    again = FolderDataset(str(root), "test", SIZE, seed=99).pairs
    assert again == parts[2]  # the training seed does not move test images


def test_split_folders_are_used(root: Path, tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        shutil.copytree(root, tmp_path / "split" / split)
    assert len(FolderDataset(str(tmp_path / "split"), "val", SIZE)) == 10
    shutil.rmtree(tmp_path / "split" / "test")
    with pytest.raises(BgrError, match=r"no folder .*test(.|\n)*seeded split"):
        FolderDataset(str(tmp_path / "split"), "test", SIZE)


def test_masks_may_be_called_mask_and_several_roots_add_up(root: Path, tmp_path: Path) -> None:
    masks = Path(shutil.copytree(root, tmp_path / "masks"))
    (masks / "alpha").rename(masks / "mask")
    assert len(FolderDataset([str(root), str(masks)], "train", SIZE)) == 16


def test_val_and_test_samples_are_the_photos_themselves(root: Path) -> None:
    dataset = FolderDataset(str(root), "test", (64, 48), backgrounds=str(root / "image"))
    photo = np.asarray(Image.open(dataset.pairs[0].image).convert("RGB"))
    assert (dataset[0]["image"].numpy().transpose(1, 2, 0) == photo).all()


def test_train_draws_are_photos_or_composites_over_the_pool(root: Path, tmp_path: Path) -> None:
    grey(tmp_path / "pool" / "wall.png", 50, 60)
    dataset = FolderDataset(str(root), "train", (64, 48), backgrounds=str(tmp_path / "pool"))
    over_wall = 0
    for position in range(40):
        batch = compose(default_collate([dataset[position]]))
        photo = np.asarray(Image.open(dataset.pairs[position % 8].image), np.float32) / 255
        same = torch.from_numpy(photo.transpose(2, 0, 1))
        if (batch["image"][0] - same).abs().max() > 1 / 255:
            over_wall += 1
            empty = batch["alpha"][0, 0] == 0
            assert (batch["image"][0][:, empty] == 90 / 255).all()
    assert 10 <= over_wall <= 30


def test_cutouts_alone_are_composited(root: Path, tmp_path: Path) -> None:
    (tmp_path / "cutouts").mkdir()
    for image in (root / "image").iterdir():
        cutout = Image.open(image)
        cutout.putalpha(Image.open(root / "alpha" / image.name))
        cutout.save(tmp_path / "cutouts" / image.name)
    dataset = FolderDataset(str(tmp_path / "cutouts"), "test", (64, 48))
    batch = compose(default_collate([dataset[0]]))
    a = batch["alpha"]
    expected = a * batch["foreground"] + (1 - a) * batch["captured_background"]
    assert (batch["image"] - expected).abs().max() < 1 / 255
    assert batch["captured_background"].std() > 0.01  # a generated texture, not a plain colour


def break_missing(root: Path) -> None:
    shutil.rmtree(root)


def break_no_alpha(root: Path) -> None:
    (root / "alpha" / "00003.png").unlink()


def break_size(root: Path) -> None:
    grey(root / "alpha" / "00004.png", 30, 30)


def break_empty_file(root: Path) -> None:
    (root / "image" / "00005.png").write_bytes(b"")


def break_not_an_image(root: Path) -> None:
    (root / "alpha" / "00006.png").write_text("hello")


def break_no_mattes(root: Path) -> None:
    shutil.rmtree(root / "alpha")


def break_no_photos(root: Path) -> None:
    shutil.rmtree(root / "image")


def break_almost_empty(root: Path) -> None:
    for path in sorted((root / "image").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (break_missing, r"no folder .*photos(.|\n)*image/ with alpha/"),
        (break_no_alpha, r"1 of 10 photos .* no matte: 00003\.png"),
        (break_size, r"00004\.png is 30x30, .*00004\.png is 48x64 \(WxH\)"),
        (break_empty_file, r"00005\.png: the file is empty"),
        (break_not_an_image, r"cannot read .*00006\.png"),
        (break_no_mattes, r"image/ but neither alpha/ nor mask/"),
        (break_no_photos, r"no folder .*image"),
        (break_almost_empty, r"split is empty: 1 item"),
    ],
)
def test_bad_folders_say_what_where_and_what_to_do(
    root: Path, fault: Callable[[Path], None], message: str
) -> None:
    fault(root)
    with pytest.raises(BgrError, match=message):
        [FolderDataset(str(root), split, SIZE) for split in ("train", "val", "test")]


def test_a_file_cut_short_is_named_when_it_is_read(root: Path) -> None:
    dataset = FolderDataset(str(root), "train", SIZE)
    victim = dataset.pairs[2].image
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(BgrError, match=victim.name):
        dataset[2]


def test_added_photos_leave_the_others_where_they_were() -> None:
    names = [f"{number}.jpg" for number in range(300)]
    before, after = (
        {s: set(seeded_split(n, s, (0.8, 0.1, 0.1), 0, str)) for s in ("train", "val", "test")}  # type: ignore[arg-type]
        for n in (names, [*names, "new.jpg"])
    )
    moved = [n for n in names for s in before if (n in before[s]) != (n in after[s])]
    assert len(set(moved)) <= 3
    other = seeded_split(names, "test", (0.8, 0.1, 0.1), 1, str)
    assert len(before["test"] & set(other)) < 15


def test_split_shares_must_sum_to_one() -> None:
    with pytest.raises(BgrError, match="sum to 1"):
        seeded_split(list(range(10)), "train", (0.9, 0.2, 0.1), 0, str)


def write_aisegment(portraits: Path, folder: Path) -> None:
    """Forty photos in the AISegment layout, the matte as the alpha channel of an RGBA file."""
    sources = sorted((portraits / "image").iterdir())
    for index in range(40):
        batch, clip = f"18031{index % 2}", f"{index % 4:08d}"
        image = Image.open(sources[index % 10])
        photo = folder / "clip_img" / batch / f"clip_{clip}" / f"{batch}-{index:08d}.jpg"
        matte = folder / "matting" / batch / f"matting_{clip}" / f"{photo.stem}.png"
        for path in (photo, matte):
            path.parent.mkdir(parents=True, exist_ok=True)
        image.save(photo)
        cutout = image.copy()
        cutout.putalpha(Image.open(portraits / "alpha" / sources[index % 10].name))
        cutout.save(matte)


@pytest.fixture
def aisegment(portraits: Path, tmp_path: Path) -> Path:
    write_aisegment(portraits, tmp_path / "ai")
    return tmp_path / "ai"


def test_aisegment_layout_is_split_17_to_3(aisegment: Path) -> None:
    sizes = [len(AISegmentDataset(str(aisegment), s, SIZE)) for s in ("train", "val", "test")]
    assert sizes == [32, 2, 6]
    sample = AISegmentDataset(str(aisegment), "test", (64, 48))
    alpha = np.asarray(Image.open(sample.pairs[0].alpha))[..., 3]
    assert (sample[0]["alpha"][0].numpy() == alpha).all()


def test_aisegment_without_a_matte_names_the_file(aisegment: Path) -> None:
    next(aisegment.glob("matting/*/*/*.png")).unlink()
    with pytest.raises(BgrError, match="has no matte"):
        AISegmentDataset(str(aisegment), "train", SIZE)
    with pytest.raises(BgrError, match="AISegment layout"):
        AISegmentDataset(str(aisegment / "matting"), "train", SIZE)


def test_later_epochs_draw_anew(root: Path) -> None:
    geometry = PortraitGeometry((64, 48), rotation=90)
    dataset = FolderDataset(str(root), "train", (64, 48), composite=0, geometry=geometry)
    assert torch.equal(dataset[3]["image"], dataset[3]["image"])
    assert not torch.equal(dataset[3]["image"], dataset[11]["image"])


@pytest.mark.real
def test_real_portraits_load(real_data: Path) -> None:
    roots = [str(real_data / n) for n in ("portraits", "portraits_bysa", "portraits_alpha")]
    dataset = FolderDataset(roots, "test", (64, 64), fractions=(0.7, 0.1, 0.2))
    assert len(dataset) >= len(roots)
    for index in range(len(dataset)):
        assert 0.01 < float(dataset[index]["alpha"].float().mean()) / 255 < 0.95
