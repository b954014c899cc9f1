"""Objects of a run from its configuration, bottom-up; shared by the verbs."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch
from omegaconf import DictConfig, OmegaConf

from bgr.config import build, dotted_keys
from bgr.data.dataset import MattingDataset, Split, check_split
from bgr.errors import BgrError
from bgr.evaluation.evaluator import Evaluator
from bgr.systems.base import MattingSystem
from bgr.training.run import load_weights


def build_datasets(
    config: DictConfig, systems: Sequence[MattingSystem], splits: Sequence[Split] = get_args(Split)
) -> dict[Split, MattingDataset]:
    """Datasets of a run's configuration, one a split, with what all of some systems need."""
    for split in splits:  # before a constructor looks for the split's files
        check_split(split)
    size = [side * systems[0].scale for side in config.size]
    handed = {"size": size, "seed": config.seed, "needs": needs_of(systems)}
    geometry = build(config.geometry, size=size)
    return {s: build(config.data, split=s, geometry=geometry, **handed) for s in splits}


def needs_of(systems: Sequence[MattingSystem]) -> tuple[str, ...]:
    """Batch keys that any of some systems reads."""
    return tuple(dict.fromkeys(key for system in systems for key in system.needs))


def build_evaluator(config: DictConfig, system: MattingSystem) -> Evaluator:
    """The evaluator of a run's configuration.

    Raises:
        BgrError: it measures something that the system does not predict.
    """
    evaluator: Evaluator = build(config.evaluator)
    for metric, subject in evaluator.subjects.items():
        if subject not in system.predicts:
            raise BgrError(
                f"the evaluator measures {metric} of {subject}",
                f"metrics of {', '.join(system.predicts)}, which {type(system).__name__} predicts",
                "choose another evaluator=, or leave it to the model",
            )
    return evaluator


def without_weights(model: DictConfig, keep: tuple[str, ...] = ()) -> DictConfig:
    """A model's configuration whose networks start from random weights.

    A checkpoint holds all weights of a run, so the published files it began with are not needed again.

    Args:
        model: the configuration.
        keep: prefixes of keys that stay as they are.
    """
    changed = model.copy()
    for key in dotted_keys(changed):
        if key.rpartition(".")[2] == "weights" and not key.startswith(keep):
            OmegaConf.update(changed, key, None)
    return changed


def load_system(config: DictConfig, path: Path, device: torch.device) -> MattingSystem:
    """A run's system with the weights of a checkpoint, in eval mode on a device."""
    system: MattingSystem = build(without_weights(config.model))
    load_weights(system, path)
    return system.eval().to(device)


def checkpoint_path(run: str, checkpoint: str) -> Path:
    """File of a run's checkpoint: `best`, `last`, or a path."""
    if checkpoint in ("best", "last"):
        return Path(run) / "checkpoints" / f"{checkpoint}.ckpt"
    return Path(checkpoint)


def trained_checkpoint(run: str) -> Path:
    """A run's best checkpoint, or its last where it stopped before any validation."""
    best = checkpoint_path(run, "best")
    return best if best.is_file() else checkpoint_path(run, "last")


def resolve_device(name: str) -> torch.device:
    """Device by name; `gpu` is CUDA or MPS, `auto` is that or the CPU.

    Raises:
        BgrError: an unknown name, or a device this machine does not have.
    """
    here = {
        "cpu": True,
        "mps": torch.backends.mps.is_available(),
        "cuda": torch.cuda.is_available(),
    }
    gpu = "mps" if here["mps"] else "cuda"
    name = {"auto": gpu if here[gpu] else "cpu", "gpu": gpu}.get(name, name)
    if not here.get(name.partition(":")[0], False):
        found = ", ".join(device for device, present in here.items() if present)
        raise BgrError(f"no device {name!r} on this machine", f"auto or one of {found}")
    return torch.device(name)
