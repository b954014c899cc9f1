"""The floors of the house: modules import downward only, without cycles."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FLOORS = [
    {"ops", "errors", "types", "schemas", "processes", "__init__"},
    {"io"},
    {"losses", "metrics", "models"},
    {"data"},
    {"systems", "evaluation"},
    {"training"},
    {"inference", "bench"},
    {"config"},
    {"cli"},
]
FLOOR = {package: level for level, packages in enumerate(FLOORS) for package in packages}
FORBIDDEN = {
    "io": {"pytorch_lightning", "hydra"},
    "losses": {"pytorch_lightning", "hydra"},
    "metrics": {"pytorch_lightning", "hydra"},
    "models": {"pytorch_lightning", "hydra"},
    "data": {"hydra"},
    "systems": {"hydra"},
    "evaluation": {"hydra"},
    "training": {"hydra"},
    "inference": {"hydra"},
    "bench": {"hydra"},
}
MODULES = sorted((REPOSITORY / "bgr").rglob("*.py"))


def package_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_from_lower_floors(path: Path) -> None:
    package = package_of(name_of(path))
    for module in imports(path):
        if module.split(".")[0] != "bgr":
            assert module.split(".")[0] not in FORBIDDEN.get(package, set()), module
        elif package_of(module) != package and package_of(module) in FLOOR:
            assert FLOOR[package_of(module)] < FLOOR[package], f"{name_of(path)} imports {module}"


def test_no_cycles() -> None:
    names = {name_of(p): p for p in MODULES}
    graph = {n: {m for m in imports(p) if m in names and m != n} for n, p in names.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_opencv_and_pillow_decode_only_in_io() -> None:
    """OpenCV's BGR order and file access stay on one floor."""
    for path in MODULES:
        if package_of(name_of(path)) != "io":
            text = path.read_text()
            assert "imread" not in text, path
            assert "PIL" not in text, path


def test_size_budget() -> None:
    """Model <= 400 lines, dataset and system <= 200, verb <= 120, others <= 250, YAML <= 40."""
    limits = {"models": 400, "systems": 200, "cli": 120, "data": 200}
    for path in MODULES:
        limit = limits.get(package_of(name_of(path)), 250)
        assert len(path.read_text().splitlines()) <= limit, path
    for path in (REPOSITORY / "conf").rglob("*.yaml"):
        assert len(path.read_text().splitlines()) <= 40, path
