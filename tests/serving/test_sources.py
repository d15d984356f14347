"""Which sweeps a page shows: what was named, or what was run last of every study, whenever it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from chain_cli import Cli
from quadrat.running import How, run_plan
from quadrat.serving import Sources
from quadrat.store.store import Store

STUDY = """
import quadrat as qd

study = qd.Study("{name}")


class Out(qd.Result):
    value: float


@study.task
def one(x: int = 0) -> Out:
    return Out(value=x)
"""


def run(folder: Path, name: str, **params: Any) -> None:
    """Run a study in the folder's store."""
    (folder / f"{name}.py").write_text(STUDY.format(name=name), encoding="utf-8")
    opened = qd.open(str(folder / f"{name}.py"), store=folder / "runs", **params)
    run_plan(opened.session, opened.plan(), How(executor="inline"))


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is looked at anew at every call."""
    monkeypatch.setattr("quadrat.serving.sources.SCAN_SECONDS", 0.0)


@pytest.mark.usefixtures("unhurried")
def test_the_last_request_of_every_study_is_followed(tmp_path: Path) -> None:
    sources = Sources(Store(tmp_path / "runs"))
    assert sources.watches() == {}
    run(tmp_path, "first", x=[1, 2])
    assert [one.look().state.tasks[0].runs for one in sources.watches().values()] == [2]
    run(tmp_path, "first", x=[1, 2, 3])
    run(tmp_path, "second", x=5)
    assert list(sources.watches()) == ["second", "first"]
    assert sources.watches()["first"].look().state.tasks[0].finished == 3
    opened = qd.open(str(tmp_path / "first.py"), store=tmp_path / "runs", x=1)
    opened.session.store.quarantine(opened.plan().tasks["one"].ids[0].hex())
    run(tmp_path, "first", x=[1, 2])  # asked for before: the last one all the same
    assert list(sources.watches()) == ["first", "second"]
    assert sources.watches()["first"].look().state.tasks[0].runs == 2


@pytest.mark.usefixtures("unhurried")
def test_a_request_that_cannot_be_read_any_more_is_told(tmp_path: Path) -> None:
    run(tmp_path, "gone", x=1)
    (tmp_path / "gone.py").unlink()
    (tmp_path / "runs" / ".quadrat" / "plans" / "torn.json").write_text('{"study": "torn", "ki', encoding="utf-8")
    store = Store(tmp_path / "runs")
    sources = Sources(store)
    # Loaded already in this process, so that its file is not looked for: another study of the same name is.
    text = (store.layout.plans / "x.json").parent
    for path in text.glob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("gone.py", "lost.py"), encoding="utf-8")
    assert sources.watches() == {}
    assert "lost.py" in sources.notes()["gone"]


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("text", ["[1]", '{"study": 1}', "null", "{", ""])
def test_what_is_no_request_is_passed_over(tmp_path: Path, text: str) -> None:
    run(tmp_path, "first", x=1)
    store = Store(tmp_path / "runs")
    (store.layout.plans / "odd.json").write_text(text, encoding="utf-8")
    assert list(Sources(store).watches()) == ["first"]


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("line", ["raise SystemExit(3)", "1 / 0", "import nothing_of_this_name"])
def test_a_study_that_fails_as_it_is_imported_stops_no_other(tmp_path: Path, line: str) -> None:
    run(tmp_path, "first", x=1)
    run(tmp_path, "second", x=1)
    (tmp_path / "bad.py").write_text(line, encoding="utf-8")
    store = Store(tmp_path / "runs")
    for path in store.layout.plans.glob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("second.py", "bad.py"), encoding="utf-8")
    sources = Sources(store)
    assert list(sources.watches()) == ["first"]
    assert "cannot be read" in sources.notes()["second"]


def test_mistakes_of_the_command_line_are_told_before_anything_is_served(tmp_path: Path) -> None:
    quadrat = Cli(tmp_path)
    assert "comes before any study" in quadrat("ui", "seed=1", code=2).err
    assert "is named twice" in quadrat("ui", "mnist_fgsm", "mnist_fgsm", code=2).err
    assert "did you mean 'mnist_fgsm'" in quadrat("ui", "mnist_fgms", code=2).err
