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

    @pytest.fixture(autouse=True)
    def _know_the_folder(self, lab, tmp_path):
        self.lab, self.logs = lab, tmp_path / "runs/.quadrat/submissions/0001/logs"

    def is_draining(self, process):
        """The command hears of an interrupt at once, and each element of it a moment later, as its log says."""
        asked = [log for log in self.logs.iterdir() if "to begin no further run" in log.read_text()]
        queue = self.lab.queue("%T")
        return super().is_draining(process) and len(asked) == len(queue) == queue.count("RUNNING")
