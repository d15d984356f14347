"""Many processes on one store: every run is committed once, and none is run twice while leases live."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from e2e.harness import Place, wait_until

SWEEP = """
    @study.task
    def work(number: int = 0) -> dict:
        note(f"{os.getpgid(0)} {number}")
        threading.Event().wait(0.02)  # the work
        return {"square": number**2}

    @study.task
    def total(work: Annotated[qd.Many, qd.over("number")]) -> dict:
        note(f"{os.getpgid(0)} total")
        return {"sum": sum(one.result["square"] for one in work)}
"""
RUNS = 120
SIZE = f"number=range({RUNS})"


@pytest.mark.slow
def test_ten_at_once_one_of_them_stopped_beyond_its_lease(tmp_path: Path) -> None:
    place = Place(tmp_path, SWEEP)
    place.environment["QUADRAT_LEASE"] = "2"
    crowd = [place.start(SIZE, "-j", "1") for _ in range(10)]
    try:
        wait_until(lambda: len({note.split()[0] for note in place.notes()}) >= 3)
        groups = [note.split()[0] for note in place.notes()]
        asleep = next(process for process in crowd if str(process.pid) == groups[-1])
        os.killpg(asleep.pid, signal.SIGSTOP)
        others = [process for process in crowd if process is not asleep]
        for process in others:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
        assert asleep.poll() is None
        os.killpg(asleep.pid, signal.SIGCONT)
        output, _ = asleep.communicate(timeout=120)
        assert asleep.returncode == 0, output
    finally:
        for process in crowd:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert len(place.records()) == RUNS + 1
    assert all(record.attempt == 1 for record in place.records())
    assert len(list(place.store.layout.runs.glob("*/*.*"))) == RUNS + 1
    of_others = [note.split()[1] for note in place.notes().elements() if note.split()[0] != str(asleep.pid)]
    assert len(of_others) == len(set(of_others)), "run twice although no lease was lost"
    assert place.records("total")[0].metrics["sum"] == sum(number**2 for number in range(RUNS))
    place.run(SIZE)
    place.check()


def test_a_second_process_waits_for_what_the_first_is_at(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        @study.task
        def work(number: int = 0) -> dict:
            note(number)
            while not (SIDE / "go").exists():
                time.sleep(0.01)
            return {"square": number**2}
        """,
    )
    first = place.start("number=3", "-j", "1")
    wait_until(place.notes)
    second = place.start("number=3", "-j", "1")
    wait_until(lambda: len(list(place.store.layout.leases.glob("[!.d]*"))) == 2)
    (place.side / "go").touch()
    for process in (first, second):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    assert place.notes() == {"3": 1}
    place.check()


def test_a_failure_elsewhere_is_told_here_and_not_tried_again(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        @study.task(retries=1)
        def work(number: int = 0) -> dict:
            note(number)
            while not (SIDE / "go").exists():
                time.sleep(0.01)
            raise ValueError("no luck")
        """,
    )
    first = place.start("number=3", "-j", "1")
    wait_until(place.notes)
    second = place.start("number=3", "-j", "1")
    wait_until(lambda: len(list(place.store.layout.leases.glob("[!.d]*"))) == 2)
    (place.side / "go").touch()
    for process in (first, second):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1, output
        assert "no luck" in output
    assert place.notes() == {"3": 2}, "one try and one retry, by one of the two"
    place.check()
