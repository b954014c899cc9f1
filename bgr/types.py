"""What a sample and a batch hold.

Every tensor is RGB. A dataset returns uint8 tensors without the batch dimension; after
`bgr.data.compose` every image tensor is float32 in [0, 1] with the batch dimension B. Papers' names
map onto these keys: `src` is image, `pha` is alpha, `fgr` is foreground, `bgr` is captured_background.
"""

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict, total=False):
    """One batch; which keys are present depends on the dataset.

    Attributes:
        image: what the camera saw, (B, 3, H, W).
        alpha: true matte, (B, 1, H, W); 1 is person.
        foreground: true colour of the person, (B, 3, H, W); free where alpha is 0.
        captured_background: the empty room that the camera saw, (B, 3, H, W).
        seed: per-sample seed of the augmentation on the batch, (B,) int64; train split only.
        name: file name or index of each sample, B strings.
    """

    image: Tensor
    alpha: Tensor
    foreground: Tensor
    captured_background: Tensor
    seed: Tensor
    name: list[str]
