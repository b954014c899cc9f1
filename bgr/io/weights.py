"""Published weights by name, and weights from files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn

from bgr.errors import BgrError
from bgr.io.checkpoints import load_checkpoint


def read_weights(weights: str, published: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read a state_dict.

    Args:
        weights: a name of `published`, which is downloaded once, or a file.
        published: torchvision's weight enumerations by name.

    Raises:
        BgrError: the download failed (with the file to place by hand), or the file cannot be read.
    """
    if weights in published:
        source = published[weights]
        target = Path(torch.hub.get_dir()) / "checkpoints" / Path(source.url).name
        try:
            state: dict[str, Tensor] = source.get_state_dict(progress=True, check_hash=True)
        except (URLError, OSError, RuntimeError) as error:
            raise BgrError(
                f"cannot get the weights {weights!r}: {error}",
                f"a connection to {source.url}, or that file as {target}",
                f"download it elsewhere and put it there, or give weights=<file>, or weights=null "
                f"to start from random weights ({target.name} is the file's name)",
            ) from error
        return state
    if not Path(weights).is_file():
        known = "".join(f"{name}, " for name in published)
        raise BgrError(f"no weights {weights!r}", f"{known}a file, or null")
    checkpoint = load_checkpoint(Path(weights))
    inner: dict[str, Tensor] = checkpoint.get("state_dict", checkpoint)
    return inner


def load_matching(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load the entries of a state_dict whose name and shape fit; layers of other shapes stay fresh.

    Raises:
        BgrError: none of the module's weights is in the state_dict.
    """
    own = module.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    if not any(v.is_floating_point() for v in fitting.values()):
        raise BgrError(
            f"weights {source!r} hold nothing for {type(module).__name__}: "
            f"first keys {', '.join(list(state)[:3])}",
            f"keys such as {', '.join(list(own)[:3])}",
        )
    module.load_state_dict(fitting, strict=False)
