"""`bgr evaluate runs=[a,b]`: runs on the same images, with paired differences."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from bgr.cli.assemble import (
    build_datasets,
    build_evaluator,
    checkpoint_path,
    load_system,
    needs_of,
    resolve_device,
)
from bgr.cli.console import print_table
from bgr.config import build, for_evaluation, load_run
from bgr.errors import BgrError
from bgr.evaluation.study import study


def compare_runs(config: DictConfig) -> None:
    """Score runs on the data of the first, or on the data that the command names.

    Raises:
        BgrError: fewer than two runs, runs of one name, or of different sample sizes.
    """
    runs = [str(run) for run in config.runs]
    names = [Path(run).resolve().name for run in runs]
    if len(set(names)) < max(2, len(names)):
        raise BgrError(f"runs are {', '.join(runs)}", "two or more run folders of different names")
    configs = [load_run(run) for run in runs]
    device = resolve_device(config.device)
    systems = [
        load_system(c, checkpoint_path(run, config.checkpoint), device)
        for c, run in zip(configs, runs, strict=True)
    ]
    sizes = {
        tuple(side * s.scale for side in c.size) for c, s in zip(configs, systems, strict=True)
    }
    if len(sizes) > 1:
        raise BgrError(f"the runs' samples have the sizes {sorted(sizes)}", "runs of one size")
    base = for_evaluation(configs[0], config)
    evaluator, *_ = [build_evaluator(base, system) for system in systems]
    datasets = build_datasets(base, systems, [config.split])
    loader = build(base.loader, datasets=datasets, seed=base.seed).ordered(config.split)
    folder = Path(config.output or Path(runs[0]) / "evaluation" / f"compared_{config.split}")
    table, _ = study(
        {name: s.predict for name, s in zip(names, systems, strict=True)},
        datasets[config.split],
        loader,
        evaluator,
        (*needs_of(systems), *evaluator.needs),
        device,
        folder,
        " and ".join(names),
        {name: OmegaConf.to_yaml(c) for name, c in zip(names, configs, strict=True)},
        Path(runs[0]) / "metrics.csv",
        compared=names[1:],
    )
    print_table(table, f"{config.split} split")
    print(f"report {folder / 'report.html'}")
