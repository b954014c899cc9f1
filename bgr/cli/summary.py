"""`bgr summary`: a model's layers, parameters, MACs and activation size."""

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf

from bgr.config import build, run_verb
from bgr.errors import BgrError


def main() -> None:
    """Run the verb."""
    run_verb(summary, "summary")


def summary(config: DictConfig) -> None:
    """Print the table, the sums and what the paper reports."""
    from rich.console import Console
    from rich.table import Table

    from bgr.bench.summary import REPORTED, summarise

    size = parse_size(config.size)
    system = build(config.model)
    result = summarise(system, size)
    table = Table("layer", "module", "output", "parameters", box=None)
    for layer in result.layers:
        shape = " x ".join(str(side) for side in layer.shape)
        table.add_row(
            layer.name, layer.kind, shape, f"{layer.parameters:,}" if layer.parameters else ""
        )
    console = Console()
    console.print(table)
    name = type(system.network).__name__
    lines = [
        f"{name}, input {size[0]}x{size[1]} (HxW), one image",
        f"parameters    {result.parameters:,} ({result.trainable:,} trainable)",
        f"MACs          {result.macs / 1e9:.3f} G (convolutions and products)",
        f"activations   {result.activations:.2f} MB forward and backward (torchsummary's convention)",
    ]
    if hasattr(system, "discriminator"):
        count = sum(p.numel() for p in system.discriminator.parameters())
        lines.append(f"discriminator {count:,} parameters, {result.parameters + count:,} in all")
    if name in REPORTED:
        at, figures = REPORTED[name]
        other = (
            f" at {at[0]}x{at[1]}; run with size={at[0]}x{at[1]}" if at not in (None, size) else ""
        )
        lines.append(f"reported      {figures}{other}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def parse_size(size: Any) -> tuple[int, int]:
    """Height and width from `240x320` or a list of both.

    Raises:
        BgrError: neither of these.
    """
    sides = list(size) if OmegaConf.is_list(size) else re.split("[x,]", str(size))
    if len(sides) != 2 or not all(str(s).isdecimal() and int(s) > 0 for s in sides):
        raise BgrError(f"size is {size!r}", "height x width, such as size=240x320")
    return int(sides[0]), int(sides[1])
