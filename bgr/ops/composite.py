"""Alpha compositing."""

from torch import Tensor


def composite(foreground: Tensor, background: Tensor, alpha: Tensor) -> Tensor:
    """Place a foreground over a background: alpha * foreground + (1 - alpha) * background.

    Args:
        foreground: (B, 3, H, W) float in [0, 1], not premultiplied.
        background: (B, 3, H, W) float in [0, 1].
        alpha: (B, 1, H, W) float in [0, 1].

    Returns:
        (B, 3, H, W) float in [0, 1].
    """
    return background + alpha * (foreground - background)
