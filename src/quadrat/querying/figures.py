"""From a session to a figure on disk."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quadrat.core.errors import BadInput, unknown
from quadrat.querying.logged import logged_by, running
from quadrat.querying.tables import table
from quadrat.results.counting import left_out_note
from quadrat.results.curves import Curves, curves
from quadrat.results.figures import effects, heat, lines, ranks
from quadrat.results.figures.keeping import Source, save
from quadrat.results.human import exact
from quadrat.results.logged import STEP
from quadrat.results.paired import paired
from quadrat.results.ranking import ranking
from quadrat.results.table import RUN, Table
from quadrat.session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("lines", "heat", "paired", "ranking", "parallel")


@dataclass(frozen=True)
class Wanted:
    """What a figure is to show.

    Attributes:
        y: a metric; against "step" a name that runs logged.
        x: a parameter or label; "step" for what runs logged. Rankings and parallel coordinates show all that vary.
        hue: a parameter or label: one series for each of its values; the vertical axis of a heat map.
        facet: a parameter or label: one small figure for each of its values.
        kind: one of KINDS.
        baseline: with "paired", the value of x that all others are compared with; the first one where it is not said.
        lowest: with "ranking" and "parallel", small is good.
        over: parameters to average over (to pair by); every `seed` where it is not said.
        include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.
    """

    y: str
    x: str | None = None
    hue: str | None = None
    facet: str | None = None
    kind: str = "lines"
    baseline: str | None = None
    lowest: bool = False
    over: Sequence[str] | None = None
    include_invalid: bool = False

    def options(self) -> list[str]:
        """The same as options of `quadrat plot`."""
        named = {"-x": self.x, "-y": self.y, "--hue": self.hue, "--facet": self.facet, "--baseline": self.baseline}
        named |= {"--kind": None if self.kind == "lines" else self.kind, "--over": ",".join(self.over or ()) or None}
        flags = {"--lowest": self.lowest, "--include-invalid": self.include_invalid}
        words = [word for name, value in named.items() if value is not None for word in (name, value)]
        return words + [name for name, given in flags.items() if given]


def plot(
    session: Session,
    task: str,
    wanted: Wanted,
    *,
    all: bool = False,  # noqa: A002
    where: Sequence[str] = (),
    output: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Path]:
    """Draw a metric of a task's runs; the files say in their metadata what they were made from.

    Args:
        session: the study, its store and the request whose plan is meant.
        task: the name of a task.
        wanted: what is to be shown.
        all: every finished run of the store in place of those of the plan.
        where: selections of rows.
        output: a file that ends with .pdf, .png or .svg; else `figures/<study>_<task>_<y>_….pdf` and `.png` in the
            store's folder.
        tell: told of runs that are left out, in one line.

    Returns:
        The files that were written.

    Raises:
        BadInput: for names that do not exist, nothing that is finished, parameters that vary within a point, or files
            that cannot be written.
    """
    if wanted.kind not in KINDS:
        raise unknown("kind of figure", wanted.kind, KINDS, where="--kind")
    made = _table(session, task, wanted, all=all, where=where)
    if tell is not None and not wanted.include_invalid and (note := left_out_note(made)):
        tell(note)
    figure = _draw(made, wanted)
    command = shlex.join(_command(session, task, wanted, all=all, where=where))
    runs = made.rows[RUN].unique(maintain_order=True).to_list()
    source = Source(command, str(session.store.root), session.study.name, task, runs)
    stem = re.sub(r"[^\w.-]+", "_", "_".join([session.study.name, task, *_name(wanted)]))
    kept = [session.store.root / "figures" / f"{stem}.{kind}" for kind in ("pdf", "png")]
    outputs = kept if output is None else [output]
    for one in outputs:
        save(figure, one, source)
    return outputs


def _command(session: Session, task: str, wanted: Wanted, *, all: bool, where: Sequence[str]) -> list[str]:  # noqa: A002
    """The command that draws the figure again, from anywhere."""
    ref = session.loaded.ref
    study = ref.target if ref.kind == "file" else session.study.name
    words = [*(["--all"] if all else []), *(word for one in where for word in ("--where", one))]
    asked = [*session.request.words(), "--store", str(session.store.root)]
    return ["quadrat", "plot", study, task, *wanted.options(), *words, *asked]


def _table(session: Session, task: str, wanted: Wanted, *, all: bool, where: Sequence[str]) -> Table:  # noqa: A002
    """The runs of a task; against steps what they logged."""
    made = table(session, task, all=all, where=where, also=running(session) if wanted.x == STEP else ())
    if not len(made.frame):
        raise BadInput(f"no run of '{task}' is finished, of those that are asked for", hint="run them, or give --all")
    if wanted.x == STEP and STEP not in made.axes:
        return logged_by(session, made, [wanted.y])
    return made


def _draw(made: Table, wanted: Wanted) -> Figure:
    over, every = wanted.over, wanted.include_invalid
    if wanted.kind in ("ranking", "parallel"):
        ranked = ranking(made, wanted.y, over, lowest=wanted.lowest, include_invalid=every)
        return ranks.draw(ranked) if wanted.kind == "ranking" else ranks.draw_parallel(ranked)
    if wanted.x is None:
        raise BadInput(f"a figure of kind '{wanted.kind}' has a horizontal axis", where="-x", hint="name a parameter")
    if wanted.kind == "paired":
        return effects.draw(paired(made, wanted.x, wanted.y, wanted.baseline, wanted.hue, over, include_invalid=every))
    if wanted.kind == "heat":
        return heat.draw(curves(made, wanted.x, wanted.y, wanted.hue, over, include_invalid=every))
    if wanted.facet is None:
        return lines.draw(curves(made, wanted.x, wanted.y, wanted.hue, over, include_invalid=every))
    return lines.draw_facets(_facets(made, wanted))


def _facets(made: Table, wanted: Wanted) -> list[tuple[str, Curves]]:
    import polars as pl

    facet = made.column(wanted.facet or "", made.axes, where="--facet")
    parts = []
    for value in made.rows[facet].unique().sort(nulls_last=True).to_list():
        part = made.with_rows(made.rows.filter(pl.col(facet).eq_missing(pl.lit(value))))
        found = curves(part, wanted.x or "", wanted.y, wanted.hue, wanted.over, include_invalid=wanted.include_invalid)
        parts.append((f"{facet} = {exact(value)}", found))
    return parts


def _name(wanted: Wanted) -> list[str]:
    """The rest of a file's name."""
    named = [("vs", wanted.x), ("by", wanted.hue), ("in", wanted.facet), ("from", wanted.baseline)]
    kind = [] if wanted.kind == "lines" else [wanted.kind]
    return [wanted.y, *(word for join, name in named if name for word in (join, name)), *kind]
