"""`bgr evaluate`: score a run's checkpoint on a split, beside the baselines."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from bgr.config import build, for_evaluation, load_run, run_verb
from bgr.errors import BgrError

if TYPE_CHECKING:
    from bgr.data.dataset import Split
    from bgr.evaluation.report import Gallery, Table


def main() -> None:
    """Run the verb."""
    run_verb(evaluate, "evaluate")


def evaluate(config: DictConfig) -> None:
    """Evaluate with the run's own data and evaluator where the command names none."""
    if config.predictions is not None:
        from bgr.cli.folders import evaluate_folders

        evaluate_folders(config)
        return
    if config.runs is not None:
        from bgr.cli.compare import compare_runs

        compare_runs(config)
        return
    if config.run is None:
        known = "run=<dir>, runs=[<dir>,<dir>], or predictions= and truth="
        raise BgrError("bgr evaluate needs something to score", known)
    run = for_evaluation(load_run(config.run), config)

    from bgr.cli.assemble import checkpoint_path

    folder = Path(config.output or Path(config.run) / "evaluation" / config.split)
    checkpoint = checkpoint_path(config.run, config.checkpoint)
    evaluate_run(run, Path(config.run), folder, checkpoint, config.split, config.device)


def evaluate_run(
    config: DictConfig,
    run: Path,
    folder: Path,
    checkpoint: Path,
    split: "Split",
    device: str = "auto",
) -> "tuple[Table, list[Gallery]]":
    """Score a checkpoint of a run, print the table and write the report.

    Args:
        config: the run's configuration, with changed data where wanted.
        run: the run's folder.
        folder: where the report goes.
        checkpoint: file with the weights.
        split: `train`, `val` or `test`.
        device: device by name.

    Returns:
        The table of means, and panels of the worst and best images.
    """
    import pytorch_lightning as pl

    from bgr.cli.assemble import (
        build_datasets,
        build_evaluator,
        load_system,
        resolve_device,
        without_weights,
    )
    from bgr.cli.console import print_table
    from bgr.evaluation.study import study

    where = resolve_device(device)
    system = load_system(config, checkpoint, where)
    pl.seed_everything(config.seed, verbose=False)
    untrained = build(without_weights(config.model)).eval().to(where)
    evaluator = build_evaluator(config, system)
    datasets = build_datasets(config, [system], [split])
    data = build(config.loader, datasets=datasets, seed=config.seed)
    environment = run / "environment.json"
    table, galleries = study(
        {"trained": system.predict, "untrained": untrained.predict},
        datasets[split],
        data.ordered(split),
        evaluator,
        (*system.needs, *evaluator.needs),
        where,
        folder,
        f"{config.name}: {type(system.network).__name__}",
        {
            "Configuration": OmegaConf.to_yaml(config),
            "Environment": environment.read_text() if environment.is_file() else "not recorded",
        },
        run / "metrics.csv",
    )
    print_table(table, f"{split} split")
    print(f"report {folder / 'report.html'}")
    return table, galleries
