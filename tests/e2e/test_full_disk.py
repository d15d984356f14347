"""A disk that fills: one clear error, nothing broken, and on it goes when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness import Place

SWEEP = """
    class Made(qd.Result):
        size: int
        file: qd.File

    @study.task
    def make(number: int, run: qd.Run) -> Made:
        file = run.file("data.bin")
        file.write_bytes(bytes([number]) * 300_000)
        return Made(size=300_000, file=file)

    @study.task
    def use(make: qd.Done[qd.Params, Made]) -> dict:
        return {"sum": sum(make.result.file.read_bytes())}

    study.view(make, "data/{number}.bin", artifact="file")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_a_disk_that_fills(tmp_path: Path, small_disk: Path, executor: str) -> None:
    place = Place(tmp_path, SWEEP)
    place.root = small_disk / "runs"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 2_000_000)
    done = place.run("number=range(9)", "-j", "2", "--on", executor, code=2)
    assert "full" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    before = place.results()
    assert 0 < len(before) < 18
    assert place.failures() == []
    assert not [path for path in small_disk.rglob(".*") if path.is_file()], "something was left half written"
    place.check()
    ballast.unlink()
    place.run("number=range(9)", "--on", executor)
    after = place.results()
    assert before.items() <= after.items()
    assert len(after) == 18
    assert len(list((place.root / "data").iterdir())) == 9
    place.check()


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    place = Place(tmp_path, SWEEP)
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        place.root = root
        done = place.run("number=1", code=2)
        assert str(tmp_path / "file") in done.stderr
        assert "Traceback" not in done.stderr
