"""Photometric augmentation: per sample, reproducible, within range."""

import torch

from bgr.data.augment import PhotometricAugment


def test_each_sample_draws_from_its_own_seed() -> None:
    torch.manual_seed(0)
    image = torch.rand(3, 3, 16, 16)
    seeds = torch.tensor([5, 6, 7])
    augment = PhotometricAugment()
    together = augment({"image": image.clone(), "seed": seeds})["image"]
    alone = augment({"image": image[1:2].clone(), "seed": seeds[1:2]})["image"]
    torch.testing.assert_close(together[1:2], alone)
    assert not torch.allclose(together, image)
    assert together.min() >= 0
    assert together.max() <= 1


def test_evaluation_batches_stay_as_they_are() -> None:
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(PhotometricAugment()({"image": image.clone()})["image"], image)


def test_the_true_colours_change_with_the_image() -> None:
    """But for the noise, which is the camera's."""
    image = torch.rand(2, 3, 8, 8)
    batch = {"image": image.clone(), "foreground": image.clone(), "seed": torch.tensor([1, 2])}
    made = PhotometricAugment(noise=0.0)(batch)
    assert torch.equal(made["image"], made["foreground"])
    assert not torch.allclose(made["foreground"], image)
