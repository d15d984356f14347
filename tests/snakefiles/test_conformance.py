"""`quadrat run --on snakemake` under the suite that every executor must pass."""

from __future__ import annotations

from quadrat.testing.conformance import ExecutorConformance


class TestSnakemake(ExecutorConformance):
    executor = "snakemake"
