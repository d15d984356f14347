"""Plans and results together: the tidy table of a task, averages, SQL over all tasks, curves, figures, exports."""

from quadrat.querying.exports import export_signac, leaf_task
from quadrat.querying.figures import Wanted, plot
from quadrat.querying.logged import export_curves, logged
from quadrat.querying.notebook import as_html
from quadrat.querying.tables import averaged, frame, sql, table
from quadrat.results.counting import left_out_note

__all__ = [
    "Wanted",
    "as_html",
    "averaged",
    "export_curves",
    "export_signac",
    "frame",
    "leaf_task",
    "left_out_note",
    "logged",
    "plot",
    "sql",
    "table",
]
