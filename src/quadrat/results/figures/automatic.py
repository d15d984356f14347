"""Figures that reports and notebooks draw by themselves: each metric of a task against what varies."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from quadrat.core.errors import BadInput
from quadrat.results.curves import curves, seeds_of
from quadrat.results.figures import lines, ranks, style
from quadrat.results.ranking import ranking
from quadrat.results.table import Table

_MOST = 6


@dataclass(frozen=True)
class Graph:
    """A figure: what it shows in words, and an SVG as a data address."""

    label: str
    address: str


def graphs(made: Table, most: int = _MOST) -> list[Graph]:
    """The metrics of a task's own, against one or two axes that vary; configurations in order where more do."""
    own = [name for name in made.metrics if name not in made.units and made.rows.schema[name].is_float()]
    away = seeds_of(made, ())
    varying = sorted(
        made.varying(*away), key=lambda n: (not made.rows.schema[n].is_numeric(), -made.rows[n].n_unique())
    )
    found = []
    for name in own[:most] if varying else ():
        try:
            if len(varying) <= 2:
                figure, label = lines.draw(curves(made, varying[0], name, *varying[1:])), f"{name} against {varying[0]}"
            else:
                figure, label = ranks.draw(ranking(made, name)), f"configurations by {name}"
        except BadInput:
            continue
        picture = io.BytesIO()
        with style.settings():
            figure.savefig(picture, format="svg", metadata={"Date": None})
        code = base64.b64encode(picture.getvalue()).decode()
        found.append(Graph(label, f"data:image/svg+xml;base64,{code}"))
    return found
