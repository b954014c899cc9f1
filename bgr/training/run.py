"""One training run: from built objects to a folder with checkpoints, metrics and provenance."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from rich.console import Console

from bgr.data.datamodule import DataModule
from bgr.errors import BgrError
from bgr.io.checkpoints import load_checkpoint
from bgr.systems.base import MattingSystem
from bgr.training.metrics_file import MetricsFile


def quiet_lightning() -> None:
    """Leave out Lightning's notices about the hardware and its own services; errors stay."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning.utilities._pytree")
    # The order of samples is a function of the steps done, so the loader needs no state of its own.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than")
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message=".*this fit will run with no optimizer")
    # Frozen parts of a network are in eval mode on purpose.
    warnings.filterwarnings("ignore", message="Found .* module.s. in eval mode at the start")
    warnings.filterwarnings("ignore", message="You defined a `validation_step` but have no")
    warnings.filterwarnings("ignore", message="The dirpath has changed from")  # a moved run


class StoredConfig(pl.Callback):
    """Stores the resolved configuration in every checkpoint, as plain data.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["config"] = self.config


def load_weights(system: MattingSystem, path: Path, may_lack: tuple[str, ...] = ()) -> None:
    """Load a checkpoint's weights into a system.

    Args:
        system: the system.
        path: the checkpoint.
        may_lack: prefixes of weights that stay as they are where the checkpoint has none of them.

    Raises:
        BgrError: the file cannot be read, or is a checkpoint of another model.
    """
    checkpoint = load_checkpoint(path)
    try:
        state = checkpoint["state_dict"]
        for prefix in may_lack:
            if not any(key.startswith(prefix) for key in state):
                own = system.state_dict()
                state = {**state, **{k: v for k, v in own.items() if k.startswith(prefix)}}
        system.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        first = next((line.strip() for line in str(error).splitlines()[1:]), str(error))
        raise BgrError(
            f"{path} is a checkpoint of another model: {first[:200]}",
            f"weights of {type(system.network).__name__} in {type(system).__name__}",
            "use the model the checkpoint was trained with (config.yaml beside it names it)",
        ) from error


def fit(trainer: pl.Trainer, system: MattingSystem, data: DataModule, resume: Path | None) -> None:
    """Train, from the start or from a checkpoint.

    Raises:
        BgrError: the checkpoint cannot be read, or a trainer setting does not suit the system.
        Stopped: a signal stopped the run; its state is saved.
    """
    if resume is not None:
        checkpoint = load_checkpoint(resume)
        step = checkpoint["global_step"]
        if not system.automatic_optimization:  # there a step may move two optimisers
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
            step = progress["total"]["processed"]
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                logger.resume(step)
        Console(stderr=True).print(f"going on after step {step} of {resume}", highlight=False)
    try:
        trainer.fit(system, datamodule=data, ckpt_path=resume)
    except MisconfigurationException as error:
        raise BgrError(f"the trainer and the model do not fit: {error}") from error
