"""Put a tidy table together, column by column, and name its columns: the shortest names that are unambiguous."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quadrat.results.columns import free, spread
from quadrat.results.table import HIDDEN, RUN, Table, Unit

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Metric:
    """A metric of a task of the chain: its column, what it means, and whether it says which runs count."""

    task: str
    name: str
    column: pl.Series
    text: str = ""
    mark: bool = False


@dataclass(frozen=True)
class Upstream:
    """The runs of an upstream in a table: for each row a number that tells them apart, and what they depend on.

    `keys` are full names of parameters, and labels.
    """

    place: NDArray[Any]
    keys: frozenset[str]


@dataclass
class Tidy:
    """A table in the making. All columns have one row for each id.

    Attributes:
        study, task: what it is of.
        ids: the run ids, 32 hexadecimal digits each.
        done: for each row whether its run is finished.
        texts: what parameters mean, by full name.
        choices: the full names of parameters that say which variant a tree is of.
        off_id: the full names of parameters that change no result.
        notes: lines for the reader.
    """

    study: str
    task: str
    ids: Sequence[str]
    done: NDArray[np.bool_] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    choices: set[str] = field(default_factory=set)
    off_id: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    _labels: list[tuple[str, pl.Series]] = field(default_factory=list)
    _params: list[tuple[str, Sequence[Any] | None, Any]] = field(default_factory=list)
    _metrics: list[tuple[Metric, str]] = field(default_factory=list)
    _upstreams: dict[str, Upstream] = field(default_factory=dict)

    def label(self, name: str, column: pl.Series) -> None:
        """Add a label."""
        self._labels.append((name, column))

    def param(self, key: str, table: Sequence[Any], codes: Any) -> None:
        """Add a parameter by its full name, as distinct values and each row's place among them (-1 for none)."""
        self._params.append((key, table, codes))

    def metric(self, metric: Metric, upstream: Upstream | None = None) -> None:
        """Add a metric; `upstream` says what its runs are where it is one of an upstream."""
        hidden = "" if upstream is None else f"{HIDDEN}{metric.task}"
        if upstream is not None:
            self._upstreams[hidden] = upstream
        self._metrics.append((metric, hidden))

    def table(self) -> Table:
        """The table, with the hidden column `@done`."""
        import polars as pl

        columns = [pl.Series(RUN, self.ids, pl.String)]
        full: dict[str, str] = {}
        labels: list[str] = []
        for name, column in self._labels:
            labels.append(free(name, [RUN, *labels]))
            columns.append(column.alias(labels[-1]))
        params: list[str] = []
        leaves: set[str] = set()
        loose: list[str] = []
        short = self._param_names({RUN, *labels})
        for key, table, codes in self._params:
            for column in spread(key, table or [], codes):
                inner = column.name[len(key) :]
                name = free(short[key] + inner, [RUN, *labels, *params])
                full[name] = column.name
                params.append(name)
                if key in self.off_id:
                    loose.append(name)
                if inner:
                    leaves.add(name)
                columns.append(column.alias(name))
        metrics: list[str] = []
        marks: list[str] = []
        units: dict[str, Unit] = {}
        axes = {hidden: self._axes(one, labels, params, full) for hidden, one in self._upstreams.items()}
        texts = {name: self.texts[one] for name, one in full.items() if one in self.texts}
        choices = tuple(name for name, one in full.items() if one in self.choices)
        for metric, hidden in self._metrics:
            name = self._metric_name(metric, {RUN, *labels, *params, *metrics})
            full[name] = f"{metric.task}.{metric.name}"
            metrics.append(name)
            columns.append(metric.column.alias(name))
            if metric.mark and metric.column.dtype == pl.Boolean:  # before there was a mark it may have been anything
                marks.append(name)
            if metric.text:
                texts[name] = metric.text
            if hidden:
                units[name] = Unit(hidden, axes[hidden])
        done = np.ones(len(self.ids), bool) if self.done is None else self.done
        columns += [pl.Series(hidden, one.place, pl.Int64) for hidden, one in self._upstreams.items()]
        rows = pl.DataFrame([*columns, pl.Series(f"{HIDDEN}done", done)])
        return Table(
            self.study, self.task, rows, tuple(labels), tuple(params), tuple(metrics), full, texts=texts,
            choices=choices, loose=tuple(loose), inner=frozenset(leaves), units=units, marks=tuple(marks),
            notes=tuple(self.notes),
        )  # fmt: skip

    @staticmethod
    def _axes(one: Upstream, labels: Sequence[str], params: Sequence[str], full: Mapping[str, str]) -> frozenset[str]:
        """The columns of the axes that an upstream depends on."""
        own = {name for name in params if any(f"{full[name]}.".startswith(f"{key}.") for key in one.keys)}
        return frozenset(own | (one.keys & set(labels)))

    def _param_names(self, taken: set[str]) -> Mapping[str, str]:
        """The last part of each full name where no other has it, else the full name."""
        keys = [key for key, _, _ in self._params]
        last = [key.rpartition(".")[2] for key in keys]
        return {
            key: one if last.count(one) == 1 and one not in taken else key for key, one in zip(keys, last, strict=True)
        }

    def _metric_name(self, metric: Metric, taken: set[str]) -> str:
        """The name of a metric where no other metric and no axis has it, else `task.metric`."""
        twins = sum(other.name == metric.name for other, _ in self._metrics)
        if twins == 1 and metric.name not in taken:
            return metric.name
        return free(f"{metric.task}.{metric.name}", taken)
