"""Results that do not count: what a study marks, and what averages of a real store make of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import quadrat as qd
from quadrat.api import Opened
from quadrat.querying import left_out_note, table
from studying import write_study

STUDY = """
study = qd.Study("chains")

class Sampling(qd.Params):
    step: float = 0.1
    seed: int = 0

class Sampled(qd.Result):
    estimate: float
    converged: Annotated[bool, qd.valid()]

@study.task
def sample(params: Sampling) -> Sampled:
    return Sampled(estimate=params.seed * 1.0, converged=params.step < 0.5 and params.seed != 2)

class Compared(qd.Result):
    error: float

@study.task
def compare(sample: qd.Done[Sampling, Sampled], shift: float = 0.0) -> Compared:
    return Compared(error=sample.result.estimate + shift)
"""
SWEEP = ("step=0.1,0.5", "seed=1,2,3", "shift=0.0,1.0")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study that has run, `runs` beside it."""
    file = write_study(tmp_path_factory.mktemp("chains"), STUDY)
    tally = qd.open(str(file), SWEEP, store=file.parent / "runs").run_all(executor="inline")
    assert not tally.failures
    return file


@pytest.fixture
def sweep(study: Path) -> Opened:
    """The sweep, finished."""
    return qd.open(str(study), SWEEP, store=study.parent / "runs")


@pytest.mark.parametrize("whole", [False, True])
def test_averages_leave_out_what_does_not_count(sweep: Opened, whole: bool) -> None:
    found = sweep.results("sample", over="seed", all=whole)
    assert found.columns == ["step", "estimate_avg", "estimate_std", "estimate_ci95", "n", "n_left_out"]
    assert found.select("step", "estimate_avg", "n", "n_left_out").sort("step").rows() == [
        (0.1, 2.0, 2, 1),
        (0.5, None, 0, 3),
    ]


def test_a_row_counts_if_what_it_stands_on_does(sweep: Opened) -> None:
    found = sweep.results("compare", over="seed").filter(pl.col("step") == 0.1).sort("shift")
    assert found.select("shift", "error_avg", "estimate_avg", "n", "n_left_out").rows() == [
        (0.0, 2.0, 2.0, 2, 1),
        (1.0, 3.0, 2.0, 2, 1),
    ]


def test_all_can_be_averaged(sweep: Opened) -> None:
    found = sweep.results("sample", over="seed", include_invalid=True).sort("step")
    assert "n_left_out" not in found.columns
    assert found.select("estimate_avg", "n").rows() == [(2.0, 3), (2.0, 3)]
    assert found["converged_avg"].to_list() == [pytest.approx(2 / 3), 0.0]


def test_where_all_count_there_is_no_further_column(sweep: Opened) -> None:
    assert "n_left_out" not in sweep.results("sample", over="seed", where=["step=0.1", "seed!=2"]).columns


def test_a_plain_table_has_every_row(sweep: Opened) -> None:
    assert len(sweep.results("sample")) == 6
    assert sweep.results("sample")["converged"].sum() == 2


@pytest.mark.parametrize("task", ["sample", "compare"])
def test_the_note_counts_runs_of_the_task_that_says_so(sweep: Opened, task: str) -> None:
    assert left_out_note(table(sweep.session, task)) == (
        "4 of 6 runs of 'sample' are not 'converged': left out of the averages; --include-invalid averages them too"
    )
    assert left_out_note(table(sweep.session, task, where=["step=0.1", "seed!=2"])) is None


@pytest.fixture
def quadrat(study: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line beside the study."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "quadrat", *arguments]
        return subprocess.run(command, cwd=study.parent, capture_output=True, text=True, check=True, timeout=120)

    return call


def test_the_command_line_says_what_is_left_out(quadrat: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    sample = ("results", "study.py", "sample", "step=0.1,0.5", "seed=1,2,3")
    done = quadrat(*sample, "--over", "seed")
    assert "note: 4 of 6 runs of 'sample' are not 'converged'" in done.stderr
    assert "n_left_out" in done.stdout
    assert quadrat(*sample, "--over", "seed", "--include-invalid").stderr == ""
    assert quadrat(*sample).stderr == ""
    drawn = quadrat("plot", *sample[1:], "-x", "step", "-y", "estimate", "-o", "a.png")
    assert "note: 4 of 6 runs of 'sample' are not 'converged'" in drawn.stderr
    assert quadrat("plot", *sample[1:], "-x", "step", "-y", "estimate", "-o", "a.png", "--include-invalid").stderr == ""


@pytest.mark.parametrize("kind", ["float", "bool | None"])
def test_only_a_bool_can_say_so(tmp_path: Path, kind: str) -> None:
    file = write_study(
        tmp_path,
        f"""
        study = qd.Study("s")
        class Out(qd.Result):
            good: Annotated[{kind}, qd.valid()]
        @study.task
        def train(seed: int = 0) -> Out: ...
        """,
    )
    with pytest.raises(
        qd.BadInput, match=r"(?s)study.py:8: field 'good' of Out cannot say whether a run counts\n.*bool"
    ):
        qd.open(str(file))
