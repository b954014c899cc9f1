"""How a network runs on this machine: precision, memory format, memory allocator."""

import ctypes
import sys
from typing import NamedTuple

import torch
from torch import nn

from bgr.errors import BgrError

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")

# Dense kernels wider than 1x1 are what bf16 matrix units accelerate. Measured on a CPU with AMX:
# ResNet-like networks (share 0.5 and more) gain 2.5x, depthwise ones (share below 0.01) lose.
DENSE_SHARE = 0.25


class Numerics(NamedTuple):
    """What was chosen, and why.

    Attributes:
        precision: Lightning's name of the precision.
        channels_last: whether the network's weights, and with them its activations, are NHWC.
        reason: one line for the user.
    """

    precision: str
    channels_last: bool
    reason: str

    def describe(self) -> str:
        """One line: precision, memory format, reason."""
        layout = "channels-last" if self.channels_last else "contiguous"
        return f"{self.precision}, {layout} ({self.reason})"


def choose_numerics(network: nn.Module, device: torch.device, precision: str = "auto") -> Numerics:
    """Choose the precision and the memory format of a network on a device.

    The choice depends on the network and the device alone, so that a run can be repeated.

    Args:
        network: the network.
        device: where it will run.
        precision: `auto`, or a precision that is taken as given.

    Raises:
        BgrError: an unknown precision.
    """
    precision = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}.get(precision, precision)
    if precision not in PRECISIONS:
        raise BgrError(f"precision is {precision!r}", f"one of {', '.join(PRECISIONS)}")
    channels_last = any(isinstance(m, nn.Conv2d) for m in network.modules())
    if precision != "auto":
        return Numerics(precision, channels_last, "precision as given")
    share = dense_share(network)
    if not _has_bf16(device):
        return Numerics("32-true", channels_last, f"no fast bf16 on this {device.type}")
    if device.type == "cpu" and share < DENSE_SHARE:
        reason = f"{share:.0%} of the convolution weights are dense: bf16 does not pay on a CPU"
        return Numerics("32-true", channels_last, reason)
    return Numerics(
        "bf16-mixed", channels_last, f"{share:.0%} of the convolution weights are dense"
    )


def dense_share(network: nn.Module) -> float:
    """Share of a network's convolution weights in ungrouped kernels larger than 1x1."""
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    dense = sum(m.weight.numel() for m in convolutions if m.groups == 1 and max(m.kernel_size) > 1)
    return dense / max(1, sum(m.weight.numel() for m in convolutions))


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return False


def apply_numerics(network: nn.Module, numerics: Numerics) -> None:
    """Lay out the network's weights, in place."""
    if numerics.channels_last:
        network.to(memory_format=torch.channels_last)


def keep_freed_memory() -> None:
    """Let glibc keep freed tensors instead of returning them to the kernel; a no-op elsewhere.

    Training allocates and frees the same large activations every step; returned pages are zeroed and
    mapped again each time, which costs about 5 % of a CPU training step of PortraitNet.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        m_trim_threshold, m_mmap_max = -1, -4
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)
