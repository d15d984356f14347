"""The executors of this package, each under the suite that every executor must pass."""

from __future__ import annotations

from quadrat.testing.conformance import ExecutorConformance


class TestInline(ExecutorConformance):
    executor = "inline"
    isolates = False
    options = ()


class TestPool(ExecutorConformance):
    executor = "pool"
