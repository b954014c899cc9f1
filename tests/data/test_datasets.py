"""Every data set of conf/data, on generated and on real photos laid out its way."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from bgr.config import build, register_schemas
from bgr.data.augment import PhotometricAugment
from bgr.data.clips import ClipFrames
from bgr.data.compose import compose
from bgr.data.dataset import MattingDataset, Split
from bgr.data.folder import FolderDataset
from bgr.data.geometry import AffineGeometry
from bgr.data.mismatch import CapturedMismatch
from bgr.data.pair_dataset import PairDataset
from bgr.data.pairs import Pair
from bgr.data.videomatte240k import Videomatte240kDataset
from bgr.errors import BgrError
from bgr.io.manifest import Manifest, write_manifest
from tests.conftest import Answer
from tests.data.layouts import WRITERS, Subject, save, subjects_of

CONF = Path(__file__).parents[2] / "conf" / "data"
NAMES = sorted(WRITERS)
COMPOSITED = sorted({*WRITERS} - {"super_resolution"})
SIZE = [48, 32]
NEEDS = ("image", "alpha", "foreground", "captured_background", "target_background", "trimap")
Make = Callable[..., MattingDataset]


def test_every_data_set_is_tried_here() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} - {"synthetic"} == set(WRITERS)


@pytest.fixture
def make(tmp_path: Path, portraits: Path) -> Iterator[Make]:
    """Writes a data set's layout once and builds one of its splits from its YAML."""
    GlobalHydra.instance().clear()
    register_schemas()

    def built(
        name: str, split: Split, subjects: list[Subject] | None = None, **arguments: Any
    ) -> MattingDataset:
        root = tmp_path / name
        pool = tmp_path / "pool"
        subjects = subjects_of(portraits) if subjects is None else subjects
        if not root.exists():
            root.mkdir()
            (root / "overrides").write_text("\n".join(WRITERS[name](root, subjects)))
            for number in range(3):
                save(pool / f"{number}.jpg", subjects[number].photo[:, ::-1])
        overrides = [f"data={name}", f"data.root={root}"]
        overrides += (root / "overrides").read_text().split()
        if name != "super_resolution":
            overrides.append(f"data.backgrounds={pool}")
        with initialize_config_module("bgr.conf", version_base="1.3"):
            node = hydra_compose("train", overrides=overrides).data
        arguments = {"size": SIZE, "seed": 1, "geometry": None, "needs": NEEDS} | arguments
        if name == "super_resolution":
            arguments["needs"] = ("image", "low_res", "high_res")
        dataset: MattingDataset = build(node, split=split, **arguments)
        return dataset

    yield built
    GlobalHydra.instance().clear()


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_complete_and_share_nothing(name: str, make: Make) -> None:
    splits: list[Split] = ["test"] if name == "photomatte" else list(get_args(Split))
    names = []
    for split in splits:
        dataset = make(name, split)
        assert len(dataset) > 0
        names += [dataset.name(index) for index in range(len(dataset))]
        assert all(path.exists() for path in dataset.files())
    assert len(set(names)) == len(names)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(v, b[k]) if isinstance(v, Tensor) else v == b[k] for k, v in a.items()
    )


@pytest.mark.parametrize("name", sorted({*NAMES} - {"photomatte"}))
def test_batches_do_not_depend_on_the_workers(name: str, make: Make) -> None:
    dataset = make(name, "train", geometry=AffineGeometry(SIZE))
    positions = [1, 0, len(dataset) + 1, 2 * len(dataset)]  # of three epochs
    augment, mismatch = PhotometricAugment(blur=0.5, motion=0.5), CapturedMismatch()
    needs = sorted(dataset.needs)
    runs = []
    for workers in (0, 1, 2):
        loader = DataLoader(dataset, batch_size=2, sampler=positions, num_workers=workers)
        runs.append([compose(b, needs, augment, mismatch, (0.01, 0.1), 0.5) for b in loader])
    assert all(same(a, b) for other in runs[1:] for a, b in zip(runs[0], other, strict=True))
    assert not torch.equal(runs[0][0]["image"], runs[0][1]["image"])


def check_composites(dataset: MattingDataset, positions: list[int]) -> None:
    """Every image is alpha * foreground + (1 - alpha) * background, after augmentation."""
    quiet = PhotometricAugment(0.3, 0.2, 0.1, blur=0.5, sharpen=0.5, motion=0.3, noise=0.0)
    batch = compose(default_collate([dataset[p] for p in positions]), NEEDS, quiet)
    alpha = batch["alpha"]
    composite = alpha * batch["foreground"] + (1 - alpha) * batch["captured_background"]
    error = (batch["image"] - composite).abs().amax(dim=(1, 2, 3))
    assert (error <= 1 / 255).all(), error
    assert set((batch["trimap"] * 255).round().unique().tolist()) <= {0.0, 128.0, 255.0}
    assert (alpha.amax(dim=(1, 2, 3)) > 0.5).all()
    over = alpha * batch["foreground"] + (1 - alpha) * batch["target_background"]
    changed = (over - batch["image"]).abs().amax(dim=(1, 2, 3))
    assert (changed > 0.02).any()


