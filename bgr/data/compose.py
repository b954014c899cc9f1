"""From the uint8 batch that a loader yields to the float batch that a system sees."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from bgr.data.augment import PhotometricAugment
from bgr.data.draws import Draws
from bgr.data.mismatch import CapturedMismatch
from bgr.errors import BgrError
from bgr.ops.composite import composite
from bgr.ops.resize import bilinear, halved
from bgr.ops.trimap import three_valued, trimap_from_alpha
from bgr.types import Batch

TRIMAP_BAND = (1 / 40, 1 / 40)
CROP_STEP = 16  # sides of a cropped batch are multiples of this
BAND_STREAM, CROP_STREAM = 32, 33


def compose(
    batch: Batch,
    needs: Collection[str] = (),
    augment: PhotometricAugment | None = None,
    mismatch: CapturedMismatch | None = None,
    trimap_band: Sequence[float] = TRIMAP_BAND,
    smallest_crop: float = 1.0,
) -> Batch:
    """Scale uint8 tensors to float32 in [0, 1], composite the image, and derive what is needed.

    Args:
        batch: as a dataset yields it; without `image`, it must hold `foreground`, `alpha` and
            `captured_background`.
        needs: keys that must be there in the end. `trimap`, `mask`, `high_res` and `low_res` are
            derived. So is `foreground` of photos that were not composited: the photo itself, whose
            colours are right where alpha is 1.
        augment: changes pictures before and the image after they are composited.
        mismatch: makes the captured background differ from what is behind the person; a photo that came
            with its captured background gets no shadow.
        trimap_band: smallest and largest radius of a derived trimap's unknown band, as a share of the
            shorter side; drawn per sample in training, the middle of the two otherwise.
        smallest_crop: training batches are scaled and cropped to sides drawn from this share of a
            sample's to the whole.

    Returns:
        The batch with every image tensor as float32 in [0, 1], with `image` and the keys in `needs`.

    Raises:
        BgrError: a key is neither given nor derivable.
    """
    given = sorted(batch)
    for key, value in batch.items():
        if isinstance(value, Tensor) and value.dtype == torch.uint8:
            batch[key] = value.float() / 255  # type: ignore[literal-required]
    if smallest_crop < 1 and "seed" in batch:
        random_crop(batch, smallest_crop)
    if augment is not None:
        augment.pictures(batch)
    if "trimap" in batch:
        batch["trimap"] = three_valued(batch["trimap"], batch["alpha"])
    if "captured_background" in batch:
        behind = batch["captured_background"] if mismatch is None else mismatch(batch)
        if "image" not in batch:
            batch["image"] = composite(batch["foreground"], behind, batch["alpha"])
    derive(batch, needs, trimap_band)
    if augment is not None:
        augment.camera_noise(batch)
    lacking = sorted(set(needs) - set(batch))
    if lacking:
        raise BgrError(
            f"the data set gives {', '.join(given)}, and the model needs {', '.join(lacking)} too",
            "a data set that gives or composites them, such as data=synthetic or data=folder",
        )
    return batch


def derive(batch: Batch, needs: Collection[str], trimap_band: Sequence[float]) -> None:
    """Add the needed keys that follow from others."""
    missing = set(needs) - set(batch)
    if "foreground" in missing:
        batch["foreground"] = batch["image"]
    if "trimap" in missing:
        batch["trimap"] = trimaps(batch, trimap_band)
    if "mask" in missing:
        batch["mask"] = (batch["alpha"] >= 0.5).float()
    if {"high_res", "low_res"} & missing:
        batch["high_res"] = batch["image"]
        if "target_background" in batch:
            batch["high_res"] = composite(
                batch["foreground"], batch["target_background"], batch["alpha"]
            )
        batch["low_res"] = halved(batch["high_res"])


def trimaps(batch: Batch, band: Sequence[float]) -> Tensor:
    """Trimaps from the mattes of a batch, (B, 1, H, W) of 0, 128/255 and 1."""
    side = min(batch["alpha"].shape[-2:])
    if "seed" not in batch or band[0] == band[1]:
        return trimap_from_alpha(batch["alpha"], max(1, round(side * sum(band) / 2)))
    radii = (side * Draws(batch, BAND_STREAM).uniform(band[0], band[1])).round().clamp(min=1)
    pairs = zip(batch["alpha"], radii.int().tolist(), strict=True)
    return torch.stack([trimap_from_alpha(alpha[None], radius)[0] for alpha, radius in pairs])


def random_crop(batch: Batch, smallest: float) -> None:
    """Scale all pictures of a batch to the longer of two drawn sides, and crop the middle.

    Source: the code of BackgroundMattingV2, 256 to 512 of 512 pixels.
    """
    keys = [key for key, value in batch.items() if isinstance(value, Tensor) and value.ndim == 4]
    height, width = batch[keys[0]].shape[-2:]  # type: ignore[literal-required]
    draws = Draws({"seed": batch["seed"][:1]}, CROP_STREAM)
    share_h, share_w = (float(draws.uniform(smallest, 1)) for _ in range(2))
    h, w = (
        max(CROP_STEP, round(side * share / CROP_STEP) * CROP_STEP)
        for side, share in ((height, share_h), (width, share_w))
    )
    scale = max(h / height, w / width)
    size = [max(h, round(height * scale)), max(w, round(width * scale))]
    top, left = (size[0] - h) // 2, (size[1] - w) // 2
    for key in keys:
        scaled = bilinear(batch[key], size)  # type: ignore[literal-required]
        batch[key] = scaled[..., top : top + h, left : left + w]  # type: ignore[literal-required]
