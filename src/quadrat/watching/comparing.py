"""Groups of runs beside each other: a metric against a parameter, a series for each value of another."""

from __future__ import annotations

from typing import Any

from quadrat.core.errors import BadInput
from quadrat.querying.tables import finished
from quadrat.results.curves import curves, seeds_of
from quadrat.results.figures.charting import chart
from quadrat.watching.watch import Watch


def comparison(watch: Watch, task: str, x: str = "", y: str = "", hue: str = "") -> dict[str, Any]:
    """A chart of a metric against a parameter, averaged over seeds, with what else there is to choose.

    Args:
        watch: the sweep.
        task: one of its tasks.
        x: a parameter or label; the one that varies most where it is not said.
        y: a metric; the first own one where it is not said.
        hue: a parameter or label, a series for each of its values; none where it is not said.

    Returns:
        `axes`, `metrics`: what there is; `x`, `y`, `hue`: what was taken; `chart`, or `why` there is none.

    Raises:
        BadInput: for a task that does not exist.
    """
    made = finished(watch.table(task))
    hue = "" if hue == x else hue
    away = seeds_of(made, ())
    varying = [*(name for name in made.labels if made.rows[name].n_unique() > 1), *made.varying(*away)]
    numbers = [name for name in made.metrics if made.rows.schema[name].is_numeric()]
    told: dict[str, Any] = {"axes": varying, "metrics": numbers, "x": x, "y": y, "hue": hue, "chart": None, "why": ""}
    own = [name for name in numbers if name not in made.units]
    told["y"] = y or next(iter(own or numbers), "")
    told["x"] = x or next(
        iter(sorted(varying, key=lambda name: (not made.rows.schema[name].is_numeric(), -made.rows[name].n_unique()))),
        "",
    )
    if not told["y"] or not told["x"]:
        told["why"] = "no metric of a finished run to show" if not told["y"] else "no parameter varies"
        return told
    try:
        # Whatever else varies is averaged over, and said so: a page is for looking around.
        rest = [name for name in {*varying, *away} if name not in (told["x"], hue)]
        drawn = curves(made, told["x"], told["y"], hue or None, rest or None)
        told["chart"] = chart(drawn).told()
    except BadInput as error:
        told["why"] = str(error)
    return told
