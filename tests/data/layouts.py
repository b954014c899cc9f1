"""Writes photos and cut-outs in the layout of every data set of conf/data."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from bgr.io.manifest import write_manifest
from tests.data.test_folder import write_aisegment


class Subject(NamedTuple):
    """A photo (H, W, 3) and its matte (H, W), uint8."""

    photo: Any
    alpha: Any


def subjects_of(folder: Path) -> list[Subject]:
    """The photos of a folder with image/ and alpha/."""
    return [
        Subject(
            np.asarray(Image.open(photo).convert("RGB")),
            np.asarray(Image.open(folder / "alpha" / f"{photo.stem}.png").convert("L")),
        )
        for photo in sorted((folder / "image").iterdir())
    ]


def save(path: Path, pixels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def prepared(key: str, trimaps: bool = False) -> Callable[[Path, Sequence[Subject]], list[str]]:
    """What the data tools write: a folder a key, and a manifest with splits."""

    def write(root: Path, subjects: Sequence[Subject]) -> list[str]:
        rows = []
        for number, (photo, alpha) in enumerate(subjects):
            row: dict[str, Any] = {"name": f"s{number}", "group": f"clip{number // 2}"}
            pictures = {key: photo, "alpha": alpha}
            if trimaps:
                known = np.where(alpha > 250, 255, 128).astype(np.uint8)
                pictures["trimap"] = np.where(alpha < 5, np.uint8(0), known)
            for name, pixels in pictures.items():
                row[name] = f"{name}/s{number}.png"
                save(root / row[name], pixels)
            rows.append(row)
        write_manifest(root, {"tool": "test"}, rows, {"train": len(rows) - 4, "val": 2, "test": 2})
        return []

    return write


def folder(root: Path, subjects: Sequence[Subject]) -> list[str]:
    for number, (photo, alpha) in enumerate(subjects):
        save(root / "image" / f"{number}.jpg", photo)
        save(root / "alpha" / f"{number}.png", alpha)
    return []


def pfcn(root: Path, subjects: Sequence[Subject]) -> list[str]:
    for number, (photo, alpha) in enumerate(subjects):
        part = root / ("testing" if number < 3 else "training")
        save(part / f"{number:05d}.png", photo)
        save(part / f"{number:05d}_matte.png", alpha)
    return []


def videomatte240k(root: Path, subjects: Sequence[Subject]) -> list[str]:
    for number, (photo, alpha) in enumerate(subjects):
        clip = f"{number // 2:04d}/{number % 2:05d}.jpg"
        half = root / ("test" if number < 2 else "train")
        save(half / "fgr" / clip, photo)
        save(half / "pha" / clip, alpha)
    return ["data.val_clips=1"]


def photomatte(root: Path, subjects: Sequence[Subject]) -> list[str]:
    for number, (photo, alpha) in enumerate(subjects):
        save(root / f"{number}.png", np.dstack([photo, alpha]))
    return []


def coco_person(root: Path, subjects: Sequence[Subject]) -> list[str]:
    images, annotations = [], []
    for number, (photo, alpha) in enumerate(subjects):
        save(root / f"{number}.jpg", photo)
        height, width = alpha.shape
        inside = (alpha > 127).flatten(order="F")
        edges = np.flatnonzero(np.diff(inside)) + 1
        bounds = [0, *edges.tolist(), inside.size]
        counts = np.diff(bounds).tolist() if not inside[0] else [0, *np.diff(bounds).tolist()]
        images.append(
            {"id": number, "file_name": f"{number}.jpg", "height": height, "width": width}
        )
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0,
             "segmentation": {"counts": counts, "size": [height, width]}}
        )  # fmt: skip
    categories = [{"id": 1, "name": "person"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(content))
    return [f"data.annotations={root / 'instances.json'}"]


def super_resolution(root: Path, subjects: Sequence[Subject]) -> list[str]:
    for number, (photo, _) in enumerate(subjects):
        save(root / f"clip{number // 2}" / f"{number}.png", photo)
    return []


def aisegment(root: Path, subjects: Sequence[Subject]) -> list[str]:
    source = root / "source"
    for number, (photo, alpha) in enumerate((list(subjects) * 10)[:10]):
        save(source / "image" / f"{number}.png", photo)
        save(source / "alpha" / f"{number}.png", alpha)
    write_aisegment(source, root)
    return []


WRITERS: dict[str, Callable[[Path, Sequence[Subject]], list[str]]] = {
    "aisegment": aisegment,
    "coco_person": coco_person,
    "coco_trimaps": prepared("image", trimaps=True),
    "folder": folder,
    "greenscreen": prepared("foreground"),
    "pfcn": pfcn,
    "photomatte": photomatte,
    "super_resolution": super_resolution,
    "videomatte240k": videomatte240k,
}
"""By name of a YAML of conf/data: writes the layout, and gives the overrides that it needs."""
