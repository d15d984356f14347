"""Quadrat: sweeps of machine-learning experiments. Declare typed tasks once, run every point once, count what came out.

import quadrat as qd

study = qd.Study("example")

@study.task
def train(learning_rate: float = 1e-3, seed: int = 0) -> dict: ...
"""

from quadrat.core.errors import BadInput, QuadratError
from quadrat.core.markers import by, follow, neutral, off_id, over, was, when
from quadrat.core.params import Params
from quadrat.core.resources import Resources
from quadrat.core.result import Done, Failed, File, Many, Result, Temp
from quadrat.core.run import Run
from quadrat.core.study import Study
from quadrat.space.algebra import Space, grid, label, points

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "Done",
    "Failed",
    "File",
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
    "over",
    "points",
    "was",
    "when",
]
