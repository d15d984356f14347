"""Curves in the form of other tools: csv files, TensorBoard's events, runs of Weights & Biases."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.results.human import exact
from quadrat.results.logged import Points, read
from quadrat.results.table import RUN, Table

_UNFIT = re.compile(r"[^\w.,=+-]+")
_NAME = 120
"""Letters of a run's name."""


@dataclass(frozen=True)
class Curve:
    """What one run logged.

    Attributes:
        run: its id.
        name: the parameters that vary, as text; unique.
        params: all parameters of its chain.
        points: what it logged.
        started: when, in seconds since 1970.
    """

    run: str
    name: str
    params: Mapping[str, Any]
    points: Points
    started: float


def curves_of(table: Table, folders: Mapping[str, Path], started: Mapping[str, float]) -> Iterator[Curve]:
    """The curves of a table's runs, of those that logged any.

    Args:
        table: the runs.
        folders: theirs.
        started: when they started.
    """
    rows = table.rows.unique([RUN], keep="first", maintain_order=True)
    varied = table.varying()
    for row in rows.iter_rows(named=True):
        points = read(folders[row[RUN]])
        if points:
            told = ",".join(f"{name}={exact(row[name])}" for name in varied if row[name] is not None)
            name = f"{_UNFIT.sub('_', told)[:_NAME]} {row[RUN][:8]}".strip()
            yield Curve(row[RUN], name, {one: row[one] for one in table.params}, points, started[row[RUN]])


def write_csv(curve: Curve, out: Path) -> None:
    """`<name>.csv` with the columns `step` and what was logged."""
    import polars as pl

    steps = sorted({step for values in curve.points.values() for step in values})
    columns = {name: [values.get(step) for step in steps] for name, values in curve.points.items()}
    pl.DataFrame({"step": steps, **columns}).write_csv(out / f"{curve.name}.csv")


def write_tensorboard(curve: Curve, out: Path) -> None:
    """A folder `<name>` with an event file of scalars, and the parameters as text."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = out / curve.name
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    writer = EventFileWriter(str(folder))
    for name, values in curve.points.items():
        for step, value in values.items():
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            writer.add_event(Event(wall_time=curve.started, step=step, summary=summary))
    writer.add_event(Event(wall_time=curve.started, summary=_text_summary(curve.params)))
    writer.close()


def _text_summary(params: Mapping[str, Any]) -> Any:
    from tensorboard.plugins.text.summary_v2 import text_pb

    lines = [f"| {name} | {exact(value)} |" for name, value in params.items()]
    return text_pb("params", "\n".join(["| parameter | value |", "|---|---|", *lines]))


def write_wandb(curve: Curve, out: Path) -> None:
    """An offline run of Weights & Biases, whose id is the run's; `wandb sync` sends it."""
    import wandb

    settings = wandb.Settings(console="off", silent=True)
    with wandb.init(
        project=re.sub(r"\W+", "-", out.name) or "quadrat", id=curve.run[:16], name=curve.name, dir=str(out),
        config=dict(curve.params), mode="offline", settings=settings, reinit="create_new",
    ) as made:  # fmt: skip
        steps = sorted({step for values in curve.points.values() for step in values})
        for step in steps:
            point = {name: values[step] for name, values in curve.points.items() if step in values}
            made.log({name: value for name, value in point.items() if not math.isnan(value)}, step=step)


WRITERS: Mapping[str, tuple[Callable[[Curve, Path], None], str | None]] = {
    "csv": (write_csv, None),
    "tensorboard": (write_tensorboard, "tensorboard"),
    "wandb": (write_wandb, "wandb"),
}
"""For each format what writes one curve, and the package that it needs."""


def writer_of(kind: str) -> Callable[[Curve, Path], None]:
    """What writes a format.

    Raises:
        BadInput: where the package that it needs is not installed.
    """
    write, package = WRITERS[kind]
    if package is not None and find_spec(package) is None:
        raise BadInput(f"--format {kind} needs {package}", hint=f"pip install {package}")
    return write
