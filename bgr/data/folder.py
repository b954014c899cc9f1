"""Anybody's own data: folders of photos and mattes, or of cut-outs."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from bgr.data.dataset import Geometry, Split, seeded_split
from bgr.data.pairs import Pair, PairDataset, check_headers, uses_mattes
from bgr.errors import BgrError
from bgr.io.files import list_images

CONTRACT = "image/ with alpha/ or mask/ (files paired by name), or RGBA files alone"


class FolderDataset(PairDataset):
    """Photos and mattes from one or more folders.

    A root holds `image/` and `alpha/` (or `mask/`) with files paired by stem, or RGBA files alone. It
    may hold `background/`, a pool of images without people. With folders `train/`, `val/`, `test/` of
    that same form the splits are those; otherwise each root is split by a seeded shuffle.

    Args:
        root: the folder, or several.
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        backgrounds: folder of backgrounds; the `background/` of each root when None.
        composite: share of train draws in which a photo's person is placed over another background.
        fractions: shares of train, val and test where the root has no split folders.
        split_seed: seed of that shuffle, apart from `seed` so that test images stay test images.
        seed: seed of the random draws.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.

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
    ) -> None:
        roots = [Path(r) for r in ([root] if isinstance(root, str) else root)]
        pairs: list[Pair] = []
        pools = [Path(backgrounds)] if backgrounds is not None else []
        for folder in roots:
            found = split_pairs(folder, split, fractions, split_seed, mattes=uses_mattes(needs))
            check_headers(found)
            pairs += found
            if backgrounds is None:
                own = (folder / "background", folder / split / "background")
                pools += [pool for pool in own if pool.is_dir()]
        super().__init__(pairs, split, size, pools, composite, seed, geometry, needs)


def split_pairs(
    root: Path, split: Split, fractions: Sequence[float], split_seed: int, mattes: bool = True
) -> list[Pair]:
    """Pairs of one split of a root, by its split folders or by a seeded shuffle."""
    if not root.is_dir():
        raise BgrError(f"no folder {root}", f"a folder with {CONTRACT}", "check data.root")
    if not any((root / s).is_dir() for s in get_args(Split)):
        return seeded_split(find_pairs(root, mattes), split, fractions, split_seed)
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
    by_stem = {path.stem: path for path in list_images(alphas)}
    images = list_images(folder / "image")
    missing = [image.name for image in images if image.stem not in by_stem]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise BgrError(
            f"{len(missing)} of {len(images)} photos in {folder / 'image'} have no matte: {shown}",
            f"a file of the same stem in {alphas}",
            "add the mattes or remove these photos",
        )
    return [Pair(image, by_stem[image.stem]) for image in images]
