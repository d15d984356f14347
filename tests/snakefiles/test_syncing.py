"""Views as a function of store and plan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import quadrat as qd
from quadrat.execution.tally import Options
from quadrat.plan.plan import Plan
from quadrat.running import How, run_plan
from quadrat.session import Request, Session, open_session
from quadrat.snakefiles.naming import RuleSet
from quadrat.snakefiles.syncing import date, soften, sync
from quadrat.store.views import NamedView

YEAR = 365 * 86_400 * 10**9


class Made(qd.Result):
    value: int
    file: qd.File


study = qd.Study("synced")


@study.task
def make(run: qd.Run, number: int = 0) -> Made:
    file = run.file("made.txt")
    file.write_text(str(number))
    return Made(value=number, file=file)


@study.task
def use(make: qd.Done[qd.Params, Made]) -> dict:
    return {}


study.view(make, "made/{number}.txt", "file")


class Folder:
    """A store that has some runs, and a plan on it."""

    def __init__(self, root: Path, *overrides: str, **request: object) -> None:
        asked = Request(overrides, **request)  # type: ignore[arg-type]
        self.session: Session = open_session(study, root, asked)
        self.plan: Plan = self.session.plan()
        self.named: dict[str, list[NamedView]] = RuleSet(study).views(self.plan)

    def sync(self) -> list[str]:
        return sync(self.session.store, self.plan, self.named)

    @property
    def views(self) -> list[str]:
        root = self.session.store.root
        return sorted(str(path.relative_to(root)) for path in root.glob("[!.]*/*"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with two runs of each task, and no views of `use`."""
    session = open_session(study, tmp_path / "runs", Request(("number=1,2",)))
    run_plan(session, session.plan(), How(executor="inline", options=Options()))
    return tmp_path / "runs"


ALL = ["made/1.txt", "made/2.txt", "use/number=1.json", "use/number=2.json"]


def test_views_are_there_for_what_is_finished(root: Path) -> None:
    folder = Folder(root, "number=1,2,3")
    assert folder.sync() == []
    assert folder.views == ALL
    assert (root / "use/number=1.json").stat().st_nlink == 2
    times = [(root / name).stat().st_mtime_ns for name in ALL]
    for name in ALL:
        (root / name).unlink()
    assert Folder(root, "number=1,2,3").sync() == []
    assert [(root / name).stat().st_mtime_ns for name in ALL] == times


def test_views_go_with_what_is_to_be_run(root: Path) -> None:
    Folder(root, "number=1,2").sync()
    Folder(root, "number=2", rerun=("all",)).sync()
    assert Folder(root).views == ["made/1.txt", "use/number=1.json"]
    Folder(root, "number=1,2").sync()
    assert Folder(root).views == ALL


def test_no_view_is_older_than_what_its_run_reads(root: Path) -> None:
    folder = Folder(root, "number=1,2")
    folder.sync()
    made, used = root / "made/1.txt", root / "use/number=1.json"
    os.utime(made, ns=(0, made.stat().st_mtime_ns + YEAR))
    Folder(root, "number=1,2").sync()
    assert used.stat().st_mtime_ns == made.stat().st_mtime_ns
    assert (root / "use/number=2.json").stat().st_mtime_ns < used.stat().st_mtime_ns - YEAR // 2


def test_what_is_no_link_to_a_run_is_moved_aside(root: Path) -> None:
    mine = root / "made" / "3.txt"
    mine.write_text("my own")
    (aside,) = Folder(root, "number=3").sync()
    assert not mine.exists()
    assert Path(aside).read_text() == "my own"


def test_a_run_that_came_since_the_plan_was_made_keeps_its_view(root: Path) -> None:
    folder = Folder(root, "number=3")
    later = Folder(root, "number=3")
    run_plan(later.session, later.plan, How(executor="inline"))
    folder.sync()
    assert (root / "made" / "3.txt").is_file()


def test_softened_views_can_be_replaced_and_become_hard_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(root, "number=1")
    folder.sync()
    view = root / "made/1.txt"
    before = view.stat()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for a user who is not root
    soften(folder.session.store, folder.plan.tasks["make"], 0, folder.named["make"])
    assert view.is_symlink()
    assert view.samefile(root / ".quadrat" / view.readlink().relative_to(root / ".quadrat"))
    assert view.lstat().st_mtime_ns == before.st_mtime_ns
    Folder(root, "number=1").sync()
    assert not view.is_symlink()
    assert view.stat().st_ino == before.st_ino


def test_a_benchmark_is_as_new_as_the_view(tmp_path: Path) -> None:
    view, benchmark = tmp_path / "view", tmp_path / "benchmark"
    view.touch()
    date(benchmark, view, 0.0)
    assert not benchmark.exists()
    benchmark.touch()
    os.utime(benchmark, (100, 100))
    date(benchmark, view, 50.0)
    assert benchmark.stat().st_mtime_ns == view.stat().st_mtime_ns
    os.utime(benchmark, (100, 100))
    date(benchmark, view, 150.0)
    assert not benchmark.exists()
