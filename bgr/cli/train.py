"""`bgr train`: train a system, evaluate its best checkpoint, write the report."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from bgr.config import build, load_run, plain, run_verb
from bgr.io.files import make_folder, write_text

if TYPE_CHECKING:
    from bgr.systems.base import MattingSystem


def main() -> None:
    """Run the verb; a resumed run works in its own folder."""
    for argument in sys.argv[1:]:
        if argument.startswith("run="):
            run = argument.removeprefix("run=")
            load_run(run)
            sys.argv.append(f"hydra.run.dir={run}")
    run_verb(train, "train")


def train(config: DictConfig) -> float:
    """Train; returns the best value of the monitored metric, for sweeps."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if config.run is not None:
        config = resumed(config.run, list(HydraConfig.get().overrides.task))
    config = OmegaConf.create(plain(config))
    try:
        return run(config, folder)
    finally:
        if not any(folder.iterdir()):  # nothing was trained: leave nothing behind
            folder.rmdir()


def resumed(run: str, overrides: list[str]) -> DictConfig:
    """The configuration of a run with this command's overrides."""
    changes = [o for o in overrides if not o.startswith("run=")]
    config = OmegaConf.merge(load_run(run), OmegaConf.from_dotlist(changes), {"run": run})
    assert isinstance(config, DictConfig)
    return config


def run(config: DictConfig, folder: Path) -> float:
    """Build everything, train, evaluate."""
    import pytorch_lightning as pl
    from rich.console import Console

    from bgr.cli.assemble import build_datasets, checkpoint_path, resolve_device
    from bgr.cli.evaluate import evaluate_run
    from bgr.data.datamodule import DataModule
    from bgr.training import machine, provenance
    from bgr.training.run import StoredConfig, fit, load_weights, quiet_lightning
    from bgr.training.stopping import AtomicCheckpointIO
    from bgr.training.validation import Validation

    quiet_lightning()
    make_folder(folder)
    machine.keep_freed_memory()
    datasets = build_datasets(config)
    pl.seed_everything(config.seed, verbose=False)
    system: MattingSystem = build(config.model)
    if config.init is not None and config.run is None:
        start = Path(config.init)
        load_weights(system, checkpoint_path(str(start), "best") if start.is_dir() else start)
    data: DataModule = build(
        config.loader, datasets=datasets, seed=config.seed, augment=build(config.augment)
    )
    evaluator = build(config.evaluator)
    stages: dict[str, Any] = {"logger": list(map(build, config.logger.values()))}
    stages["callbacks"] = [*map(build, config.callbacks.values()), Validation(evaluator)]
    stages["callbacks"].append(StoredConfig(plain(config)))
    device = resolve_device(config.trainer.accelerator)
    numerics = machine.choose_numerics(system.network, device, config.precision)
    machine.apply_numerics(system.network, numerics)
    if config.compile:
        system.network.compile()
    trainer = build(
        config.trainer, precision=numerics.precision, plugins=[AtomicCheckpointIO()], **stages
    )
    layout = "channels-last" if numerics.channels_last else "contiguous"
    Console(stderr=True).print(
        f"{config.name}: {type(system.network).__name__} on {device}, {numerics.precision}, {layout} "
        f"({numerics.reason})\nrun folder {folder}",
        highlight=False,
        soft_wrap=True,
    )
    write_text(folder / "config.yaml", OmegaConf.to_yaml(config))
    provenance.write_environment(folder, datasets, numerics._asdict())
    fit(trainer, system, data, checkpoint_path(config.run, "last") if config.run else None)
    kinds = [k for k in ("best", "last") if checkpoint_path(str(folder), k).is_file()]
    if kinds:  # fast_dev_run writes no checkpoint
        evaluate_run(config, folder, folder, kinds[0], "test")
    return float(trainer.callback_metrics.get(evaluator.monitor, math.nan))
