"""The executors of this package, each under the suite that every executor must pass."""

from __future__ import annotations

import pytest

from quadrat.testing.conformance import ExecutorConformance


class TestInline(ExecutorConformance):
    executor = "inline"
    isolates = False
    options = ()


class TestPool(ExecutorConformance):
    executor = "pool"


@pytest.mark.slow
class TestParsl(ExecutorConformance):
    executor = "parsl"
    # All in one: each sweep starts pilots of its own, which takes seconds.
    names = ("""  it's "two"\n`words` $HOME;&*[a-z]{x}%~ """,)
