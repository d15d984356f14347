"""What tables of a plan and of a store have in common: which tasks a chain has, their metrics, what names mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from quadrat.core.annotations import literals, variants
from quadrat.core.names import Found, Names
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


def describe(tidy: Tidy, names: Names) -> None:
    """Tell a table what parameters mean, and which of them choose between variants of a tree; leaves of trees too."""
    tidy.off_id |= {param.key for param in names if param.off_id}
    tidy.texts |= {param.key: param.info.description for param in names if param.info.description}
    for tree, models in _trees(names):
        for model in models:
            for name, info in model.model_fields.items():
                if info.description:
                    tidy.texts[_inside(tree, name).full] = info.description
        tidy.choices |= {_inside(tree, name).full for name in models[0].model_fields if _chooses(models, name)}


def _trees(names: Names) -> Iterator[tuple[Found, list[type[pydantic.BaseModel]]]]:
    """All trees of parameters, with the models that each may be."""
    rest = [(Found(param), param.info.annotation) for param in names]
    while rest:
        tree, annotation = rest.pop()
        models = variants(annotation)
        if models:
            yield tree, models
        if len(tree.path) < _DEEPEST:
            rest += [
                (_inside(tree, name), info.annotation) for one in models for name, info in one.model_fields.items()
            ]


_DEEPEST = 5


def _inside(tree: Found, name: str) -> Found:
    return Found(tree.param, (*tree.path, name))


def _chooses(models: list[type[pydantic.BaseModel]], name: str) -> bool:
    """Whether a field tells the variants apart: a `Literal` in each, of which no two have a value in common."""
    values = [literals(model, name) for model in models]
    return len(models) > 1 and all(values) and sum(map(len, values)) == len(set().union(*values))
