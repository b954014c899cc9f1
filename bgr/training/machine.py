"""How a network runs on this machine: precision, memory format, memory allocator."""

import ctypes
import sys
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bgr.errors import BgrError

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")

# Dense kernels wider than 1x1 are what bf16 matrix units accelerate. Measured on a CPU with AMX:
# ResNet-like networks (share 0.5 and more) gain 2.5x, depthwise ones (share below 0.01) lose.
DENSE_SHARE = 0.25
DENSE_GROUP = 3  # channels of a group, from which on a convolution counts as dense


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
    """Share of a network's convolution weights in kernels larger than 1x1 that are not depthwise."""
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    dense = sum(
        m.weight.numel()
        for m in convolutions
        if m.in_channels // m.groups >= DENSE_GROUP and max(m.kernel_size) > 1
    )
    return dense / max(1, sum(m.weight.numel() for m in convolutions))


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return False


class Float32Conv2d(nn.Conv2d):
    """A convolution that stays in float32 under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float()).to(x.dtype)


def apply_numerics(network: nn.Module, numerics: Numerics, device: torch.device) -> None:
    """Lay out the network's weights and inputs, and keep float32 where bf16 is slow, in place.

    On a CPU, the backward pass of a depthwise convolution with stride or dilation takes 4 to 10 times
    as long in bf16 as in float32 (measured with oneDNN of torch 2.15), so these stay in float32.
    """
    if numerics.channels_last:
        network.to(memory_format=torch.channels_last)
        network.register_forward_pre_hook(_channels_last)
    if device.type == "cpu" and numerics.precision == "bf16-mixed":
        for module in network.modules():
            if type(module) is nn.Conv2d and _slow_in_bf16(module):
                module.__class__ = Float32Conv2d


def _slow_in_bf16(module: nn.Conv2d) -> bool:
    depthwise = module.groups == module.in_channels > 1
    return depthwise and max(*module.stride, *module.dilation) > 1


def _channels_last(network: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in inputs)


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
