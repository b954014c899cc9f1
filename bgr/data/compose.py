"""From the uint8 batch that a loader yields to the float batch that a system sees."""

from collections.abc import Collection

import torch
from torch import Tensor

from bgr.errors import BgrError
from bgr.ops.composite import composite
from bgr.ops.resize import halved
from bgr.ops.trimap import trimap_from_alpha
from bgr.types import Batch

TRIMAP_RADIUS = 1 / 40  # of the shorter side


def compose(batch: Batch, needs: Collection[str] = ()) -> Batch:
    """Scale uint8 tensors to float32 in [0, 1], composite the image, and derive what is needed.

    Args:
        batch: as a dataset yields it; without `image`, it must hold `foreground`, `alpha` and
            `captured_background`.
        needs: keys that must be there in the end. `trimap`, `mask`, `high_res` and `low_res` are
            derived. So is `foreground` of photos that were not composited: the photo itself, whose
            colours are right where alpha is 1.

    Returns:
        The batch with every image tensor as float32 in [0, 1], with `image` and the keys in `needs`.

    Raises:
        BgrError: a key is neither given nor derivable.
    """
    given = sorted(batch)
    for key, value in batch.items():
        if isinstance(value, Tensor) and value.dtype == torch.uint8:
            batch[key] = value.float() / 255  # type: ignore[literal-required]
    if "image" not in batch:
        batch["image"] = composite(
            batch["foreground"], batch["captured_background"], batch["alpha"]
        )
    missing = set(needs) - set(batch)
    if "foreground" in missing:
        batch["foreground"] = batch["image"]
    if "trimap" in missing:
        radius = max(1, round(min(batch["alpha"].shape[-2:]) * TRIMAP_RADIUS))
        batch["trimap"] = trimap_from_alpha(batch["alpha"], radius)
    if "mask" in missing:
        batch["mask"] = (batch["alpha"] >= 0.5).float()
    if {"high_res", "low_res"} & missing:
        batch["high_res"] = batch["image"]
        if "target_background" in batch:
            batch["high_res"] = composite(
                batch["foreground"], batch["target_background"], batch["alpha"]
            )
        batch["low_res"] = halved(batch["high_res"])
    lacking = sorted(set(needs) - set(batch))
    if lacking:
        raise BgrError(
            f"the data set gives {', '.join(given)}, and the model needs {', '.join(lacking)} too",
            "a data set that gives or composites them, such as data=synthetic or data=folder",
        )
    return batch
