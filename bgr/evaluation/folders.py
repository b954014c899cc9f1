"""Scoring predictions of any program: two folders of files with the same names."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from rich.progress import track
from torch import Tensor

from bgr.errors import BgrError
from bgr.evaluation.evaluator import Evaluator, evaluate
from bgr.evaluation.report import INTERVALS_NOTE, Table, write_files
from bgr.io.files import list_images, make_folder
from bgr.io.images import read_alpha, read_image
from bgr.types import Batch


def score_folders(
    predictions: Path, truth: Path, trimaps: Path | None, evaluator: Evaluator, output: Path
) -> Table:
    """Score the files of one folder against those of the same stems in another, at their own sizes.

    Mattes are grey files, or the alpha channel of RGBA files; images are RGB files.

    Args:
        predictions: folder of predicted mattes or images.
        truth: folder of true ones; every prediction needs one.
        trimaps: folder of trimaps, for an evaluator of the unknown region.
        evaluator: what to measure.
        output: folder for the tables.

    Raises:
        BgrError: a file has no counterpart, is damaged or of another size, or the evaluator measures
            colours, which files of mattes do not hold.
    """
    subjects = set(evaluator.subjects.values())
    if len(subjects) != 1 or subjects == {"foreground"}:
        raise BgrError(
            f"the evaluator measures {', '.join(sorted(subjects))} at once",
            "metrics of mattes alone, or of images alone",
        )
    if evaluator.region == "unknown" and trimaps is None:
        raise BgrError("the evaluator scores the unknown region of a trimap", "trimaps=<folder>")
    files = list_images(predictions)
    true = counterparts(files, truth)
    bands = counterparts(files, trimaps) if trimaps is not None else {}

    def batches() -> Iterator[Batch]:
        for file in track(files, "evaluating", transient=True):
            sample = {
                "made": read(file, evaluator.subject),
                evaluator.subject: read(true[file], evaluator.subject),
            }
            if bands:
                sample["trimap"] = read(bands[file], "alpha")
            sizes = {key: tuple(x.shape[-2:]) for key, x in sample.items()}
            if len(set(sizes.values())) > 1:
                raise BgrError(f"{file} and {true[file]} differ in size: {sizes}", "one size")
            yield cast(Batch, {**sample, "name": [file.stem]})

    def stored(batch: Batch) -> Batch:
        made: Tensor = cast(dict[str, Tensor], batch)["made"]
        return cast(Batch, {evaluator.subject: made})

    result = evaluate({"predictions": stored}, batches(), evaluator)["predictions"]
    table = Table(
        evaluator,
        {"predictions": {m: result.mean(m) for m in evaluator.metrics}},
        len(files),
        INTERVALS_NOTE + result.note_of_undefined(),
        {"predictions": {m: result.interval(m) for m in evaluator.metrics}},
    )
    write_files(make_folder(output), table, result)
    return table


def counterparts(files: list[Path], folder: Path) -> dict[Path, Path]:
    """The file of the same stem for each file.

    Raises:
        BgrError: some have none.
    """
    by_stem = {file.stem: file for file in list_images(folder)}
    missing = [file.name for file in files if file.stem not in by_stem]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise BgrError(
            f"{len(missing)} of {len(files)} predictions have no counterpart in {folder}: {shown}",
            "a file of the same name before the suffix",
        )
    return {file: by_stem[file.stem] for file in files}


def read(path: Path, subject: str) -> Tensor:
    """A matte (1, 1, H, W) or an image (1, 3, H, W), float32 in [0, 1]."""
    pixels = read_alpha(path)[..., None] if subject == "alpha" else read_image(path)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].float() / 255
