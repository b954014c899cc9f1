"""`bgr train`: train a system, evaluate its best checkpoint, write the report."""

import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from bgr.config import load_run, plain, run_verb


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

    from bgr.cli.run_training import run_training

    try:
        return run_training(config, folder)
    finally:
        if not any(folder.iterdir()):  # nothing was trained: leave nothing behind
            folder.rmdir()


def resumed(run: str, overrides: list[str]) -> DictConfig:
    """The configuration of a run with this command's overrides."""
    changes = [o for o in overrides if not o.startswith("run=")]
    config = OmegaConf.merge(load_run(run), OmegaConf.from_dotlist(changes), {"run": run})
    assert isinstance(config, DictConfig)
    return config
