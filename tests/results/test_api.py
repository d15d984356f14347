"""The Python interface, and the command line on the same store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat import BadInput, QuadratError
from quadrat.api import open as qd_open
from quadrat.config import parse_overrides
from quadrat.config.spelling import override_text
from quadrat.session import Request

TINY = str(Path(__file__).with_name("tiny.py"))
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text()


def same(one: Any, other: Any) -> bool:
    return one == other and type(one) is type(other)


@given(SCALARS)
def test_any_scalar_survives_the_grammar_of_overrides(value: Any) -> None:
    parsed = parse_overrides([f"x={override_text(value)}"])[0]
    assert same(parsed.value, value)


@given(st.lists(SCALARS, min_size=2, max_size=5, unique_by=repr))
def test_a_list_is_an_axis(values: list[Any]) -> None:
    try:
        parsed = parse_overrides([f"x={override_text(values)}"])[0]
    except BadInput as error:
        assert "twice" in str(error) or "same" in str(error) or "equal" in str(error), error  # noqa: PT017
        return
    assert parsed.values is not None
    assert all(same(one, other) for one, other in zip(parsed.values, values, strict=True))


def test_trees_and_lists() -> None:
    assert parse_overrides([f"x={override_text({'a': 1, 'b': [1, 'x']})}"])[0].value == {"a": 1, "b": [1, "x"]}
    assert parse_overrides([f"x={override_text([[1, 2], [3]])}"])[0].values == ([1, 2], [3])
    with pytest.raises(BadInput):
        override_text([])
    with pytest.raises(BadInput):
        override_text(object())


def test_open_and_look(ran: Path) -> None:
    sweep = qd_open(TINY, store=ran, seed=[1, 2])
    assert repr(sweep) == f"<quadrat 'tiny' on '{ran}', 'seed=1,2'>"
    assert sweep.status()["finished"] > 0
    found = sweep.results("train")
    assert len(found) == 4
    assert sweep.results("train", over="seed", where="name=hmc")["n"].to_list() == [2]
    assert len(sweep.results("train", all=True)) == 6
    assert len(found.to_pandas()) == 4
    assert sweep.sql("select count(*) as n from train")["n"].to_list() == [4]
    assert sweep.plan().counts() == sweep.status()


def test_a_run_is_loaded_with_its_types(ran: Path) -> None:
    sweep = qd_open(TINY, store=ran)
    row = sweep.results("train", where=["seed=2", "name=sgld"]).to_dicts()[0]
    run = sweep.run(row["run"][:12])
    assert repr(run) == f"<run {row['run'][:12]} of 'train'>"
    done = run.load()
    assert (done.params.seed, done.params.sampler.step, done.result.val_acc) == (2, 0.5, row["val_acc"])
    assert done.result.weights.read_text() == "2"
    assert done.result.weights.parent == run.path
    with pytest.raises(QuadratError, match="no run begins"):
        sweep.run("0" * 32)


def test_plot_writes_where_it_is_told(ran: Path, tmp_path: Path) -> None:
    sweep = qd_open(TINY, store=ran)
    assert sweep.plot("train", "sampler.name", "val_acc", output=tmp_path / "a" / "b.svg") == [tmp_path / "a" / "b.svg"]
    assert b"val_acc" in (tmp_path / "a" / "b.svg").read_bytes()


def quadrat(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from quadrat.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=60, env=os.environ)


def test_results_on_the_command_line(ran: Path, tmp_path: Path) -> None:
    done = quadrat("results", TINY, "train", "--over", "seed", "--format", "csv", "--store", str(ran), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "size,sampler.name,sampler.draws,sampler.step,layers,images,sha256,loss_avg,loss_std,loss_ci95,"
        "val_acc_avg,val_acc_std,val_acc_ci95,n"
    )
    told = quadrat("results", TINY, "train", "seed=1,7", "--format", "json", "--store", str(ran), cwd=tmp_path)
    assert len(json.loads(told.stdout)) == 2
    assert told.stderr == "note: 2 of 4 runs of 'train' are not finished, and left out\n"
    written = quadrat("results", TINY, "test", "-o", "out.parquet", "--store", str(ran), cwd=tmp_path)
    assert written.returncode == 0
    assert len(pl.read_parquet(tmp_path / "out.parquet")) == 19


def test_sql_on_the_command_line_finds_the_study_of_the_store(ran: Path, tmp_path: Path) -> None:
    query = "select seed, count(*) as n from train group by seed order by seed"
    for before in ([], [TINY]):
        done = quadrat("sql", *before, query, "seed=1,2", "--format", "csv", "--store", str(ran), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "seed,n\n1,2\n2,2\n")
    wrong = quadrat("sql", "select * from trian", "--store", str(ran), cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: unknown table 'trian'\n  did you mean 'train'?\n"
    nothing = quadrat("sql", "select 1 from train", "--store", "none", cwd=tmp_path)
    assert nothing.returncode == 2
    assert "holds no finished run" in nothing.stderr


def test_plot_and_export_on_the_command_line(ran: Path, tmp_path: Path) -> None:
    drawn = quadrat(
        "plot", TINY, "train", "-x", "name", "-y", "val_acc", "-o", "f.png", "--store", str(ran), cwd=tmp_path
    )
    assert (drawn.returncode, drawn.stdout) == (0, "f.png\n")
    assert (tmp_path / "f.png").stat().st_size > 5000
    out = quadrat("export", TINY, "out", "--format", "signac", "--store", str(ran), cwd=tmp_path)
    assert out.returncode == 0
    assert out.stderr == "13 jobs of 'test' in out (13 new), 25 files linked\n"
    refused = quadrat("export", TINY, "out", "--format", "signak", "--store", str(ran), cwd=tmp_path)
    assert (refused.returncode, refused.stderr) == (2, "error: unknown format 'signak'\n  did you mean 'signac'?\n")


def test_a_group_of_configuration_is_chosen_as_on_the_command_line(tmp_path: Path) -> None:
    opened = qd_open("mnist_fgsm", store=tmp_path, dataset="digits", seed=[1, 2])
    said = qd_open("mnist_fgsm", ["dataset=digits", "seed=1,2"], store=tmp_path)
    assert opened.status() == said.status()
    assert opened.status()["runs"] > 0


def test_what_selects_runs_is_one_thing_in_every_command_that_is_told() -> None:
    request = Request(("a=1",), (Path("more.yaml"),), to="train", where=("seed=1,2", "a>0"))
    words = ["a=1", "--to", "train", "--config", "more.yaml", "--where", "seed=1,2", "--where", "a>0"]
    assert request.words() == words
