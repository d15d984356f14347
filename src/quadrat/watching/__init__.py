"""A sweep as it goes on, for pages and scripts: read from the store alone, whoever runs it; nothing is changed."""

from quadrat.watching.comparing import comparison
from quadrat.watching.rows import Asked, Page, page
from quadrat.watching.runs import about, difference, log_of
from quadrat.watching.state import State, TaskState
from quadrat.watching.watch import Watch

__all__ = [
    "Asked",
    "Page",
    "State",
    "TaskState",
    "Watch",
    "about",
    "comparison",
    "difference",
    "log_of",
    "page",
]
