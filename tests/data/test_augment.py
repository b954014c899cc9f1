"""Photometric augmentation: per sample, reproducible, within range, and the composite stays exact."""

import torch

from bgr.data.augment import PhotometricAugment
from bgr.data.compose import compose
from bgr.types import Batch

ALL = PhotometricAugment(jitter=0.2, hue=0.1, blur=0.5, sharpen=0.5, motion=0.5, noise=0.05)


def photos(count: int, side: int = 24) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(count, 3, side, side, generator=generator),
        "alpha": (torch.rand(count, 1, side, side, generator=generator) > 0.5).float(),
        "seed": torch.arange(5, 5 + count),
    }


def cutouts(count: int, side: int = 24) -> Batch:
    batch = photos(count, side)
    batch["foreground"] = batch.pop("image")
    batch["captured_background"] = batch["foreground"].flip(-1)
    return batch


def test_each_sample_draws_from_its_own_seed() -> None:
    together = compose(photos(6), augment=ALL)
    alone: Batch = {k: v[2:3] for k, v in photos(6).items()}  # type: ignore[index,misc,assignment]
    alone = compose(alone, augment=ALL)
    for key in ("image", "alpha"):
        torch.testing.assert_close(together[key][2:3], alone[key])  # type: ignore[literal-required]
    assert not torch.allclose(together["image"], photos(6)["image"])
    assert together["image"].min() >= 0
    assert together["image"].max() <= 1


def test_evaluation_batches_stay_as_they_are() -> None:
    batch = photos(2)
    del batch["seed"]
    image = batch["image"].clone()
    assert torch.equal(compose(batch, augment=ALL)["image"], image)


def test_the_true_colours_of_a_photo_change_with_it() -> None:
    """But for the noise, which is the camera's."""
    batch = photos(4)
    batch["foreground"] = batch["image"].clone()
    before = batch["foreground"]
    made = compose(batch, augment=PhotometricAugment(jitter=0.3, blur=1.0, motion=1.0, noise=0.0))
    assert torch.equal(made["image"], made["foreground"])
    assert not torch.allclose(made["foreground"], before)


def test_person_and_background_change_apart_and_their_composite_is_exact() -> None:
    batch = cutouts(8)
    before = {k: v.clone() for k, v in batch.items()}
    quiet = PhotometricAugment(jitter=0.3, hue=0.1, blur=0.5, sharpen=0.5, motion=0.5, noise=0.0)
    made = compose(batch, augment=quiet)
    alpha = made["alpha"]
    expected = alpha * made["foreground"] + (1 - alpha) * made["captured_background"]
    error = (made["image"] - expected).abs().amax(dim=(1, 2, 3))
    assert (error < 1 / 255).all()
    shift = (made["foreground"] - before["foreground"]).mean(dim=(1, 2, 3))
    behind = (made["captured_background"] - before["captured_background"]).mean(dim=(1, 2, 3))
    assert ((shift - behind).abs() > 0.01).sum() >= 4


def test_motion_spreads_the_matte_along_a_line_and_keeps_its_sum() -> None:
    alpha = torch.zeros(1, 1, 120, 120)
    alpha[..., 50:70, 50:70] = 1
    batch: Batch = {
        "image": alpha.expand(1, 3, -1, -1).clone(),
        "alpha": alpha.clone(),
        "seed": torch.tensor([3]),
    }
    made = compose(batch, augment=PhotometricAugment(jitter=0.0, gamma=0.0, motion=1.0, noise=0.0))[
        "alpha"
    ]
    torch.testing.assert_close(made.sum(), alpha.sum(), rtol=1e-4, atol=0)
    soft = (made > 0.01) & (made < 0.99)
    assert 20 < int(soft.sum()) < 400
    assert (made[alpha == 0] > 0).any()


def test_noise_has_the_strength_that_is_asked_for() -> None:
    grey = torch.full((64, 3, 32, 32), 0.5)
    batch: Batch = {"image": grey.clone(), "seed": torch.arange(64)}
    made = compose(
        batch, augment=PhotometricAugment(jitter=0.0, gamma=0.0, noise=0.1, noise_share=0.5)
    )
    spread = (made["image"] - grey).std(dim=(1, 2, 3))
    assert 15 < int((spread == 0).sum()) < 49
    assert spread.max() < 0.11
    assert spread.max() > 0.07
