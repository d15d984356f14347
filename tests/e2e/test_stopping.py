"""Ctrl-C once and twice, and what a worker prints while it runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from e2e.harness import Place, wait_until

WAITING = """
    @study.task
    def work(number: int = 0) -> dict:
        note(os.getpid())
        print(f"begin {number}", flush=True)
        while not (SIDE / "go").exists():
            time.sleep(0.01)
        print(f"end {number}")
        return {"number": number}
"""


@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_a_second_interrupt_stops_what_runs(tmp_path: Path, executor: str) -> None:
    place = Place(tmp_path, WAITING)
    process = place.start("number=range(4)", "-j", "2", "--on", executor)
    wait_until(lambda: sum(place.notes().values()) == (2 if executor == "pool" else 1))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everybody in the group gets it
    wait_until(lambda: _no_signal_pends(process.pid))
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert place.records() == []
    assert place.failures() == []
    place.check()
    wait_until(lambda: not any(_alive(int(pid)) for pid in place.notes()))
    (place.side / "go").touch()
    place.run("number=range(4)", "--on", executor)
    assert len(place.records()) == 4


def test_workers_end_with_the_main_process(tmp_path: Path) -> None:
    place = Place(tmp_path, WAITING)
    process = place.start("number=range(4)", "-j", "2")
    wait_until(lambda: sum(place.notes().values()) == 2)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not any(_alive(int(pid)) for pid in place.notes()))
    (place.side / "go").touch()
    place.run("number=range(4)")
    place.check()


def test_one_worker_streams_what_its_task_prints(tmp_path: Path) -> None:
    place = Place(tmp_path, WAITING)
    process = place.start("number=0,1", "-j", "1")
    assert process.stdout is not None
    seen = ""
    while "begin 0" not in seen:  # it comes while the run is under way: the pipe blocks until it does
        line = process.stdout.readline()
        assert line, seen
        seen += line
    (place.side / "go").touch()
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [line for line in (seen + rest).splitlines() if line.startswith(("begin", "end"))]
    assert lines == ["begin 0", "end 0", "begin 1", "end 1"]
    assert {record.log for record in place.records()} == {"begin 0\nend 0\n", "begin 1\nend 1\n"}


def test_a_quick_run_prints_too(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        @study.task
        def work(number: int = 0) -> dict:
            print(f"number {number} ε")
            return {}
        """,
    )
    done = place.run("number=range(50)", "-j", "1")
    assert [line for line in done.stdout.splitlines() if line.startswith("number")] == [
        f"number {number} ε" for number in range(50)
    ]


def test_a_study_that_workers_cannot_load_is_told(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        study = qd.Study("small", preload=["there_is_no_such_module"])

        @study.task
        def work(number: int = 0) -> dict:
            return {}
        """,
    )
    done = place.run("number=range(3)", "-j", "2", code=2)
    assert "there_is_no_such_module" in done.stderr
    assert "Traceback" not in done.stderr
    place.check()


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _no_signal_pends(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return not any(int(line.split()[1], 16) for line in status if line.startswith(("SigPnd", "ShdPnd")))
