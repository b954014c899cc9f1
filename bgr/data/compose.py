"""From the uint8 batch that a loader yields to the float batch that a system sees."""

import torch
from torch import Tensor

from bgr.ops.composite import composite
from bgr.types import Batch


def compose(batch: Batch) -> Batch:
    """Scale uint8 tensors to float32 in [0, 1] and composite the image where it is not given.

    Args:
        batch: as a dataset yields it; without `image`, it must hold `foreground`, `alpha` and
            `captured_background`.

    Returns:
        The batch with every image tensor as float32 in [0, 1], and with `image`.
    """
    for key, value in batch.items():
        if isinstance(value, Tensor) and value.dtype == torch.uint8:
            batch[key] = value.float() / 255  # type: ignore[literal-required]
    if "image" not in batch:
        batch["image"] = composite(
            batch["foreground"], batch["captured_background"], batch["alpha"]
        )
    return batch
