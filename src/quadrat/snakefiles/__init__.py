"""Snakemake as a front door: a Snakefile for a study, the names that it knows runs by, and the jobs that it starts.

A generated Snakefile imports `Sweep`. Everything else is imported when it is needed: each job on a cluster reads the
Snakefile anew.
"""

from quadrat.snakefiles.sweep import Sweep

__all__ = ["Sweep"]