@pytest.mark.parametrize("name", COMPOSITED)
def test_composites_are_exact(name: str, make: Make) -> None:
    if name != "photomatte":
        train = make(name, "train", geometry=AffineGeometry(SIZE, person_scale=(0.6, 1.0)))
        check_composites(train, list(range(2 * len(train))))
    test = make(name, "test")
    check_composites(test, list(range(len(test))))


@pytest.mark.parametrize("name", COMPOSITED)
@pytest.mark.real
def test_composites_of_real_photos_are_exact(name: str, make: Make, real_data: Path) -> None:
    subjects = subjects_of(real_data / "portraits_alpha") * 2
    split: Split = "test" if name == "photomatte" else "train"
    geometry = AffineGeometry([64, 64], person_scale=(0.6, 1.0))
    dataset = make(name, split, subjects, size=[64, 64], geometry=geometry)
    check_composites(dataset, list(range(len(dataset))))


@pytest.mark.parametrize("name", sorted({*NAMES} - {"photomatte", "super_resolution"}))
def test_one_command_trains(
    name: str, portraits: Path, tmp_path: Path, bgr: Callable[..., Answer]
) -> None:
    (tmp_path / "data").mkdir()
    overrides = WRITERS[name](tmp_path / "data", subjects_of(portraits))
    code, _, err = bgr(
        "train", f"data={name}", f"data.root={tmp_path / 'data'}", *overrides, "size=[32,32]",
        "model.network.width=0.25", "loader.batch_size=2", "loader.workers=0", "geometry=bgmv2",
        "augment=bgmv2", "mismatch=bgmv2", "trainer.fast_dev_run=true", "trainer.accelerator=cpu",
    )  # fmt: skip
    assert code == 0, err


def nearest(shown: Tensor, pictures: list[Any]) -> int:
    """Number of the picture that looks most like (3, H, W) uint8."""
    pixels = shown.numpy().transpose(1, 2, 0).astype(float)
    return int(np.argmin([np.abs(pixels - picture).mean() for picture in pictures]))


def test_zip_pairs_by_number_and_random_pairs_anew(make: Make) -> None:
    zipped = make("greenscreen", "train", pairing="zip")
    drawn = make("greenscreen", "train", pairing="random")
    count = len(zipped)
    rooms = [np.asarray(Image.open(f).resize((32, 48))) for f in zipped.pool.files]  # type: ignore[attr-defined]
    for index in range(count):
        for epoch in (0, 1):
            item = zipped[index + epoch * count]
            assert nearest(item["captured_background"], rooms) == index % 3
            assert nearest(item["target_background"], rooms) == (index + 1) % 3
    first = [drawn[index]["captured_background"] for index in range(count)]
    later = [drawn[index + count]["captured_background"] for index in range(count)]
    assert not all(torch.equal(a, b) for a, b in zip(first, later, strict=True))
    with pytest.raises(BgrError, match="random or zip"):
        make("greenscreen", "train", pairing="shuffle")


def test_a_list_of_files_is_a_pool(make: Make, tmp_path: Path) -> None:
    make("greenscreen", "train")
    kept = tmp_path / "kept.txt"
    kept.write_text(f"{tmp_path / 'pool' / '1.jpg'}\npool/2.jpg\n")
    dataset = make("greenscreen", "train", backgrounds=str(kept))
    assert [f.name for f in dataset.pool.files] == ["1.jpg", "2.jpg"]  # type: ignore[attr-defined]
    kept.write_text("\n")
    with pytest.raises(BgrError, match="no image is listed"):
        make("greenscreen", "train", backgrounds=str(kept))


