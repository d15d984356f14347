"""From a session to a figure on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.querying.tables import table
from quadrat.results.counting import left_out_note
from quadrat.results.curves import curves
from quadrat.results.plots import draw, save
from quadrat.session import Session


def plot(
    session: Session,
    task: str,
    x: str,
    y: str,
    hue: str | None = None,
    *,
    over: Sequence[str] | None = None,
    all: bool = False,  # noqa: A002
    where: Sequence[str] = (),
    output: Path | None = None,
    include_invalid: bool = False,
    tell: Callable[[str], None] | None = None,
) -> list[Path]:
    """Draw the mean of a metric with its 95 % interval against a parameter.

    Args:
        session: the study, its store and the request whose plan is meant.
        task: the name of a task.
        x: a parameter or label.
        y: a metric.
        hue: a parameter or label: one series for each of its values.
        over: parameters to average over; every `seed` where it is not said.
        all: every finished run of the store in place of those of the plan.
        where: selections of rows.
        output: a file that ends with .pdf, .png or .svg; else `figures/<study>_<task>_<y>_vs_<x>.pdf` and `.png` in the
            store's folder.
        include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.
        tell: told of runs that are left out, in one line.

    Returns:
        The files that were written.

    Raises:
        BadInput: for names that do not exist, nothing that is finished, parameters that vary within a point, or files
            that cannot be written.
    """
    made = table(session, task, all=all, where=where)
    if not len(made.frame):
        raise BadInput(f"no run of '{task}' is finished, of those that are asked for", hint="run them, or give --all")
    found = curves(made, x, y, hue, over, include_invalid=include_invalid)
    if tell is not None and len(found.left_out) and (note := left_out_note(made)):
        tell(note)
    if output is None:
        name = f"{session.study.name}_{task}_{found.y}_vs_{found.x}" + (f"_by_{found.hue}" if found.hue else "")
        stem = re.sub(r"[^\w.-]+", "_", name)
        outputs = [session.store.root / "figures" / f"{stem}.{kind}" for kind in ("pdf", "png")]
    else:
        outputs = [output]
    figure = draw(found)
    for one in outputs:
        save(figure, one)
    return outputs
