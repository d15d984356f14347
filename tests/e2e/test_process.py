"""What a run finds in its process: threads, random generators, a warm worker."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from e2e.harness import Place

STATE = """
    import threadpoolctl
    import numpy as np

    def state():
        torch = sys.modules.get("torch")
        return {
            "pid": os.getpid(),
            "omp": int(os.environ["OMP_NUM_THREADS"]),
            "pools": max((pool["num_threads"] for pool in threadpoolctl.threadpool_info()), default=0),
            "torch": torch.get_num_threads() if torch else 0,
            "drawn": f"{random.random()} {np.random.rand()} {torch.rand(1).item() if torch else ''}",
        }

    class Number(qd.Params):
        number: int = 0

    @study.task(cpus=1)
    def one(params: Number) -> dict:
        import torch
        return state()

    @study.task(cpus=2)
    def two(params: Number) -> dict:
        import torch
        return state()

    @study.task(cpus=3)
    def three(params: Number) -> dict:
        np.ones((50, 50)) @ np.ones((50, 50))
        return state()
"""


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_threads_are_the_cpus_of_the_task_and_generators_begin_anew(tmp_path: Path, executor: str) -> None:
    place = Place(tmp_path, STATE)
    for jobs in ("1", "2"):
        place.run("number=range(4)", "-j", jobs, "--on", executor, "--rerun", "all")
        for task, cpus in (("one", 1), ("two", 2), ("three", 3)):
            records = place.records(task)
            assert {record.metrics["omp"] for record in records} == {cpus}
            assert {record.metrics["pools"] for record in records} == {cpus}
            assert {record.metrics["torch"] for record in records} <= {0, cpus}
            draws = {" ".join(record.metrics["drawn"].split()[:2]) for record in place.records()}
            assert len(draws) == 1, "a run depends on what ran before it"
        assert len({record.metrics["drawn"].split(" ")[2] for record in place.records("one")}) == 1


def test_workers_stay_warm(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        @study.task
        def work(number: int = 0) -> dict:
            return {"pid": os.getpid()}
        """,
    )
    place.run("number=range(100)", "-j", "2")
    pids = {record.metrics["pid"] for record in place.records()}
    assert len(pids) <= 2
    assert {record.pid for record in place.records()} == pids


def test_a_study_that_runs_in_a_script_without_a_guard(tmp_path: Path) -> None:
    """Workers do not import the main script again: no fork bomb, no second sweep."""
    import subprocess
    import sys

    place = Place(tmp_path, "@study.task\ndef work(number: int = 0) -> dict:\n    note(number)\n    return {}\n")
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys\nsys.argv = {['quadrat', 'run', str(place.study), 'number=1,2']!r}\n"
        "from quadrat.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=place._environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert place.notes() == {"1": 1, "2": 1}
