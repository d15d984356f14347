"""The suite that every executor passes, on a real SLURM."""

from __future__ import annotations

import pytest

from quadrat.testing.conformance import ExecutorConformance


@pytest.fixture(autouse=True)
def on_the_lab(lab, monkeypatch):
    """Every command of the suite sees this SLURM and no other."""
    for name, value in lab.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.slow
class TestSlurm(ExecutorConformance):
    executor = "slurm"
    options = ("-j", "4")
