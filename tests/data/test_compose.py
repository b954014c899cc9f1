"""What a batch is completed with before a system sees it."""

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from bgr.data.compose import compose
from bgr.data.folder import FolderDataset
from bgr.data.synthetic import SyntheticDataset
from bgr.errors import BgrError
from bgr.ops.trimap import UNKNOWN, trimap_from_alpha
from bgr.types import Batch


def batch(**needs: Any) -> Batch:
    dataset = SyntheticDataset("train", (48, 64), 4, **needs)
    collated: Batch = default_collate([dataset[0], dataset[1]])
    return collated


def test_image_is_composited_and_targets_are_derived() -> None:
    needs = ("image", "target_background", "high_res", "low_res", "mask")
    made = compose(batch(needs=needs), needs)
    alpha = made["alpha"]
    over = alpha * made["foreground"] + (1 - alpha) * made["target_background"]
    torch.testing.assert_close(made["high_res"], over)
    assert made["low_res"].shape == (2, 3, 24, 32)
    assert set(made["mask"].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(made["target_background"], made["captured_background"])


def test_without_a_target_the_high_resolution_is_the_image() -> None:
    made = compose(batch(), ("low_res", "high_res"))
    assert torch.equal(made["high_res"], made["image"])


def test_asking_for_more_does_not_change_the_rest() -> None:
    plain, more = batch(), batch(needs=("target_background",))
    for key in plain:
        if key not in ("seed", "name"):
            assert torch.equal(plain[key], more[key])


def test_what_cannot_be_given_is_named() -> None:
    with pytest.raises(BgrError, match=r"gives alpha, captured_background(.|\n)*target_background"):
        compose(batch(), ("target_background",))


def test_photos_are_composited_for_a_model_that_needs_backgrounds(portraits: Any) -> None:
    needs = ("image", "captured_background", "target_background")
    for split in ("train", "val", "test"):
        dataset = FolderDataset(str(portraits), split, (32, 32), needs=needs)
        item = dataset[0]
        assert not torch.equal(item["captured_background"], item["target_background"])
        assert not torch.equal(item["captured_background"], item["foreground"])
        assert torch.equal(dataset[0]["target_background"], item["target_background"])


def test_trimap_is_three_valued_and_right() -> None:
    """Against OpenCV's morphology on a matte with a soft edge, and nothing known is wrong."""
    alpha = np.zeros((40, 60), np.float32)
    cv2.circle(alpha, (30, 20), 12, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
    alpha[alpha < 0.002], alpha[alpha > 0.998] = 0, 1
    trimap = trimap_from_alpha(torch.from_numpy(alpha)[None, None], radius=2)[0, 0].numpy()
    kernel = np.ones((5, 5), np.uint8)
    sure = cv2.erode((alpha > 0.999).astype(np.uint8), kernel)
    possible = cv2.dilate((alpha > 0.001).astype(np.uint8), kernel)
    expected = np.where(sure > 0, 1.0, np.where(possible > 0, UNKNOWN, 0.0))
    np.testing.assert_allclose(trimap, expected, atol=1e-7)
    assert (alpha[trimap == 1] == 1).all()
    assert (alpha[trimap == 0] == 0).all()


def test_super_resolution_takes_photos_without_mattes(portraits: Any) -> None:
    for root in (portraits / "image", portraits):
        dataset = FolderDataset(str(root), "train", (32, 32), needs=("low_res", "high_res"))
        made = compose(default_collate([dataset[0]]), ("low_res", "high_res"))
        assert set(made) == {"image", "low_res", "high_res", "name", "seed"}
