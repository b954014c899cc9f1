"""Weights & Biases without surprises."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import wandb
from pytorch_lightning.loggers import WandbLogger

from bgr.io.files import write_text
from bgr.io.images import ImageArray


def make_wandb_logger(folder: str, name: str, project: str = "bgr") -> WandbLogger:
    """A logger that is offline by itself where no key is set, never prompts, and resumes its run.

    Args:
        folder: the run's folder; the W&B run keeps its id there.
        name: name of the run.
        project: W&B project.
    """
    id_file = Path(folder) / "wandb_id"
    run_id = id_file.read_text() if id_file.is_file() else secrets.token_hex(4)
    write_text(id_file, run_id)
    has_key = bool(os.environ.get("WANDB_API_KEY")) or _has_login()
    mode = os.environ.get("WANDB_MODE")
    offline = mode == "offline" if mode else not has_key
    return WandbLogger(
        name=name, save_dir=folder, project=project, id=run_id, resume="allow", offline=offline
    )


def publish(
    logger: WandbLogger,
    scores: Mapping[str, float],
    panels: Mapping[str, Sequence[tuple[str, ImageArray]]],
    checkpoint: Path,
) -> None:
    """Add a finished run's test scores, panels and best checkpoint to its W&B run, and close it.

    Args:
        logger: logger of the run.
        scores: metric -> mean on the test split.
        panels: heading -> captioned panels.
        checkpoint: file that becomes a model artefact.
    """
    run = logger.experiment
    run.summary.update({f"test/{metric}": value for metric, value in scores.items()})
    for heading, captioned in panels.items():
        images = [wandb.Image(picture, caption=caption) for caption, picture in captioned]
        run.log({heading: images})
    artifact = wandb.Artifact(f"model-{run.id}", type="model")
    artifact.add_file(str(checkpoint))
    run.log_artifact(artifact)
    run.finish()


def _has_login() -> bool:
    """Whether `wandb login` has stored a key in ~/.netrc."""
    netrc = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text()
