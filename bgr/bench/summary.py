"""Layers, parameters, MACs and activation size of a network."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bgr.bench.step import random_batch
from bgr.systems.base import MattingSystem


class Layer(NamedTuple):
    """One call of a module.

    Attributes:
        name: dotted name in the network.
        kind: class of the module.
        shape: shape of the output without the batch.
        parameters: parameters of the module itself, not of its children.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


class Summary(NamedTuple):
    """What a network is made of, for one image.

    Attributes:
        layers: calls of all modules but containers (Sequential, ModuleList), in order.
        parameters: all parameters.
        trainable: those that are trained.
        macs: multiply-accumulate operations of convolutions and products.
        activations: size of the outputs of `layers` and of their gradients in MiB, as torchsummary's
            "Forward/backward pass size" counts it; functional operations are not in it.
    """

    layers: list[Layer]
    parameters: int
    trainable: int
    macs: int
    activations: float


# What the papers report: class of the network -> size (H, W) and the figures as printed.
REPORTED = {
    "UNet": (
        None,
        "28,957,481 parameters and 1200.33 MB of U-Net and ResNet-18 at 240x320 (paper 000, table of "
        "chapter 2) are 17,267,969 and 1103.91 MB of UNet with model.network.out_channels=1, and "
        "11,689,512 and 96.42 MB of a stock ResNet-18",
    ),
    "SRGenerator": ((240, 320), "467,843 parameters, 2144.53 MB (paper 000, chapter 3)"),
    "BGRSRGenerator": ((240, 320), "17,192,908 parameters, 2556.45 MB (paper 000, chapter 4)"),
    "MattingRefine": (
        None,
        "59,239,831 (resnet101), 40,247,703 (resnet50), 5,006,839 (mobilenetv2) parameters "
        "(arXiv 2012.07810, table 4)",
    ),
    "FCNResNet101": (
        None,
        "54,314,346 parameters of the 21-class network with its auxiliary head (torchvision); paper "
        "001 reports none",
    ),
    "PortraitNet": (None, "199,420 variables with BatchNorm statistics (code of MMNet 1.0)"),
}


def summarise(system: MattingSystem, size: Sequence[int]) -> Summary:
    """Call a system's network once on random input and note every module's output.

    Args:
        system: the system; its network is put into eval mode.
        size: height and width of the network's input.
    """
    network = system.network.eval().cpu()
    inputs = system.inputs(random_batch(system, size, 1))
    layers = observe(network, inputs)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    elements = sum(torch.Size(layer.shape).numel() for layer in layers)
    return Summary(
        layers,
        sum(p.numel() for p in network.parameters()),
        sum(p.numel() for p in network.parameters() if p.requires_grad),
        int(counter.get_total_flops()) // 2,
        elements * 4 * 2 / 2**20,
    )


@torch.no_grad()
def observe(network: nn.Module, inputs: Sequence[Tensor]) -> list[Layer]:
    """Every call of a module that is neither the network itself nor a container, in order of return."""
    layers: list[Layer] = []
    names = {module: name for name, module in network.named_modules()}

    def note(module: nn.Module, _: Any, output: Any) -> None:
        own = sum(p.numel() for p in module.parameters(recurse=False))
        for tensor in tensors(output):
            layers.append(Layer(names[module], type(module).__name__, tuple(tensor.shape[1:]), own))
            own = 0

    modules = [
        m
        for m in network.modules()
        if m is not network and type(m) not in (nn.Sequential, nn.ModuleList)
    ]
    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


def tensors(output: Any) -> list[Tensor]:
    """Tensors of a module's output."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        return [t for value in output.values() for t in tensors(value)]
    return [t for value in output or () for t in tensors(value)]
