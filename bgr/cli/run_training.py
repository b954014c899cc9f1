"""A training run from its configuration: build bottom-up, train, evaluate, publish."""

import math
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch.utils.data import default_collate

from bgr.cli import assemble
from bgr.cli.evaluate import evaluate_run
from bgr.config import build, plain
from bgr.data.compose import compose
from bgr.data.datamodule import DataModule
from bgr.data.dataset import MattingDataset
from bgr.errors import BgrError
from bgr.io.files import make_folder, write_text
from bgr.systems.base import MattingSystem
from bgr.training import machine
from bgr.training.provenance import write_environment
from bgr.training.run import StoredConfig, fit, load_weights, quiet_lightning
from bgr.training.stopping import AtomicCheckpointIO
from bgr.training.validation import Validation


def run_training(config: DictConfig, folder: Path) -> float:
    """Train and evaluate in a folder.

    Returns:
        The monitored metric of the best checkpoint; NaN when nothing was validated.
    """
    quiet_lightning()
    machine.keep_freed_memory()
    make_folder(folder)
    if config.trainer.devices != 1:
        raise BgrError(f"trainer.devices is {config.trainer.devices}", "1: a run uses one device")
    pl.seed_everything(config.seed, verbose=False)
    system = build_system(config)
    evaluator = assemble.build_evaluator(config, system)
    datasets = assemble.build_datasets(config, [system])
    data: DataModule = build(
        config.loader,
        datasets=datasets,
        seed=config.seed,
        augment=build(config.augment),
        mismatch=build(config.mismatch),
        needs=(*system.needs, *evaluator.needs),
    )
    device = assemble.resolve_device(config.trainer.accelerator)
    numerics = machine.choose_numerics(system.network, device, config.precision)
    for network in system.networks():
        machine.apply_numerics(network, numerics, device)
    if config.compile:
        system.network.compile()
    resume = assemble.checkpoint_path(config.run, "last") if config.run else None
    if resume is not None:
        load_weights(system, resume)
    try_one_sample(system, datasets["val"])
    callbacks = {name: build(node) for name, node in config.callbacks.items()}
    trainer: pl.Trainer = build(
        config.trainer,
        precision=numerics.precision,
        callbacks=[
            *callbacks.values(),
            Validation(evaluator),
            StoredConfig(plain(config)),
        ],
        logger=[build(node) for node in config.logger.values()],
        plugins=[AtomicCheckpointIO()],
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain(config))
    write_text(folder / "config.yaml", OmegaConf.to_yaml(config))
    environment = folder / ("environment_resumed.json" if resume else "environment.json")
    write_environment(environment, datasets, numerics._asdict())
    Console(stderr=True).print(
        f"{config.name}: {type(system.network).__name__} on {device}, {numerics.describe()}\n"
        f"run folder {folder}",
        highlight=False,
        soft_wrap=True,
    )
    fit(trainer, system, data, resume)
    trained = assemble.trained_checkpoint(str(folder))
    if config.trainer.max_epochs == 0:  # the network as it is
        trainer.save_checkpoint(trained)
    if not trained.is_file():  # fast_dev_run writes no checkpoint
        return math.nan
    table, galleries = evaluate_run(config, folder, folder, trained, "test", str(device))
    for logger in trainer.loggers:
        if isinstance(logger, pl.loggers.WandbLogger):
            from bgr.training.wandb import publish

            panels = {gallery.title: gallery.panels for gallery in galleries}
            publish(logger, table.rows["trained"], panels, trained)
    best = callbacks["best"].best_model_score if "best" in callbacks else None
    return math.nan if best is None else float(best)


def build_system(config: DictConfig) -> MattingSystem:
    """The system of a run, with the weights of `init` when a new run starts from another."""
    if config.run is not None:  # the checkpoint has them; the perceptual network it has not
        model = assemble.without_weights(config.model, keep=("perceptual.",))
        resumed: MattingSystem = build(model)
        return resumed
    system: MattingSystem = build(config.model)
    if config.init is not None:
        start = Path(config.init)
        path = assemble.trained_checkpoint(config.init) if start.is_dir() else start
        load_weights(system, path, system.may_start_without)
    return system


@torch.no_grad()
def try_one_sample(system: MattingSystem, dataset: MattingDataset) -> None:
    """Predict one sample, so that data or sizes that do not fit fail before anything is written."""
    system.eval()
    system.predict(compose(default_collate([dataset[0]]), system.needs))
    system.train()