def test_the_captured_background_of_a_photo_stays_with_it(tmp_path: Path, make: Make) -> None:
    """Photo, matte and empty room as files: one warp for all, and nothing is composited."""
    rng = np.random.default_rng(0)
    for number in range(10):
        pattern = rng.integers(0, 256, (60, 40, 3), np.uint8)
        save(tmp_path / "folder" / "image" / f"{number}.png", pattern)
        save(tmp_path / "folder" / "captured_background" / f"{number}.png", pattern)
        save(tmp_path / "folder" / "alpha" / f"{number}.png", pattern[..., 0])
    (tmp_path / "folder" / "overrides").write_text("")
    (tmp_path / "pool").mkdir()
    save(tmp_path / "pool" / "0.jpg", pattern)
    needs = ("image", "alpha", "foreground", "captured_background")
    dataset = make("folder", "train", geometry=AffineGeometry(SIZE), needs=needs)
    for position in range(16):
        item = dataset[position]
        assert torch.equal(item["image"], item["captured_background"])
        assert torch.equal(item["image"][:1], item["alpha"])


def test_trimaps_of_files_are_three_valued_after_a_warp(make: Make) -> None:
    """After a crop and a blur too; and what is sure is so in the matte."""
    dataset = make("coco_trimaps", "train", geometry=AffineGeometry(SIZE))
    augment = PhotometricAugment(blur=0.7, motion=0.5)
    batch = default_collate([dataset[position] for position in range(12)])
    made = compose(batch, ("trimap",), augment, smallest_crop=0.5)
    alpha, trimap = made["alpha"] * 255, (made["trimap"] * 255).round()
    assert made["trimap"].shape[-1] < SIZE[1]
    assert set(trimap.unique().tolist()) == {0, 128, 255}
    assert (alpha[trimap == 255] > 253).all()
    assert (alpha[trimap == 0] < 2).all()


