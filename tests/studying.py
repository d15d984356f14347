"""Planning in tests: a request on a study and a store that is not there, and what comes out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import quadrat as qd
from quadrat.core.finished import Finished, split_ids
from quadrat.plan.plan import Plan
from quadrat.session import Request, Session, open_session

NO_STORE = Path("no-store")


def session(study: qd.Study | Path, *overrides: str, finished: Finished | None = None, **request: Any) -> Session:
    """A session on a store that has nothing in it, or what `finished` says."""
    asked = Request(overrides=overrides, **request)
    opened = open_session(str(study) if isinstance(study, Path) else study, NO_STORE, asked)
    if finished is not None:
        opened.store.finished = lambda **_: finished  # type: ignore[method-assign]
    return opened


def plan(study: qd.Study | Path, *overrides: str, finished: Finished | None = None, **request: Any) -> Plan:
    """The plan of a request."""
    return session(study, *overrides, finished=finished, **request).plan()


def runs(made: Plan) -> dict[str, int]:
    """How many runs each task has."""
    return {one["task"]: one["runs"] for one in made.counts()["tasks"]}


def to_run(made: Plan) -> dict[str, int]:
    """How many runs of each task must run."""
    return {one["task"]: one["to_run"] for one in made.counts()["tasks"]}


def params(made: Plan, task: str) -> list[dict[str, Any]]:
    """The own params of each run of a task."""
    return [made.params(task, run) for run in range(made.tasks[task].size)]


def column(made: Plan, task: str, name: str) -> list[Any]:
    """One parameter of each run of a task."""
    return [one[name] for one in params(made, task)]


def ids(made: Plan) -> dict[str, list[str]]:
    """The run ids of each task."""
    return {name: [one.hex() for one in task.ids] for name, task in made.tasks.items()}


def reasons(made: Plan, task: str) -> list[str]:
    """Why each run of a task runs or does not."""
    return [item["reason"] for item in made.items() if item["task"] == task]


def finished_runs(
    done: Iterable[bytes], *, codes: Mapping[bytes, str] | None = None, failed: Iterable[bytes] = ()
) -> Finished:
    """What a store says that holds these runs, each at its first attempt."""
    high, low = split_ids(sorted(set(done)))
    kept = sorted(set(done))
    known = sorted({(codes or {}).get(one, "") for one in kept} | {""})
    return Finished(
        high=high,
        low=low,
        attempt=np.ones(len(kept), np.int32),
        digest=np.arange(1, len(kept) + 1, dtype=np.uint64),
        code=np.array([known.index((codes or {}).get(one, "")) for one in kept], np.int32),
        seconds=np.zeros(len(kept), np.float32),
        row=np.arange(len(kept), dtype=np.int64),
        codes=known,
        failed=frozenset(failed),
    )


def all_finished(made: Plan) -> Finished:
    """What a store says that holds every run of a plan."""
    return finished_runs([one for task in made.tasks.values() for one in task.ids])


def write_study(folder: Path, text: str, **files: str) -> Path:
    """Write a study file, and configuration beside it: `config=` is conf/config.yaml, `data__a=` conf/data/a.yaml."""
    file = folder / "study.py"
    file.write_text("from typing import *\nimport quadrat as qd\n\n" + textwrap.dedent(text), encoding="utf-8")
    for name, content in files.items():
        path = folder / "conf" / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="utf-8")
    return file
