"""Killed at any moment, a sweep loses at most the runs in flight, and the same command completes it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from e2e.harness import Place, wait_until
from quadrat.core.faults import CRASH_POINTS

SWEEP = """
    class Draw(qd.Params):
        number: int = 0
        seed: int = 0

    class Drawn(qd.Result):
        value: float
        file: qd.File

    class Mean(qd.Result):
        mean: float

    @study.task
    def draw(params: Draw, run: qd.Run) -> Drawn:
        note(f"{params.number} {params.seed}")
        value = random.Random(run.seed("x")).random() + params.number
        file = run.file("value.txt")
        file.write_text(repr(value))
        return Drawn(value=value, file=file)

    @study.task
    def twice(draw: qd.Done[Draw, Drawn]) -> Mean:
        return Mean(mean=2 * draw.result.value)

    @study.task
    def mean(twice: Annotated[qd.Many[qd.Params, Mean], qd.over("seed")]) -> Mean:
        return Mean(mean=sum(one.result.mean for one in twice) / len(twice))

    study.view(draw, "draws/{number}_{seed}.txt", artifact="file")
"""
SIZE = ("number=range(10)", "seed=range(6)")
RUNS = 60 + 60 + 10
LARGE = ("number=range(30)", "seed=range(6)")
KILLS = 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = Place(tmp_path_factory.mktemp("undisturbed"), SWEEP)
    place.run(*SIZE, "-j", "2")
    assert len(place.results()) == RUNS
    return place.results()


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    """Each time when a random number of further runs has begun, so that every kill meets work under way."""
    chance = random.Random(20)
    whole = Place(tmp_path, SWEEP)
    whole.root = tmp_path / "whole"
    whole.run(*LARGE, "-j", "2")
    (whole.side / "notes").unlink()
    place = Place(tmp_path, SWEEP)
    known: dict[str, str] = {}
    kills = 0
    for _ in range(KILLS):
        begun = sum(place.notes().values())
        more = chance.randrange(4)
        process = place.start(*LARGE, "-j", "2")
        wait_until(lambda: sum(place.notes().values()) > begun + more or process.poll() is not None)  # noqa: B023
        if process.poll() is None:
            kills += 1
        _kill_group(process)
        now = place.results()
        assert known.items() <= now.items(), "a finished run was lost or changed"
        known = now
    assert kills == KILLS
    place.run(*LARGE)
    assert place.results() == whole.results()
    assert all(record.attempt == 1 for record in place.records())
    assert sum(place.notes().values()) <= 180 + 3 * KILLS
    assert len(list((place.root / "draws").iterdir())) == 180
    place.check()


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["pool", "inline"])
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_each_crash_point(tmp_path: Path, undisturbed: dict[str, str], point: str, executor: str) -> None:
    place = Place(tmp_path, SWEEP)
    count = 1 if point.startswith("index") else 3
    process = place.start(*SIZE, "-j", "2", "--on", executor, QUADRAT_CRASH_AT=f"{point}:{count}")
    process.communicate(timeout=120)
    # A worker that is killed fails its run, unless that was committed already; the main process takes all with it.
    of_worker = {"commit.staged": 1, "commit.computed": 1, "commit.written": 1, "commit.renamed": 0}
    assert process.returncode == (of_worker.get(point, -9) if executor == "pool" else -signal.SIGKILL)
    place.run(*SIZE)
    assert place.results() == undisturbed
    place.check()
