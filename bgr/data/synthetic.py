"""Procedural portraits with exact alpha and foreground: training and tests without a download.

The subjects are people-like (torso, arms, neck, head, hair) and carry what makes matting hard: hair
strands thinner than a pixel, edges of varying softness, holes between arm and body, and clothes whose
colour and texture come close to the background's.
"""

from collections.abc import Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bgr.data.dataset import MattingDataset, Split
from bgr.data.figures import person
from bgr.data.geometry import Geometry
from bgr.data.textures import Rng, clothes, skin, texture, textured_background
from bgr.io.images import ImageArray


class SyntheticDataset(MattingDataset):
    """Procedural portraits over procedural backgrounds.

    Positions of the train split go on for ever without repeating; val and test are fixed sets.

    Args:
        split: `train`, `val` or `test`.
        size: height and width of a sample.
        length: samples of a train epoch.
        val_length: samples of the val split.
        test_length: samples of the test split.
        seed: seed of the train split.
        geometry: random warp of the train split.
        needs: batch keys that the model reads.
    """

    def __init__(
        self,
        split: Split,
        size: Sequence[int],
        length: int = 2000,
        val_length: int = 100,
        test_length: int = 200,
        seed: int = 0,
        geometry: Geometry | None = None,
        needs: Collection[str] = (),
    ) -> None:
        super().__init__(split, size, seed, geometry, needs)
        self.length = {"train": length, "val": val_length, "test": test_length}[split]

    def __len__(self) -> int:
        return self.length

    def name(self, index: int) -> str:
        return f"synthetic_{self.split}_{index:05d}"

    def sample(self, index: int, rng: Rng) -> dict[str, ImageArray]:
        height, width = self.height, self.width
        background = textured_background(rng, height, width)
        covers = person(rng, height, width)
        layers = (
            clothes(rng, background),
            texture(rng, height, width, skin(rng), 12),
            texture(rng, height, width, rng.uniform(10, 190, 3), 30),
        )
        foreground, alpha = _stacked(layers, covers)
        alpha = _soften(alpha, rng)
        arrays = {
            "foreground": foreground.round().astype(np.uint8),
            "alpha": alpha.round().astype(np.uint8),
            "captured_background": background,
        }
        if "target_background" in self.needs:
            arrays["target_background"] = textured_background(rng, height, width)
        return arrays


def _stacked(
    layers: Sequence[NDArray[np.float32]], covers: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stack layers (H, W, 3) with their covers (H, W), 0 to 255, the last on top.

    Returns:
        Colour that is not premultiplied, (H, W, 3), and alpha (H, W), both 0 to 255. A little blurred
        cover is added to the weights, so that the colour goes on beyond the outline.
    """
    rest = np.ones_like(covers[0])
    premultiplied, total = np.zeros_like(layers[0]), np.full_like(covers[0], 1e-6)
    for layer, cover in zip(reversed(layers), reversed(covers), strict=True):
        share = cover / 255
        weight = rest * share + np.float32(1e-3) * cv2.blur(share, (9, 9))
        premultiplied += weight[..., None] * layer
        total += weight
        rest *= 1 - share
    colour: NDArray[np.float32] = premultiplied / total[..., None]
    return colour.clip(0, 255), (1 - rest) * 255


def _soften(alpha: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Blur a smoothly varying part of the outline, as focus and motion do."""
    height, width = alpha.shape
    if rng.random() < 0.35:
        return alpha
    blurred = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.4, 0.008 * height + 0.5))
    where = cv2.resize(rng.random((3, 3), dtype=np.float32), (width, height))
    mixed: NDArray[np.float32] = alpha + (blurred - alpha) * where.clip(0, 1)
    return mixed.clip(0, 255)