def test_videos_give_the_frames_that_were_written(tmp_path: Path, portraits: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    subjects = subjects_of(portraits)
    for split, clips in (("train", 3), ("test", 1)):
        for clip in range(clips):
            for kind in ("fgr", "pha"):
                path = tmp_path / split / kind / f"{clip:04d}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (96, 128))
                for photo, alpha in subjects[: 4 + clip]:
                    picture = photo if kind == "fgr" else np.dstack([alpha] * 3)
                    writer.write(cv2.resize(picture[..., ::-1], (96, 128)))
                writer.release()
    dataset = Videomatte240kDataset(str(tmp_path), "test", [128, 96])
    assert len(dataset) == 4
    for index in (2, 0, 3, 1):
        shown = dataset[index]["foreground"].numpy().transpose(1, 2, 0).astype(float)
        errors = [
            np.abs(cv2.resize(photo, (96, 128)).astype(float) - shown).mean()
            for photo, _ in subjects[:4]
        ]
        assert int(np.argmin(errors)) == index
    train = Videomatte240kDataset(str(tmp_path), "train", [32, 32], every=2, val_clips=1)
    val = Videomatte240kDataset(str(tmp_path), "val", [32, 32], every=2, val_clips=1)
    assert len(train) + len(val) == 2 + 3 + 3


def test_clips_whose_mattes_differ_are_named(make: Make, tmp_path: Path) -> None:
    make("videomatte240k", "train")
    next((tmp_path / "videomatte240k/train/pha").glob("*/00001.jpg")).unlink()
    with pytest.raises(BgrError, match=r"has 2 frames, .*has 1(.|\n)*same frames"):
        [make("videomatte240k", split) for split in ("train", "val")]


def test_prepared_folders_need_splits(tmp_path: Path, make: Make) -> None:
    make("coco_trimaps", "train")
    rows = list(Manifest(tmp_path / "coco_trimaps"))
    write_manifest(tmp_path / "coco_trimaps", {"tool": "test"}, rows)
    with pytest.raises(BgrError, match=r"no split 'train'(.|\n)*data_tools split"):
        make("coco_trimaps", "train")
    write_manifest(tmp_path / "coco_trimaps", {}, rows, {"train": len(rows), "test": 0})
    with pytest.raises(BgrError, match="test split is empty"):
        make("coco_trimaps", "test")


def test_coco_masks_are_the_annotated_people(make: Make, portraits: Path) -> None:
    dataset = make("coco_person", "test", size=[64, 48])
    truth = {str(i): s.alpha > 127 for i, s in enumerate(subjects_of(portraits))}
    for index in range(len(dataset)):
        mask = dataset[index]["alpha"][0].numpy()
        assert (mask == np.where(truth[dataset.name(index)], 255, 0)).all()


def test_frames_of_one_clip_are_in_one_split(make: Make) -> None:
    clips = {
        split: {f.parent for f in make("super_resolution", split).files()}
        for split in get_args(Split)
    }
    assert len(set.union(*clips.values())) == sum(map(len, clips.values()))
    made = compose(
        default_collate([make("super_resolution", "train", size=[32, 32])[0]]), ("low_res",)
    )
    assert made["low_res"].shape[-2:] == (16, 16)


def test_interned_names_are_held_once(tmp_path: Path) -> None:
    for clip in ("a", "b"):
        for kind in ("fgr", "pha"):
            save(tmp_path / kind / clip / "00000.png", np.zeros((4, 4), np.uint8))
    frames = ClipFrames([(tmp_path / "fgr" / c, tmp_path / "pha" / c) for c in ("a", "b")])
    assert frames[1].image == tmp_path / "fgr/b/00000.png"
    assert frames[1].alpha == tmp_path / "pha/b/00000.png"
    assert frames.names[0][0][0] is frames.names[1][1][0]
    with pytest.raises(IndexError):
        frames[2]


def test_cutouts_have_no_dark_rim(tmp_path: Path) -> None:
    """Bright people in files that are black where alpha is 0, over the same brightness."""
    y, x = np.mgrid[:300, :400]
    strands = (np.sin(x / 3) > 0) & (y < 150) | (np.hypot(x - 200, y - 200) < 80)
    alpha = np.where(strands, 255, 0).astype(np.uint8)
    colours = np.where(strands[..., None], np.uint8(230), np.uint8(0)) * np.ones(3, np.uint8)
    save(tmp_path / "people" / "0.png", np.dstack([colours, alpha]))
    save(tmp_path / "rooms" / "0.png", np.full((300, 400, 3), 230, np.uint8))
    rooms = [tmp_path / "rooms"]
    pairs = [Pair(tmp_path / "people" / "0.png", None)]
    sizes = (96, 128)
    moved = PhotometricAugment(0.0, 0.0, blur=1.0, motion=1.0, noise=0.0)
    for split, geometry in (("test", None), ("train", AffineGeometry(sizes))):
        dataset = PairDataset(pairs, split, sizes, rooms, geometry=geometry, kind="cutout")  # type: ignore[arg-type]
        for position in range(4 if split == "train" else 1):
            image = compose(default_collate([dataset[position]]), augment=moved)["image"] * 255
            assert (image - 230).abs().max() < 2.5


def test_the_two_backgrounds_of_a_sample_differ(make: Make) -> None:
    dataset = make("greenscreen", "train")
    for position in range(30):
        item = dataset[position]
        assert not torch.equal(item["captured_background"], item["target_background"])


def test_rooms_are_changed_by_mismatch_and_recoloured_with_their_photo(tmp_path: Path) -> None:
    for number in range(4):
        pattern = np.random.default_rng(number).integers(50, 200, (48, 32, 3), np.uint8)
        for kind in ("image", "captured_background"):
            save(tmp_path / kind / f"{number}.png", pattern)
        save(tmp_path / "alpha" / f"{number}.png", pattern[..., 0])
    needs = ("image", "alpha", "captured_background")
    dataset = FolderDataset(str(tmp_path), "train", SIZE, fractions=(1.0, 0.0, 0.0), needs=needs)
    batch = default_collate([dataset[i] for i in range(4)])
    colours = PhotometricAugment(0.3, 0.2, 0.1, noise=0.0)
    made = compose(dict(batch), needs, colours)  # type: ignore[arg-type]
    assert torch.equal(made["image"], made["captured_background"])
    made = compose(dict(batch), needs, None, CapturedMismatch(exposure=1.0))  # type: ignore[arg-type]
    assert torch.equal(made["image"], batch["image"] / 255)
    changed = (made["captured_background"] - made["image"]).abs().amax(dim=(1, 2, 3))
    assert (changed > 0.02).all()


def test_roots_with_and_without_rooms_do_not_mix(tmp_path: Path, portraits: Path) -> None:
    with_rooms = tmp_path / "rooms"
    shutil.copytree(portraits, with_rooms)
    shutil.copytree(portraits / "image", with_rooms / "captured_background")
    for roots in ([with_rooms, portraits], [portraits, with_rooms]):
        with pytest.raises(BgrError, match="captured_background/ in every root"):
            FolderDataset(list(map(str, roots)), "train", SIZE, needs=("captured_background",))


def test_keyed_people_in_a_folder_are_composited(make: Make, tmp_path: Path) -> None:
    make("greenscreen", "train")
    dataset = FolderDataset(str(tmp_path / "greenscreen"), "train", SIZE)
    assert "captured_background" in dataset[0]


def test_another_split_has_another_fingerprint(make: Make, tmp_path: Path) -> None:
    before = make("coco_trimaps", "train").fingerprint()
    rows = list(Manifest(tmp_path / "coco_trimaps"))[::-1]
    splits = {"train": len(rows) - 4, "val": 2, "test": 2}
    write_manifest(tmp_path / "coco_trimaps", {"tool": "test"}, rows, splits)
    assert make("coco_trimaps", "train").fingerprint() != before
