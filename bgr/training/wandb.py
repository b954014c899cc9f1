"""Weights & Biases without surprises."""

import os
from pathlib import Path

from pytorch_lightning.loggers import WandbLogger


def make_wandb_logger(folder: str, name: str, project: str = "bgr") -> WandbLogger:
    """A logger that is offline by itself where no key is set, never prompts, and resumes its run.

    Args:
        folder: the run's folder; the W&B run keeps its id there.
        name: name of the run.
        project: W&B project.
    """
    has_key = bool(os.environ.get("WANDB_API_KEY")) or _has_login()
    id_file = Path(folder) / "wandb_id"
    run_id = id_file.read_text() if id_file.is_file() else None
    mode = os.environ.get("WANDB_MODE")
    offline = mode == "offline" if mode else not has_key
    logger = WandbLogger(
        name=name,
        save_dir=folder,
        project=project,
        id=run_id,
        resume="allow",
        offline=offline,
        log_model=not offline,
    )
    id_file.write_text(str(logger.experiment.id))
    return logger


def _has_login() -> bool:
    """Whether `wandb login` has stored a key in ~/.netrc."""
    netrc = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text()
