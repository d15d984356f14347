"""Resources as Snakemake's executors call them."""

from __future__ import annotations

import math

from quadrat.core.resources import Resources

# What a job needs besides its runs: Snakemake itself, and the process that watches over them.
OVERHEAD_MB = 500


def resources(needs: Resources, seconds: float | None = None) -> dict[str, int]:
    """What a rule asks for.

    Args:
        needs: of each run.
        seconds: of all runs of a job; None where it makes one.
    """
    found = {}
    if needs.memory is not None:
        found["mem_mb"] = math.ceil(needs.memory / 1e6) + OVERHEAD_MB
    if seconds or needs.walltime is not None:
        found["runtime"] = math.ceil((seconds or needs.walltime or 0) / 60)
    if needs.gpus:
        found["gpu"] = math.ceil(needs.gpus)
    return found
