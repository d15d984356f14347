"""Quadrat: sweeps of machine-learning experiments. Declare typed tasks once, run every point once, count what came out.

import quadrat as qd

study = qd.Study("example")

@study.task
def train(learning_rate: float = 1e-3, seed: int = 0) -> dict: ...
"""

from typing import TYPE_CHECKING, Any

from quadrat.core.errors import BadInput, QuadratError, suggest
from quadrat.core.markers import by, follow, neutral, off_id, over, valid, was, when
from quadrat.core.params import Params
from quadrat.core.resources import Resources
from quadrat.core.result import Done, Failed, File, Folder, Links, Many, Result, Temp
from quadrat.core.run import Run
from quadrat.core.study import Study
from quadrat.space.algebra import Space, grid, label, points

if TYPE_CHECKING:
    from quadrat.api import open  # noqa: A004 - qd.open is what it is called

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "Done",
    "Failed",
    "File",
    "Folder",
    "Links",
    "Many",
    "Params",
    "QuadratError",
    "Resources",
    "Result",
    "Run",
    "Space",
    "Study",
    "Temp",
    "by",
    "follow",
    "grid",
    "label",
    "neutral",
    "off_id",
    "open",
    "over",
    "points",
    "suggest",
    "valid",
    "was",
    "when",
]


def __getattr__(name: str) -> Any:
    """`quadrat.open` brings in what reads stores; a study that only declares need not pay for it."""
    if name == "open":
        from quadrat.api import open as opened

        return opened
    raise AttributeError(f"module 'quadrat' has no attribute '{name}'")
