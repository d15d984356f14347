"""Where plans and results meet: the tidy table of a task, its averages, SQL over all tasks, figures, exports."""

from quadrat.querying.exports import export_signac, leaf_task
from quadrat.querying.figures import plot
from quadrat.querying.tables import averaged, frame, sql, table
from quadrat.results.counting import left_out_note

__all__ = ["averaged", "export_signac", "frame", "leaf_task", "left_out_note", "plot", "sql", "table"]
