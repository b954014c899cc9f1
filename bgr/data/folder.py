"""Anybody's own data: folders of photos and mattes, or of cut-outs."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from bgr.data.backgrounds import Pairing
from bgr.data.dataset import Split, seeded_split
from bgr.data.geometry import Geometry
from bgr.data.pair_dataset import Kind, PairDataset, uses_mattes
from bgr.data.pairs import ManifestPairs, Pair, check_headers, image_name, paired_by_stem
from bgr.errors import BgrError
from bgr.io.files import list_images
from bgr.io.manifest import NAME as MANIFEST
from bgr.io.manifest import Manifest

CONTRACT = "image/ with alpha/ or mask/ (files paired by name), or RGBA files alone"


class FolderDataset(PairDataset):
    """Photos and mattes from one or more folders.

    A root holds `image/` and `alpha/` (or `mask/`) with files paired by stem, or RGBA files alone. It
    may hold `captured_background/`, the empty room of each photo by the same stem, and `background/`, a
    pool of images without people. With folders `train/`, `val/`, `test/` of
    that same form the splits are those, and so are those of a manifest that
    `python -m data_tools split` wrote; otherwise each root is split by a seeded shuffle.

    Args:
        root: the folder, or several.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of backgrounds, or a text file that lists them; the `background/` of each
            root when None.
        composite: share of train draws in which a photo's person is placed over another background.
        fractions: shares of train, val and test where the root has no split folders.
        split_seed: seed of that shuffle, apart from `seed` so that test images stay test images.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
        pairing: which background a sample gets: `random` or `zip`.

    Raises:
        BgrError: a folder is missing, a photo has no matte, a file is damaged, sizes differ, or a
            split is empty.
    """

    def __init__(
        self,
        root: str | Sequence[str],
        split: Split,
        size: Sequence[int],
        backgrounds: str | None = None,
        composite: float = 0.5,
        fractions: Sequence[float] = (0.8, 0.1, 0.1),
        split_seed: int = 0,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
        pairing: Pairing = "random",
    ) -> None:
        roots = [Path(r) for r in ([root] if isinstance(root, str) else root)]
        pools = [Path(backgrounds)] if backgrounds is not None else []
        mattes = uses_mattes(needs)
        parts: list[Sequence[Pair]] = []
        for folder in roots:
            parts.append(split_pairs(folder, split, fractions, split_seed, mattes))
            if isinstance(parts[-1], list):  # of a manifest, `python -m data_tools verify` does it
                check_headers(parts[-1])
            if backgrounds is None:
                own = (folder / "background", folder / split / "background")
                pools += [pool for pool in own if pool.is_dir()]
        kind: Kind = "cutout" if mattes and any(map(holds_cutouts, parts)) else "photo"
        pairs = parts[0] if len(parts) == 1 else [pair for part in parts for pair in part]
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs, pairing, kind)


def holds_cutouts(pairs: Sequence[Pair]) -> bool:
    """Whether colours are those of people alone, which have to be composited."""
    if isinstance(pairs, ManifestPairs):
        return pairs.cutouts
    return any(pair.alpha is None for pair in pairs)


def split_pairs(
    root: Path, split: Split, fractions: Sequence[float], split_seed: int, mattes: bool = True
) -> Sequence[Pair]:
    """Pairs of one split of a root: by its manifest, its split folders, or a seeded shuffle."""
    if not root.is_dir():
        raise BgrError(f"no folder {root}", f"a folder with {CONTRACT}", "check data.root")
    if (root / MANIFEST).is_file() and "splits" in (manifest := Manifest(root)).header:
        return ManifestPairs(manifest.split(split))
    if not any((root / s).is_dir() for s in get_args(Split)):
        return seeded_split(find_pairs(root, mattes), split, fractions, split_seed, image_name)
    if not (root / split).is_dir():
        raise BgrError(
            f"no folder {root / split}, though {root} has other split folders",
            "train/, val/ and test/, or none of them for a seeded split",
        )
    return find_pairs(root / split, mattes)


def find_pairs(folder: Path, mattes: bool = True) -> list[Pair]:
    """Photos with their mattes, paired by stem, sorted by name; photos alone without `mattes`.

    Raises:
        BgrError: the folder does not follow the contract, or a photo has no matte.
    """
    if not mattes:
        photos = folder / "image" if (folder / "image").is_dir() else folder
        return [Pair(image, None) for image in list_images(photos)]
    if not (folder / "image").is_dir():
        if any((folder / name).is_dir() for name in ("alpha", "mask")):
            raise BgrError(f"no folder {folder / 'image'}", CONTRACT)
        return [Pair(image, None) for image in list_images(folder)]
    alphas = next((folder / n for n in ("alpha", "mask") if (folder / n).is_dir()), None)
    if alphas is None:
        raise BgrError(f"{folder} has image/ but neither alpha/ nor mask/", CONTRACT)
    captured = folder / "captured_background"
    return paired_by_stem(
        list_images(folder / "image"), alphas, captured if captured.is_dir() else None
    )
