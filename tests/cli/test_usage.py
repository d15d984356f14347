"""`quadrat usage`: what is counted, what is advised, and that it can be pasted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chain_cli import Cli
from quadrat.core.resources import Resources, parse_duration, parse_memory
from quadrat.querying.usage import (
    LEAST_MEMORY,
    LEAST_TIME,
    MEMORY_ROOM,
    TIME_ROOM,
    Spread,
    TaskUsage,
    advise,
    as_yaml,
    show_bytes,
    show_seconds,
)

STUDY = """
import time
import quadrat as qd

study = qd.Study("hungry")


@study.task(memory="4GB", cpus=3, walltime="10h")
def train(seed: int = 0, size: int = 150) -> dict:
    held = bytes([1]) * (size * 10**6)
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass
    return {"x": len(held)}


@study.task(memory="1GB", walltime="5m")
def test(train: qd.Done[qd.Params, qd.Result]) -> dict:
    return {"y": 1}


@study.task
def late(test: qd.Done[qd.Params, qd.Result]) -> dict:
    raise ValueError("never")
"""


@pytest.fixture
def hungry(tmp_path: Path) -> Cli:
    cli = Cli(tmp_path)
    (tmp_path / "hungry.py").write_text(STUDY)
    return cli


def test_requested_against_used(hungry: Cli) -> None:
    hungry("run", "hungry.py", "seed=1,2", "-j", "2", code=1)
    told = hungry("usage", "hungry.py", "seed=1,2", "--json").json
    train, test, late = told["tasks"]
    assert (told["study"], train["runs"], test["runs"], late["runs"]) == ("hungry", 2, 2, 0)
    assert train["cpus"]["asked"] == 3
    # One core, measured by two clocks on a machine that does other things too.
    assert 0 < train["cpus"]["median"] <= train["cpus"]["max"] < 1.5
    assert (train["memory"]["asked"], train["walltime"]["asked"]) == (4 * 10**9, 36000)
    assert 150e6 < train["memory"]["median"] <= train["memory"]["max"] < 500e6
    assert 0.5 < train["walltime"]["max"] < 30
    assert train["suggested"]["cpus"] < 3
    assert parse_memory(train["suggested"]["memory"]) > train["memory"]["max"]
    assert train["suggested"]["walltime"] == "1m"
    assert (late["advice"], late["suggested"]) == (None, {})

    shown = hungry("usage", "hungry.py", "seed=1,2")
    assert "train: asks for 3 cpus, keeps " in shown.out
    assert "asks for 4GB, needs " in shown.out
    assert "with another number its last digits may change" in shown.err
    config = hungry.folder / "less.yaml"
    config.write_text("resources:" + shown.out.partition("resources:")[2])
    again = hungry("usage", "hungry.py", "seed=1,2", "--config", "less.yaml")
    assert "what is declared fits" in again.out


def test_nothing_is_finished_yet(cli: Cli) -> None:
    answer = cli("usage", "chain.py")
    assert "none of these runs is finished" in answer.err
    assert "fit " in answer.out
    assert not (cli.folder / "runs").exists()


GB = 10**9


def one(
    *,
    cpus: int = 1,
    memory: int | None = GB,
    walltime: float | None = 60,
    busy: float = 1.0,
    peak: float = 0.7 * GB,
    took: float = 20.0,
    lost: dict[str, int] | None = None,
) -> TaskUsage:
    """A task as it was measured; what is declared fits."""
    asked = Resources(cpus, 0, memory, walltime)
    return advise(TaskUsage("t", 3, asked, Spread(busy, busy), Spread(peak, peak), Spread(took, took), lost or {}))


def test_what_fits_needs_no_advice() -> None:
    assert one().advice == ""
    assert one().suggested == {}
    assert as_yaml([one()]) == ""


@pytest.mark.parametrize(
    ("measured", "advice"),
    [
        (one(cpus=4, busy=1.05), "asks for 4 cpus, keeps 1.1 busy: `cpus: 1` would do"),
        (one(busy=2.6), "asks for 1 cpu, keeps 2.6 busy: `cpus: 3` would do"),
        (one(peak=120e6), "asks for 1GB, needs 120MB: `memory: 200MB` would do"),
        (one(peak=1.2 * GB), "asks for 1GB, needs 1.2GB: `memory: 2GB` would do"),
        (one(memory=None), "declares no memory, needs 700MB: `memory: 1GB` would do"),
        (one(lost={"killed": 2}), "2 were killed or out of memory, others needed 700MB: `memory: 2GB` would do"),
        (one(walltime=7200, took=3), "walltime 2h, the longest took 3s: `walltime: 1m` would do"),
        (one(took=55), "walltime 1m, the longest took 55s: `walltime: 2m` would do"),
        (one(walltime=None, took=1000), "declares no walltime, the longest took 17m: `walltime: 45m` would do"),
        (
            one(walltime=600, took=400, lost={"timeout": 1}),
            "1 ran out of time, the longest took 6m40s: `walltime: 20m` would do",
        ),
    ],
)
def test_advice(measured: TaskUsage, advice: str) -> None:
    assert measured.advice == advice


def test_all_of_it_as_yaml() -> None:
    tasks = [one(cpus=4, peak=120e6, walltime=None), one()]
    assert yaml.safe_load(as_yaml(tasks)) == {"resources": {"t": {"cpus": 1, "memory": "200MB", "walltime": "1m"}}}


@given(st.floats(1, 1e13), st.floats(1e-3, 1e7))
def test_what_is_advised_is_enough_and_not_far_too_much(peak: float, took: float) -> None:
    suggested: dict[str, Any] = one(memory=None, walltime=None, peak=peak, took=took).suggested
    memory = parse_memory(suggested["memory"])
    assert peak * MEMORY_ROOM <= memory * 1.001
    assert memory <= max(LEAST_MEMORY, 2.1 * MEMORY_ROOM * peak)
    walltime = parse_duration(suggested["walltime"])
    assert took * TIME_ROOM <= walltime <= max(LEAST_TIME, 2 * TIME_ROOM * took)


@given(st.floats(60, 1e8))
def test_times_are_read_as_they_are_shown(seconds: float) -> None:
    assert parse_duration(show_seconds(seconds)) == pytest.approx(seconds, rel=0.06)


@given(st.floats(1e6, 1e15))
def test_amounts_are_read_as_they_are_shown(size: float) -> None:
    assert parse_memory(show_bytes(size)) == pytest.approx(size, rel=0.01)
