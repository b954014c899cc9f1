"""Weights that depend on their names and shapes alone, by the recipe of the architecture oracles."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def draw(text: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(text.encode()) & 0xFFFFFFFF)


def filled(network: nn.Module, override: Mapping[str, Any]) -> nn.Module:
    """Weights that depend on their names and shapes alone."""
    state: dict[str, Tensor] = {}
    for key, old in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(old)
            continue
        n = draw(key).standard_normal(tuple(old.shape))
        if key.endswith("running_var"):
            n = 1 + 0.1 * np.abs(n)
        elif old.ndim >= 2:
            n = n * np.sqrt(1.5 / np.prod(old.shape[1:]))
        else:
            n = 0.1 * n + (1 if key.endswith("weight") else 0)
        state[key] = torch.from_numpy(np.asarray(n, np.float32))
    for layer, values in override.items():
        scale, bias = torch.tensor(values["scale"]), torch.tensor(values["bias"])
        state[f"{layer}.weight"][: len(scale)] *= scale.view(-1, 1, 1, 1)
        state[f"{layer}.bias"][: len(bias)] = bias
    network.load_state_dict(state)
    return network.eval()
