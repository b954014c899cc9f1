"""`bgr train`: train a system, evaluate its best checkpoint, write the report."""

import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf

from bgr.config import dotted_keys, load_run, nearest_key, plain, quoted, run_verb
from bgr.errors import BgrError

LENGTH_KEYS = ("trainer.max_epochs", "trainer.max_steps", "loader.batch_size", "data.length")


def main() -> None:
    """Run the verb. A resumed run has its own configuration, which the other overrides change."""
    arguments = sys.argv[1:]
    runs = [a.removeprefix("run=") for a in arguments if a.startswith("run=")]
    if not runs:
        run_verb(train, "train")
        return
    kept = [a for a in arguments if a.startswith(("-", "hydra."))]
    config = resumed(runs[-1], [a for a in arguments if not a.startswith(("-", "hydra.", "run="))])
    sys.argv[1:] = [*kept, f"hydra.run.dir={runs[-1]}"]
    run_verb(lambda _: train(config), "train")


def train(config: DictConfig) -> float:
    """Train; returns the best value of the monitored metric, for sweeps."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    config = OmegaConf.create(plain(config))

    from bgr.cli.run_training import run_training

    try:
        return run_training(config, folder)
    finally:
        if not any(folder.iterdir()):  # nothing was trained: leave nothing behind
            folder.rmdir()


def resumed(run: str, overrides: list[str]) -> DictConfig:
    """The configuration of a run with changed values.

    Raises:
        BgrError: an override is not a value of a key that the run has, or would change the length of
            a one-cycle schedule.
    """
    config = load_run(run)
    config.run = run
    fix = f"start a new run from its weights instead: init={run}"
    for override in OverridesParser.create().parse_overrides([quoted(o) for o in overrides]):
        key = override.key_or_group
        leaf = OmegaConf.select(config, key, default=config)
        if override.type != OverrideType.CHANGE or OmegaConf.is_dict(leaf):
            near = nearest_key(f"Key '{key}'", dotted_keys(config))
            raise BgrError(
                f"a resumed run cannot take {override.input_line}",
                f"a value for a key it has{f', such as {near}' if near else ''}",
                fix,
            )
        if config.model.get("schedule") == "one_cycle" and key in LENGTH_KEYS:
            raise BgrError(f"{run} ends with its one-cycle schedule: {key} cannot change", fix=fix)
        OmegaConf.update(config, key, override.value())
    return config
