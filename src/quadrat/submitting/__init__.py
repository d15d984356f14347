"""Hand a plan to SLURM, and look at what has become of it."""

from quadrat.submitting.cluster import Cluster, Element, open_cluster
from quadrat.submitting.handing import hand_over, run_on_slurm
from quadrat.submitting.state import Outcome, Problem, chosen, in_queue, of_plan, outcome, stuck
from quadrat.submitting.submit import Ask, Prepared, prepare, submit

__all__ = [
    "Ask",
    "Cluster",
    "Element",
    "Outcome",
    "Prepared",
    "Problem",
    "chosen",
    "hand_over",
    "in_queue",
    "of_plan",
    "open_cluster",
    "outcome",
    "prepare",
    "run_on_slurm",
    "stuck",
    "submit",
]
