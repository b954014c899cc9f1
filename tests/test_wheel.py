"""The wheel holds everything, and works in a clean environment, from another folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: setuptools would reuse stale files of an earlier build
    source.mkdir()
    for name in ("bgr", "conf", "data_tools"):
        shutil.copytree(REPOSITORY / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_package_list_is_what_is_on_disk() -> None:
    listed = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        ".".join(init.parent.relative_to(REPOSITORY).parts)
        for top in ("bgr", "data_tools")
        for init in (REPOSITORY / top).rglob("__init__.py")
    }
    assert set(listed["packages"]) == found | {"bgr.conf"}


def test_wheel_holds_every_yaml_and_template(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    conf = REPOSITORY / "conf"
    yaml = {f"bgr/conf/{p.relative_to(conf).as_posix()}" for p in conf.rglob("*.yaml")}
    assert yaml == {n for n in names if n.endswith(".yaml")}
    assert "bgr/evaluation/report.html.j2" in names
    assert "bgr/py.typed" in names
    assert not any(n.startswith("conf/") for n in names)


def test_wheel_works_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """Dependencies come from this environment, bgr itself only from the wheel."""
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # PYTHONPATH entries run no .pth file, so the editable install of this repository stays out.
    environment = os.environ | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [python.with_name("bgr"), "train", "--cfg", "job"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "_target_: bgr.systems.portrait.PortraitSystem" in done.stdout
    where = subprocess.run(
        [python, "-c", "import bgr; print(bgr.__file__)"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(tmp_path))
