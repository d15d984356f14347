"""What tables of a plan and of a store have in common: which tasks a chain has, their metrics, what names mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.names import Found, Names, variants
from quadrat.core.study import Study
from quadrat.core.task import Task
from quadrat.results.columns import series
from quadrat.results.reading import Runs, read_runs
from quadrat.results.tidy import Metric, Tidy, Upstream
from quadrat.session import Session


def chain_tasks(study: Study, task: str) -> list[str]:
    """The task and the ones that its runs stand on one by one (no gathers between), upstreams first."""
    found: set[str] = set()
    rest = [task]
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest.extend(one.name for one in study.tasks[name].inputs if not one.many)
    return [one.name for one in study.order if one.name in found]


@dataclass(frozen=True)
class Read:
    """The finished runs of one task of a chain, and for each row of a table the place of its run among them.

    A row without one has the place behind the last.
    """

    task: Task
    runs: Runs
    place: NDArray[np.int64]

    def spread(self, values: Sequence[Any]) -> list[Any]:
        """One value for each row, from one for each run; None for a row without a run."""
        extended = [*values, None]
        return [extended[place] for place in self.place.tolist()]


def read_chain(session: Session, task: str, rows: NDArray[np.int64], *, records: bool = False) -> Read:
    """Read the runs of a task of the chain.

    Args:
        session: the study and its store.
        task: which task.
        rows: for each row of the table where its run of that task stands in the index, or -1.
        records: keep what the records say of parameters and inputs, too.
    """
    known = session.study.tasks[task]
    distinct, place = np.unique(rows, return_inverse=True)
    lacking = int(np.count_nonzero(distinct < 0))
    runs = read_runs(session.store.index, distinct[lacking:], known.metrics, records=records)
    return Read(known, runs, np.where(place < lacking, len(runs.rows), place - lacking))


def add_metrics(tidy: Tidy, read: Read, upstream: Upstream | None) -> None:
    """Add the metrics of a task of the chain to a table.

    Args:
        tidy: the table.
        read: the task's runs.
        upstream: what its runs are, for another task than the table's own.
    """
    task, runs = read.task, read.runs
    model = task.signature.result
    for name, values in runs.metrics.items():
        text = model.model_fields[name].description if model and name in model.model_fields else None
        column = series(name, [*values, None]).gather(read.place)
        tidy.metric(Metric(task.name, name, column, text or "", name in task.marks), upstream)
    if upstream is None and any(runs.dropped):
        column = series("dropped", [*runs.dropped, None]).gather(read.place)
        tidy.metric(Metric(task.name, "dropped", column, "Members of the gather that failed"))


def param_texts(names: Names) -> Iterator[tuple[str, str]]:
    """The descriptions of all parameters by full name, leaves of trees too."""
    for param in names:
        if param.info.description:
            yield param.key, param.info.description
        rest = [(Found(param), param.info.annotation)]
        while rest:
            found, annotation = rest.pop()
            for model in variants(annotation):
                for name, info in model.model_fields.items():
                    inner = Found(param, (*found.path, name))
                    if info.description:
                        yield inner.full, info.description
                    if len(inner.path) < 6:
                        rest.append((inner, info.annotation))
