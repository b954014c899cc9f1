"""The built-in data: exact, deterministic, hard where matting is hard."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from bgr.data.compose import compose
from bgr.data.synthetic import SyntheticDataset


def test_a_sample_depends_on_seed_and_position_alone() -> None:
    one, other = (SyntheticDataset("train", (48, 64), length=5, seed=3) for _ in range(2))
    other[9]
    for key, value in one[7].items():
        assert (
            torch.equal(torch.as_tensor(value), torch.as_tensor(other[7][key]))
            if key != "name"
            else True
        )
    assert not torch.equal(one[2]["foreground"], one[7]["foreground"])  # same index, next epoch
    reseeded = SyntheticDataset("train", (48, 64), length=5, seed=4)
    assert not torch.equal(one[2]["foreground"], reseeded[2]["foreground"])


def test_val_and_test_are_fixed_and_differ_from_train() -> None:
    first = {
        s: SyntheticDataset(s, (32, 32), seed=1)[0]["captured_background"]
        for s in ("train", "val", "test")
    }
    again = SyntheticDataset("test", (32, 32), seed=2)[0]["captured_background"]
    assert torch.equal(first["test"], again)
    assert not torch.equal(first["train"], first["val"])
    assert not torch.equal(first["test"], first["val"])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_the_samples(workers: int) -> None:
    dataset = SyntheticDataset("train", (32, 32), length=6)
    alone = [b["alpha"] for b in DataLoader(dataset, batch_size=2)]
    shared = [b["alpha"] for b in DataLoader(dataset, batch_size=2, num_workers=workers)]
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_image_is_the_composite_of_its_parts() -> None:
    dataset = SyntheticDataset("test", (64, 48))
    batch = compose(default_collate([dataset[i] for i in range(4)]))
    a, f, b = batch["alpha"], batch["foreground"], batch["captured_background"]
    assert batch["image"].shape == (4, 3, 64, 48)
    assert (batch["image"] - (a * f + (1 - a) * b)).abs().max() < 1 / 255


def test_mattes_hold_what_makes_matting_hard() -> None:
    """Partial coverage, holes, strands thinner than a pixel, colours close to the background."""
    dataset = SyntheticDataset("test", (128, 128))
    partial, share, close = [], [], 0
    for i in range(40):
        sample = {k: v.numpy().astype(float) for k, v in dataset[i].items() if k != "name"}
        alpha = sample["alpha"][0] / 255
        partial.append(((alpha > 0.05) & (alpha < 0.95)).mean())
        share.append(alpha.mean())
        inside = alpha > 0.9
        clothes = sample["foreground"][:, inside].mean(axis=1)
        distance = np.abs(sample["captured_background"] - clothes[:, None, None]).mean(axis=0)
        close += bool((distance < 25).mean() > 0.1)
    assert 0.01 < np.mean(partial) < 0.2
    assert 0.15 < np.mean(share) < 0.6
    assert close >= 5
