"""Composing a command's configuration, and the one place where Hydra builds objects."""

import difflib
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from bgr.errors import BgrError
from bgr.schemas import (
    BenchConfig,
    EvaluateConfig,
    PredictConfig,
    SummaryConfig,
    TableConfig,
    TrainConfig,
)

VERBATIM_KEYS = {
    *("run", "init", "input", "output", "checkpoint", "target_background"),
    *(
        "captured_background",
        "trimap",
        "predictions",
        "truth",
        "trimaps",
        "data.root",
        "data.backgrounds",
        "hydra.run.dir",
    ),
}


def register_schemas() -> None:
    """Make the schemas known to Hydra; each primary config names its own first in `defaults`."""
    store = ConfigStore.instance()
    schemas = (TrainConfig, EvaluateConfig, PredictConfig, BenchConfig, SummaryConfig, TableConfig)
    for schema in schemas:
        name = schema.__name__.removesuffix("Config").lower()
        store.store(name=f"{name}_schema", node=schema)


def quoted(argument: str) -> str:
    """A `key=value` argument whose value, if it is a path or a colour, Hydra takes as it is.

    Hydra's grammar gives a meaning to blanks, commas, brackets and `#`; a user's paths have none.
    """
    key, _, value = argument.partition("=")
    if key not in VERBATIM_KEYS or not value or value == "null" or value[0] in "'\"[":
        return argument
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


def run_verb(task: Callable[[DictConfig], Any], name: str) -> None:
    """Compose `conf/<name>.yaml` with the command line and run a verb with it.

    In a single run, an error of the verb is raised as it is, without Hydra's own lines around it; in a
    sweep Hydra sees the error and goes on with the other jobs.
    """
    errors: list[Exception] = []

    def guarded(config: DictConfig) -> Any:
        try:
            return task(config)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise
            errors.append(error)

    register_schemas()
    if not {"-m", "--multirun"} & set(
        sys.argv
    ):  # a sweep over paths has commas that mean something
        sys.argv[1:] = [quoted(argument) for argument in sys.argv[1:]]
    hydra.main(version_base="1.3", config_path="pkg://bgr.conf", config_name=name)(guarded)()
    if errors:
        raise errors[0]


def build(node: Any, **kwargs: Any) -> Any:
    """Build the object a config node describes; keyword arguments are passed on as they are.

    Args:
        node: a node with `_target_`; an empty one (the choice `none` of a group) gives None.

    Raises:
        BgrError: the constructor refused its arguments; the message is the constructor's.
    """
    if not node:
        return None
    try:
        return hydra.utils.instantiate(node, **kwargs)
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, BgrError):
            raise cause from error
        key = getattr(node, "_get_full_key", lambda _: "")(None)
        raise BgrError(f"cannot build {key or node.get('_target_')}: {cause or error}") from error


def plain(config: DictConfig) -> dict[str, Any]:
    """A config as resolved plain containers."""
    container = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}


def load_run(run: str) -> DictConfig:
    """The resolved configuration of a run.

    Raises:
        BgrError: the folder is not a run's.
    """
    path = Path(run) / "config.yaml"
    if not path.is_file():
        raise BgrError(
            f"{run} is not a run: it has no config.yaml",
            "a folder that `bgr train` wrote, such as runs/<date>_<name>",
            "list them with `ls runs`",
        )
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    here = str(Path(run).resolve())
    moved: DictConfig = OmegaConf.create(_moved(plain(config), config.paths.output_dir, here))
    return moved


def for_evaluation(run: DictConfig, config: DictConfig) -> DictConfig:
    """A run's configuration with the data, evaluator and loading that `bgr evaluate` asks for."""
    for key in ("data", "evaluator"):
        if config[key] is not None:
            run[key] = config[key]
    run.loader.batch_size, run.loader.workers = config.batch_size, config.workers
    return run


def _moved(value: Any, old: str, new: str) -> Any:
    """A plain config with every path below a run's old folder below its present one."""
    if isinstance(value, dict):
        return {k: _moved(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, old, new) for v in value]
    if isinstance(value, str) and (value == old or value.startswith(f"{old}/")):
        return new + value.removeprefix(old)
    return value


def nearest_key(message: str, known: Iterable[str]) -> str | None:
    """The known dotted key closest to the one an error message complains about."""
    found = re.search(r"[Kk]ey '([^']+)'", message)
    if found is None:
        return None
    full = re.search(r"full_key: ([\w.]+)", message)
    wanted = full.group(1) if full else found.group(1)
    candidates = sorted(known)
    close = difflib.get_close_matches(wanted, candidates, n=1, cutoff=0.6)
    if not close:  # a known leaf in another group: batch_size is loader.batch_size
        leaves = {key.rpartition(".")[2]: key for key in candidates}
        leaf = difflib.get_close_matches(wanted.rpartition(".")[2], list(leaves), n=1, cutoff=0.7)
        close = [leaves[leaf[0]]] if leaf else []
    return close[0] if close else None


def dotted_keys(config: Any, prefix: str = "") -> list[str]:
    """All keys of a nested config, in dotted form."""
    keys: list[str] = []
    if OmegaConf.is_dict(config):
        for key in config:
            keys.append(f"{prefix}{key}")
            if not OmegaConf.is_missing(config, key):
                keys += dotted_keys(config._get_node(key), f"{prefix}{key}.")
    return keys
