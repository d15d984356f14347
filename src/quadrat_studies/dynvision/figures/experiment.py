"""The table of an experiment as figures read it: in which order, at which place and by which name values are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quadrat import BadInput

from ..analysis.process import RESPONSE
from ..analysis.summaries import require_column, spread_over, summarise, time_course
from .words import NAMES, About, Name, without_unit

BY = ("category_value", "parameter_value")
_NEEDED = (*("sample_index", "times_index", "label_index", "seed", "dt"), *("parameter", "category", *BY))


@dataclass(frozen=True, eq=False)
class Experiment:
    """Tests that differ in a parameter and in a category of the model.

    Attributes:
        table: as `analysis.process.aggregate` makes it, perhaps read from a file.
        about: what the table does not say.
        parameter, category: their names; the category may be "".
        values: of the parameter, numbers in their order, texts as they come.
        categories: values of the category, as text: in the order of numbers where all are, else as they come.
        layers: those that have responses.
    """

    table: pl.DataFrame
    about: About
    parameter: str
    category: str
    values: tuple[Any, ...]
    categories: tuple[str, ...]
    layers: tuple[str, ...]

    @classmethod
    def of(cls, table: pl.DataFrame, about: About) -> Experiment:
        """The experiment of a table.

        Raises:
            BadInput: for a table without rows or without a column that it must have.
        """
        missing = [name for name in _NEEDED if name not in table.columns]
        if missing or table.is_empty():
            raise BadInput(f"the table has no column '{missing[0]}'" if missing else "the table has no rows")
        kind = pl.Float64() if table.schema["parameter_value"].is_numeric() else pl.Categorical()
        table = table.with_columns(pl.col("parameter_value").cast(kind), as_text("category_value"))
        values = table["parameter_value"].unique(maintain_order=True).to_list()
        categories = table["category_value"].unique(maintain_order=True).to_list()
        return cls(
            table,
            about,
            str(table["parameter"][0]),
            str(table["category"][0] or ""),
            tuple(sorted(values) if kind == pl.Float64() else values),
            in_order(categories),
            tuple(name.removesuffix(RESPONSE) for name in table.columns if name.endswith(RESPONSE)),
        )

    def at(self, **chosen: Any) -> Experiment:
        """The tests with a value of a column: `at(category_value="full")`. The order of values stays as it is."""
        keep = pl.all_horizontal(pl.col(name) == value for name, value in chosen.items())
        return replace(self, table=self.table.filter(keep))

    @property
    def middle(self) -> Any:
        """The value of the parameter in the middle of its values; of two the larger."""
        return self.values[len(self.values) // 2]

    @property
    def is_numeric(self) -> bool:
        """Whether values of the parameter are numbers."""
        return not isinstance(self.values[0], str)

    def shown(self, most: int) -> tuple[Any, ...]:
        """At most so many values of the parameter, evenly chosen, with the first and the last."""
        chosen = np.linspace(0, len(self.values) - 1, min(most, len(self.values))).round().astype(int)
        return tuple(self.values[place] for place in chosen)

    def course(self, column: str) -> pl.DataFrame:
        """Means of a column over time, for each category and value of the parameter."""
        return time_course(self.table, column, BY, self.about.error)

    def layer_courses(self) -> dict[str, pl.DataFrame]:
        """For each layer the means of its response over time."""
        return {layer: self.course(f"{layer}{RESPONSE}") for layer in self.layers}

    def means(self, rows: pl.DataFrame, value: str = "value") -> pl.DataFrame:
        """Means of a column of other rows, such as a measure, with the place on the axis of the parameter."""
        return self.placed(summarise(rows, value, [*BY, "dt"], self.about.error))

    def placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with `place`: where a value of the parameter is on its axis, in ms where it is in steps."""
        if not self.is_numeric:
            order = pl.col("parameter_value").cast(pl.String).replace_strict(list(self.values), range(len(self.values)))
            return rows.with_columns(order.cast(pl.Float64).alias("place"))
        factor = pl.col("dt") if self._name.in_steps else pl.lit(1.0)
        return rows.with_columns((pl.col("parameter_value") * factor).alias("place")).sort("place")

    def value_text(self, value: Any) -> str:
        """A value of the parameter as it stands in a title, with its unit where that is ms."""
        return _text(value, self._name, self._steps)

    def category_text(self, value: str) -> str:
        """A value of the category as it stands in a legend, with its unit where that is ms."""
        name = NAMES.get(self.category, Name(""))
        return _text(float(value), name, self._steps) if name.unit == "ms" and _is_number(value) else value

    def require_layer(self, layer: str | None = None) -> str:
        """A layer that has responses; without a name the last one.

        Raises:
            BadInput: where it has not.
        """
        known = [one for one in self.layers if self.table[f"{one}{RESPONSE}"].is_not_null().any()]
        if not known:
            raise BadInput("no responses are recorded", hint="set response_batches to 1 or more")
        if layer is not None and layer not in known:
            raise BadInput(f"there are no responses of a layer '{layer}'", hint=f"layers: {', '.join(known)}")
        return known[-1] if layer is None else layer

    @property
    def parameter_label(self) -> str:
        """The name of the parameter with its unit."""
        return self.about.label(self.parameter)

    @property
    def parameter_name(self) -> str:
        """The name of the parameter without its unit."""
        return without_unit(self.parameter_label)

    @property
    def category_name(self) -> str:
        """The name of the category without its unit, which its values have; "" without one."""
        return without_unit(self.about.label(self.category)) if self.category else ""

    def interval_text(self, column: str | None = None) -> str:
        """What bands and bars are; of a column that not all samples have, counted where it is."""
        if column is not None:
            require_column(self.table, column)
        rows = self.table if column is None else self.table.drop_nulls(column)
        over = spread_over(self.table)
        by = "seed" if over == "seeds" else "sample_index"
        numbers = rows.group_by(BY).agg(pl.col(by).n_unique())[by]
        low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)  # type: ignore[arg-type]
        return self.about.interval(over, (low, high))

    def stimulus(self) -> list[tuple[float, float]]:
        """When the stimulus is there, as `intervals`; of tests with several time steps all of them."""
        rows = self.table.filter(pl.col("label_index") >= 0).select("dt", "times_index").unique()
        found = []
        for (dt,), steps in rows.group_by(["dt"], maintain_order=True):
            found += intervals(steps["times_index"].to_numpy(), float(dt))
        return sorted(found)

    @property
    def _name(self) -> Name:
        return NAMES.get(self.parameter, Name(self.parameter))

    @property
    def _steps(self) -> float | None:
        """The time step, ms, where all tests have the same."""
        steps = self.table["dt"].unique()
        return float(steps[0]) if len(steps) == 1 else None


def intervals(steps: NDArray[Any], dt: float) -> list[tuple[float, float]]:
    """Time steps as intervals in ms: from half a step before the first to half a step after the last of each run."""
    steps = np.sort(steps)
    runs = np.split(steps, np.flatnonzero(np.diff(steps) > 1) + 1) if len(steps) else []
    return [(float((run[0] - 0.5) * dt), float((run[-1] + 0.5) * dt)) for run in runs]


def in_order(texts: Sequence[str]) -> tuple[str, ...]:
    """Values of a category in the order of numbers where all of them are, else as they come."""
    return tuple(sorted(texts, key=float) if all(_is_number(one) for one in texts) else texts)


def as_text(column: str) -> pl.Expr:
    """A column of any type as text: a file of numbers or of true and false may have been read as such."""
    return pl.col(column).cast(pl.String).fill_null("").str.strip_suffix(".0").cast(pl.Categorical)


def _text(value: Any, name: Name, dt: float | None) -> str:
    if isinstance(value, str):
        return value
    if name.in_steps:
        return f"{value:g} steps" if dt is None else f"{value * dt:g} ms"
    return f"{value:g}{' ms' if name.unit == 'ms' else ''}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in ("nan", "inf", "infinity")
