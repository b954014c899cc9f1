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
        target_background: what the user wants behind the person, (B, 3, H, W).
        trimap: 0 background, 128/255 unknown, 1 foreground, (B, 1, H, W).
        mask: 1 where alpha is one half or more, else 0, (B, 1, H, W).
        high_res: the image wanted at full resolution, (B, 3, H, W): the person over the target
            background where there is one, else `image`.
        low_res: `high_res` at half its sides, (B, 3, H/2, W/2).
        seed: per-sample seed of the augmentation on the batch, (B,) int64; train split only.
        name: file name or index of each sample, B strings.
    """

    image: Tensor
    alpha: Tensor
    foreground: Tensor
    captured_background: Tensor
    target_background: Tensor
    trimap: Tensor
    mask: Tensor
    high_res: Tensor
    low_res: Tensor
    seed: Tensor
    name: list[str]
