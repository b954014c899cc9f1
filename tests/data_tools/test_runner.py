"""What all tools promise: resumed, counted, atomic, and every damaged input named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgr.errors import BgrError
from bgr.io.manifest import Manifest
from data_tools.__main__ import TOOLS
from data_tools.__main__ import main as tools
from data_tools.journal import Journal
from data_tools.split import main as split
from data_tools.sr_pairs import main as sr_pairs
from data_tools.verify import main as verify
from tests.conftest import REPOSITORY

SIZE = ("--size", "32", "48")


def photo(path: Path, height: int = 60, width: int = 80, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for index in range(12):
        photo(tmp_path / "frames" / f"clip{index % 3}" / f"{index}.jpg", 60 + index)
    return tmp_path / "frames"


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".journal.jsonl")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def run(frames: Path, output: Path, *options: str) -> None:
    sr_pairs([str(frames), str(output), *SIZE, "--workers", "1", *options])


def test_workers_change_nothing(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "one")
    run(frames, tmp_path / "two", "--workers", "2")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    names = [row["name"] for row in Manifest(tmp_path / "one")]
    assert names == sorted(names)
    assert len(names) == 12


def test_a_finished_tool_does_nothing(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(frames, tmp_path / "out")
    files = list((tmp_path / "out").rglob("*.png"))
    before = {p: p.stat().st_mtime_ns for p in files}
    made = contents(tmp_path / "out")
    capsys.readouterr()
    run(frames, tmp_path / "out")
    assert "12 items were done before" in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in files}
    assert contents(tmp_path / "out") == made


def test_new_and_changed_inputs_are_worked_on(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    old = (tmp_path / "out/high_res/clip0_0.png").stat().st_mtime_ns
    photo(frames / "clip1" / "1.jpg", 99)
    photo(frames / "clip9" / "new.jpg")
    (frames / "clip2" / "2.jpg").unlink()
    run(frames, tmp_path / "out")
    run(frames, tmp_path / "fresh")
    assert (tmp_path / "out/high_res/clip0_0.png").stat().st_mtime_ns == old
    assert list(Manifest(tmp_path / "out")) == list(Manifest(tmp_path / "fresh"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_tool_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    for index in range(60):
        photo(tmp_path / "frames" / f"{index:03d}.png", 500, 700)
    command = [sys.executable, "-m", "data_tools", "sr_pairs", "frames", "out", "--workers", "2"]
    command += ["--size", "400", "600"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    journal = tmp_path / "out" / ".journal.jsonl"
    while not journal.is_file() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None, "finished before it could be killed"
        time.sleep(0.005)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "start it again the same way" in err
        assert "Traceback" not in err
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    done = journal.read_bytes().count(b"\n") - 1
    assert 3 <= done < 60
    again = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"{done} items were done before" in again.stdout
    shutil.copytree(tmp_path / "out", tmp_path / "resumed")
    shutil.rmtree(tmp_path / "out")
    subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert contents(tmp_path / "resumed") == contents(tmp_path / "out")


def test_a_torn_journal_line_is_forgotten(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    made = contents(tmp_path / "out")
    journal = tmp_path / "out" / ".journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    run(frames, tmp_path / "out")
    assert contents(tmp_path / "out") == made
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 13


@pytest.mark.parametrize("keep", [30, 0.5, -1])
def test_a_journal_torn_anywhere_is_mended(keep: float, frames: Path, tmp_path: Path) -> None:
    """In its header, in the middle, and before the last byte; with a name of several bytes a letter."""
    photo(frames / "ü\u2028é.png")
    run(frames, tmp_path / "out")
    made = contents(tmp_path / "out")
    journal = tmp_path / "out" / ".journal.jsonl"
    written = journal.read_bytes()
    journal.write_bytes(written[: int(keep * len(written)) if keep == 0.5 else int(keep)])
    (tmp_path / "out" / "manifest.jsonl").unlink()
    for _ in range(2):
        run(frames, tmp_path / "out")
        assert contents(tmp_path / "out") == made


def test_names_that_are_no_text(frames: Path, tmp_path: Path) -> None:
    photo(frames / "plain.png").rename(os.fsdecode(os.fsencode(frames) + b"/caf\xe9.png"))
    (frames / "clip0" / "0.jpg").rename(os.fsdecode(os.fsencode(frames) + b"/\xff.jpg"))
    truncate(Path(os.fsdecode(os.fsencode(frames) + b"/\xff.jpg")))
    run(frames, tmp_path / "out", "--on-error", "skip")
    run(frames, tmp_path / "out", "--on-error", "skip")
    assert len(Manifest(tmp_path / "out")) == 12


def test_two_runs_in_one_folder_are_refused(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    with (
        Journal(tmp_path / "out", json.loads((tmp_path / "out/.journal.jsonl").open().readline())),
        pytest.raises(BgrError, match="another run works on"),
    ):
        run(frames, tmp_path / "out")
    run(frames, tmp_path / "out")


def test_a_result_that_was_removed_is_made_again(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    made = contents(tmp_path / "out")
    (tmp_path / "out/low_res/clip0_3.png").unlink()
    run(frames, tmp_path / "out")
    assert contents(tmp_path / "out") == made


def test_no_old_manifest_beside_new_files(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    photo(frames / "clip1" / "1.jpg", 99)
    empty(frames / "clip1" / "4.jpg")
    with pytest.raises(BgrError, match=r"4\.jpg"):
        run(frames, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    run(frames, tmp_path / "out", "--on-error", "skip")
    manifest = Manifest(tmp_path / "out")
    assert manifest.header["skipped"] == {"damaged": 1}
    assert "clip1_4,damaged: cannot read" in (tmp_path / "out" / "skipped.csv").read_text()


def test_a_finished_tool_keeps_the_splits(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(frames, tmp_path / "out")
    split([str(tmp_path / "out"), "--shares", "0.34", "0.33", "0.33"])
    made = contents(tmp_path / "out")
    run(frames, tmp_path / "out")
    assert contents(tmp_path / "out") == made
    photo(frames / "clip9" / "new.jpg")
    run(frames, tmp_path / "out")
    assert "split it again" in capsys.readouterr().err
    assert "splits" not in Manifest(tmp_path / "out").header


def test_a_group_by_of_split_is_what_verify_checks(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    split([str(tmp_path / "out"), "--group-by", r"_(\d+)$"])
    report = str(tmp_path / "report.html")
    assert verify([str(tmp_path / "out"), "--report", report, "--workers", "1"]) == 0


def test_a_typo_does_not_claim_the_folder(frames: Path, tmp_path: Path) -> None:
    truncate(frames / "clip0" / "0.jpg")
    with pytest.raises(BgrError, match=r"0\.jpg"):
        run(frames, tmp_path / "out", "--seed", "5")
    photo(frames / "clip0" / "0.jpg")
    run(frames, tmp_path / "out")


def test_its_own_results_are_no_inputs(frames: Path, tmp_path: Path) -> None:
    for _ in range(2):
        run(frames, frames / "out")
        assert len(Manifest(frames / "out")) == 12
    with pytest.raises(BgrError, match="all inputs lie in"):
        run(frames, frames)


def test_nothing_kept_is_an_error(frames: Path, tmp_path: Path) -> None:
    with pytest.raises(BgrError, match="none of 12 items gave a sample: 12 smaller than 500x500"):
        sr_pairs([str(frames), str(tmp_path / "out"), "--size", "500", "500", "--workers", "1"])
    for name in ("split", "verify"):
        empty_folder = tmp_path / "half"
        empty_folder.mkdir(exist_ok=True)
        (empty_folder / ".journal.jsonl").write_text("{}\n")
        assert tools([name, str(empty_folder)]) == 1


def test_other_options_are_refused(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    with pytest.raises(BgrError, match=r"seed was 0, now 1(.|\n)*choose another output"):
        run(frames, tmp_path / "out", "--seed", "1")
    run(frames, tmp_path / "out", "--on-error", "skip")  # how it runs may change


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:400])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def not_an_image(path: Path) -> None:
    path.write_text("hello")


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "gone.jpg")


FAULTS = [truncate, empty, not_an_image, link_to_itself, dangling]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_input_is_named_and_loses_nothing(
    fault: Callable[[Path], None], frames: Path, tmp_path: Path
) -> None:
    victim = frames / "clip1" / "4.jpg"
    fault(victim)
    with pytest.raises(BgrError, match=r"4\.jpg(.|\n)*--on-error skip"):
        run(frames, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.jsonl").exists()
    run(frames, tmp_path / "out", "--on-error", "skip")
    assert len(Manifest(tmp_path / "out")) == 11
    listed = (tmp_path / "out" / "skipped.csv").read_text()
    assert "4.jpg" in listed
    assert "damaged" in listed
    assert not list((tmp_path / "out").rglob("*4.png"))
    assert not list((tmp_path / "out").rglob("*.part"))
    victim.unlink(missing_ok=True)
    photo(victim, 64)
    run(frames, tmp_path / "out")
    run(frames, tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_too_many_damaged_inputs_are_all_named(frames: Path, tmp_path: Path) -> None:
    for index in (0, 3, 6):
        empty(frames / "clip0" / f"{index}.jpg")
    with pytest.raises(BgrError, match=r"3 damaged(.|\n)*0\.jpg(.|\n)*3\.jpg(.|\n)*6\.jpg"):
        run(frames, tmp_path / "out", "--on-error", "skip", "--max-errors", "2")


def test_what_cannot_be_used_is_counted_with_its_reason(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo(frames / "small.jpg", 20)
    run(frames, tmp_path / "out")
    assert "1 items skipped (1 smaller than 32x48)" in capsys.readouterr().out
    assert "small,smaller than 32x48" in (tmp_path / "out" / "skipped.csv").read_text()
    assert Manifest(tmp_path / "out").header["skipped"] == {"smaller than 32x48": 1}


def test_odd_files_are_read(frames: Path, tmp_path: Path) -> None:
    photo(frames / "ünï code  name.png")
    photo(frames / "cmyk.jpg", mode="CMYK")
    deep = np.random.default_rng(0).integers(0, 65536, (60, 80), np.uint16)
    Image.fromarray(deep).save(frames / "deep.png")
    photo(frames / "clear.png", mode="RGBA")
    (frames / "loop").symlink_to(frames)
    run(frames, tmp_path / "out")
    assert len(Manifest(tmp_path / "out")) == 16


def test_two_inputs_of_one_name(frames: Path, tmp_path: Path) -> None:
    photo(frames / "clip0" / "0.png")
    with pytest.raises(BgrError, match="two inputs of the same name: clip0_0"):
        run(frames, tmp_path / "out")


def test_dry_run_writes_nothing(
    frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(frames, tmp_path / "out", "--dry-run")
    assert "12 to do" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_manifest_says_how_and_from_what(frames: Path, tmp_path: Path) -> None:
    run(frames, tmp_path / "out")
    manifest = Manifest(tmp_path / "out")
    assert manifest.header["tool"] == "sr_pairs"
    assert manifest.header["arguments"]["size"] == "32 48"
    assert set(manifest.header["versions"]) >= {"bgr", "numpy", "pillow"}
    source = frames / "clip0" / "0.jpg"
    digest = subprocess.run(["sha256sum", source], capture_output=True, text=True, check=True)
    assert manifest[0]["inputs"] == {str(source): digest.stdout.split()[0]}


def test_read_only_output(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BgrError, match=r"cannot write .*file"):
        run(frames, tmp_path / "file")


def test_every_tool_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert tools([]) == 0
    listing = capsys.readouterr().out
    for name in TOOLS:
        assert name in listing
        with pytest.raises(SystemExit) as stop:
            tools([name, "--help"])
        assert stop.value.code == 0
        assert f"data_tools {name}" in capsys.readouterr().out
    files = {p.stem for p in (REPOSITORY / "data_tools").glob("*.py")}
    assert set(TOOLS) <= files
    assert tools(["chromakey"]) == 1
    assert "no tool 'chromakey'" in capsys.readouterr().err


def test_ray_on_two_nodes_gives_the_same(frames: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra bgr[ray]")
    from ray.cluster_utils import Cluster

    run(frames, tmp_path / "one")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    try:
        ray.init(
            address=cluster.address,
            runtime_env={"env_vars": {"PYTHONPATH": str(REPOSITORY)}},
            log_to_driver=False,
        )
        assert len(ray.nodes()) == 2
        run(frames, tmp_path / "ray", "--engine", "ray")
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")


def test_ray_is_named_where_it_is_missing(frames: Path, tmp_path: Path) -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(BgrError, match=r"bgr\[ray\]"):
            run(frames, tmp_path / "out", "--engine", "ray")
    else:
        pytest.skip("ray is installed")
