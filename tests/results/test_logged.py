"""What runs log: kept, read while they go on, averaged, drawn, and written for other tools."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat.core.run import CURVE_FILE, Run
from quadrat.results.logged import read
from quadrat.running import How, run_plan

STUDY = '''
import math
import quadrat as qd

study = qd.Study("logging")


@study.task
def train(run: qd.Run, rate: float = 0.1, seed: int = 0, steps: int = 4) -> dict:
    """Log a curve."""
    for step in range(steps):
        run.log(step, loss=math.exp(-rate * step) + seed, **({"val/acc": step / 4} if step % 2 else {}))
    return {"loss": math.exp(-rate * steps) + seed}


@study.task
def silent(size: int = 0) -> dict:
    """Log nothing."""
    return {"zero": 0}
'''


def run_in(folder: Path) -> Run:
    return Run("0" * 32, folder, folder / "scratch")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study whose runs have logged."""
    folder = tmp_path_factory.mktemp("logging")
    (folder / "study.py").write_text(STUDY, encoding="utf-8")
    overrides = ["rate=0.1,1.0", "seed=0,1,2"]
    opened = qd.open(str(folder / "study.py"), overrides, store=folder / "runs")
    tally = run_plan(opened.session, opened.plan(), How(executor="inline"))
    assert not tally.failures
    return qd.open(str(folder / "study.py"), overrides, store=folder / "runs")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9), st.dictionaries(st.sampled_from(["a", "b/c", "ä"]), st.floats(width=64), min_size=1)
        ),
        max_size=20,
    )
)
def test_what_is_logged_is_read(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, dict[str, float]]]
) -> None:
    """Every value to the last bit, nan and infinities too; of a step that was logged again the later values."""
    folder = tmp_path_factory.mktemp("run")
    run, expected = run_in(folder), dict[str, dict[int, float]]()
    for step, values in calls:
        run.log(step, **values)
        for name, value in values.items():
            expected.setdefault(name, {})[step] = value
    run.flush()
    found = read(folder)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert list(found[name]) == list(values)
        np.testing.assert_array_equal(list(found[name].values()), list(values.values()))


def test_points_can_be_read_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once after a second of silence, else every 256 calls; a line that is half written is left out."""
    clock = [0.0]
    monkeypatch.setattr("quadrat.core.run.time.monotonic", lambda: clock[0])
    run = run_in(tmp_path)
    run.log(0, loss=1.0)
    assert read(tmp_path) == {"loss": {0: 1.0}}
    run.log(1, loss=0.5)
    assert read(tmp_path) == {"loss": {0: 1.0}}
    clock[0] = 1.5
    run.log(2, loss=0.25)
    assert read(tmp_path) == {"loss": {0: 1.0, 1: 0.5, 2: 0.25}}
    for step in range(3, 259):
        run.log(step, loss=0.0)
    assert len(read(tmp_path)["loss"]) == 259
    with (tmp_path / CURVE_FILE).open("a") as file:
        file.write('{"step": 300, "lo')
    assert len(read(tmp_path)["loss"]) == 259


@pytest.mark.parametrize(
    ("step", "value", "message"),
    [
        (0.5, 1.0, "the step 0.5 is no whole number"),
        (1, "high", "'loss' is no number but 'high'"),
        (1, None, "no number"),
    ],
)
def test_what_cannot_be_a_point_is_refused(tmp_path: Path, step: Any, value: Any, message: str) -> None:
    with pytest.raises(qd.BadInput, match=message):
        run_in(tmp_path).log(step, loss=value)


def test_curves_come_with_the_parameters_of_their_runs(ran: Any) -> None:
    frame = ran.curves("train")
    assert frame.columns == ["run", "rate", "seed", "steps", "step", "loss", "val/acc"]
    assert len(frame) == 6 * 4
    row = frame.filter((pl.col("rate") == 1.0) & (pl.col("seed") == 2) & (pl.col("step") == 3)).to_dicts()[0]
    assert row["loss"] == math.exp(-3) + 2
    assert row["val/acc"] == 0.75
    assert frame.filter(pl.col("step") == 0)["val/acc"].null_count() == 6
    assert ran.curves("train", "loss", where="seed=1").columns[-1] == "loss"


def test_curves_are_averaged_at_each_step(ran: Any) -> None:
    frame = ran.curves("train", "loss", over="seed")
    assert frame["n"].to_list() == [3] * 8
    first = frame.filter((pl.col("rate") == 0.1) & (pl.col("step") == 2)).to_dicts()[0]
    assert first["loss_avg"] == pytest.approx(math.exp(-0.2) + 1)
    assert first["loss_std"] == pytest.approx(1)


def test_names_that_were_not_logged(ran: Any) -> None:
    with pytest.raises(qd.BadInput, match="unknown curve of 'train' 'los'\n  did you mean 'loss'"):
        ran.curves("train", "los")
    with pytest.raises(qd.BadInput, match="no run of 'silent' has logged anything"):
        ran.curves("silent")


def test_curves_are_drawn(ran: Any, tmp_path: Path) -> None:
    (file,) = ran.plot("train", "step", "loss", "rate", output=tmp_path / "loss.png")
    assert file.stat().st_size > 5000


@pytest.mark.parametrize("kind", ["csv", "tensorboard", "wandb"])
def test_curves_for_other_tools(ran: Any, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written twice: the second time nothing is there twice."""
    from quadrat.querying import export_curves

    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    out = tmp_path / "out"
    for _ in range(1 if kind == "wandb" else 2):
        assert export_curves(ran.session, out, "train", kind) == 6
    (name,) = [path.name for path in out.iterdir() if path.name.startswith("rate=1,seed=2")] or ["-"]
    if kind == "csv":
        assert len(list(out.iterdir())) == 6
        table = pl.read_csv(out / name)
        assert table["step"].to_list() == [0, 1, 2, 3]
        assert table["loss"][3] == math.exp(-3) + 2
    elif kind == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(out / name))
        events.Reload()
        assert [(one.step, one.value) for one in events.Scalars("val/acc")] == [(1, 0.25), (3, 0.75)]
        assert len(events.Scalars("loss")) == 4
        assert "rate | 1" in events.Tensors("params")[0].tensor_proto.string_val[0].decode()
    else:
        assert len(list(out.glob("wandb/offline-run-*/run-*.wandb"))) == 6
