"""conf/: every file composes, every node fits the signature of what it names."""

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_class, get_method
from omegaconf import DictConfig, OmegaConf

from bgr.config import build, nearest_key, plain, register_schemas
from bgr.errors import BgrError

CONF = Path(__file__).parents[1] / "conf"
VERBS = {"train", "evaluate", "predict", "bench", "summary", "table"}
LEAVES = sorted(p.relative_to(CONF) for p in CONF.rglob("*.yaml") if p.parent != CONF)
# What a verb hands to a constructor, and no YAML may hold.
HANDED = {
    "data": {"split", "size", "seed", "geometry", "needs"},
    "geometry": {"size"},
    "loader": {"datasets", "seed", "augment", "mismatch", "needs"},
}


@pytest.fixture(autouse=True)
def _hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    register_schemas()
    with initialize_config_module("bgr.conf", version_base="1.3"):
        yield


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_every_file_composes(leaf: Path) -> None:
    group = leaf.parent.name
    choice = [] if group == "paths" else [f"{group}={leaf.stem}"]
    assert isinstance(compose("train", overrides=choice), DictConfig)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_composes(verb: str) -> None:
    assert compose(verb)


def nodes(config: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(config, dict):
        if "_target_" in config:
            yield path, config
        for key, value in config.items():
            yield from nodes(value, f"{path}.{key}")


def target(node: dict[str, Any]) -> Any:
    name = node["_target_"]
    try:
        return get_class(name)
    except Exception:
        return get_method(name)


ALL_NODES = [
    (f"{leaf.parent}{path}".removeprefix(".."), node)
    for leaf in [*LEAVES, Path("train.yaml")]
    for path, node in nodes(OmegaConf.to_container(OmegaConf.load(CONF / leaf)), "")
]


@pytest.mark.parametrize(("path", "node"), ALL_NODES, ids=[n["_target_"] for _, n in ALL_NODES])
def test_node_binds_to_its_signature(path: str, node: dict[str, Any]) -> None:
    """A typo in a YAML fails here; and every knob of bgr's own targets is a key a user can see."""
    arguments = {k: v for k, v in node.items() if not k.startswith("_")}
    handed = HANDED.get(path, set())
    signature = inspect.signature(target(node))
    signature.bind(**arguments, **dict.fromkeys(handed))
    assert node.get("_convert_") == "all", f"{path} lacks _convert_: all"
    if node["_target_"].startswith("bgr."):
        missing = set(signature.parameters) - set(arguments) - handed
        assert not missing, f"{path}: no key for {sorted(missing)}"


def test_no_partial_and_no_resolver_but_these() -> None:
    """`hydra:` and `oc.env:` only in paths, `now:` only in the run's folder; no custom one."""
    allowed = {"paths": {"hydra", "oc.env"}, "hydra": {"now"}}
    for path in CONF.rglob("*.yaml"):
        text = path.read_text()
        assert "_partial_" not in text, path
        used = set(re.findall(r"\$\{([\w.]+):", text))
        assert used <= allowed.get(path.parent.name, set()), path


def test_every_interpolation_resolves() -> None:
    for experiment in sorted((CONF / "experiment").glob("*.yaml")):
        overrides = [f"experiment={experiment.stem}", "paths.output_dir=/run", "init=/run"]
        overrides += ["paths.model=any"]
        keys = compose("train", overrides=overrides).data.keys()
        overrides += [f"data.{key}=/photos" for key in ("root", "backgrounds") if key in keys]
        for logger in ("csv", "wandb", "tensorboard"):
            config = compose("train", overrides=[*overrides, f"logger={logger}"])
            monitor = plain(config)["callbacks"]["best"]["monitor"]
            assert monitor.removeprefix("val/") in config.evaluator.metrics


@pytest.mark.parametrize(
    ("overrides", "near"),
    [
        (["sead=7"], "seed"),
        (["traner.max_epochs=3"], "trainer"),
        (["batch_size=4"], "loader.batch_size"),
        (["model.network.widht=0.5"], "model.network.width"),
    ],
)
def test_unknown_key_names_the_nearest(overrides: list[str], near: str, bgr: Any) -> None:
    code, _, err = bgr("train", *overrides)
    assert code == 1
    assert f"nearest known key: {near}" in err
    assert "Traceback" not in err


def test_unknown_key_in_an_experiment_file(bgr: Any, tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "typo.yaml").write_text("# @package _global_\nnaem: mine\n")
    code, _, err = bgr("train", "--config-dir", str(tmp_path / "mine"), "experiment=typo")
    assert code == 1
    assert "naem" in err
    assert "nearest known key: name" in err
    assert not (tmp_path / "runs").exists()


def test_unknown_choice_of_a_group_lists_the_choices(bgr: Any) -> None:
    code, _, err = bgr("train", "data=foldr")
    assert code == 1
    assert "folder" in err
    assert "Traceback" not in err


def test_build_reports_the_constructors_message() -> None:
    node = OmegaConf.create(
        {"_target_": "bgr.data.geometry.PortraitGeometry", "stretch": 0.5, "rotation": 200.0}
    )
    with pytest.raises(BgrError, match="rotation is 200"):
        build(node, size=[64, 64])


def test_nearest_key_keeps_quiet_when_nothing_is_close() -> None:
    assert nearest_key("Key 'zzzzzz' is not in struct", ["seed", "name"]) is None


def test_real_data_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "BGR_REAL_DATA", "/photos")
    config = compose("train", overrides=["experiment=portrait_real"])
    assert config.data.root[0] == "/photos/portraits"
