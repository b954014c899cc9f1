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


def load_published(
    module: nn.Module,
    state: Mapping[str, Tensor],
    source: str,
    fresh: tuple[str, ...] = (),
    ignored: tuple[str, ...] = (),
) -> None:
    """Load a state_dict of a published network, but for the layers that are new here.

    Args:
        module: the network.
        state: the weights.
        source: their name in messages.
        fresh: prefixes of the network's keys that keep their own weights.
        ignored: prefixes of the file's keys that have no place in the network.

    Raises:
        BgrError: any other layer is missing, superfluous or of another shape.
    """
    own = module.state_dict()
    wanted = {k for k in own if not k.startswith(fresh)} if fresh else set(own)
    given = {k: v for k, v in state.items() if not k.startswith((*fresh, *ignored))}
    wrong = [k for k in wanted if k in given and given[k].shape != own[k].shape]
    wrong += [k for k in wanted - set(given) if not k.endswith("num_batches_tracked")]
    wrong += list(set(given) - wanted)
    if wrong:
        raise BgrError(
            f"weights {source!r} are of another network than {type(module).__name__}: "
            f"{len(wrong)} layers differ, such as {', '.join(sorted(wrong)[:3])}",
            f"keys such as {', '.join(sorted(wanted)[:3])}",
        )
    module.load_state_dict(given, strict=False)
