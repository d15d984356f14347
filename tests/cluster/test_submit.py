"""`quadrat submit` on a real SLURM, from the command line to the numbers in the store."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from e2e.harness import Place, wait_until
from quadrat.execution.slurm.ledger import submissions

STUDY = """
class Making(qd.Params):
    number: int = 0
    mode: Literal["work", "wait", "raise", "save"] = "work"

class Made(qd.Result):
    value: float

@study.task
def make(params: Making, run: qd.Run) -> Made:
    note(f"began {params.number} on {os.environ.get('SLURMD_NODENAME')}")
    while params.mode == "wait" and not (SIDE / "go").exists():
        time.sleep(0.01)
    if params.mode == "save":
        saved = run.scratch / "steps"
        if saved.exists():
            return Made(value=params.number + 0.5)
        while run.time_left is None or run.time_left > 130:  # the job has two minutes
            time.sleep(0.01)
        saved.write_text("half way")
        note(f"saved {params.number}")
        while True:
            time.sleep(0.01)
    if params.mode == "raise":
        raise ValueError(f"told to fail at {params.number}")
    return Made(value=params.number * FACTOR)

@study.task
def use(make: qd.Done[Making, Made]) -> Made:
    return Made(value=make.result.value + 1)

@study.task
def mean(use: Annotated[qd.Many[qd.Params, Made], qd.over("number", missing="drop")]) -> Made:
    return Made(value=sum(one.result.value for one in use) / len(use))
""".replace("FACTOR", "1.0")


class Site(Place):
    """A study on a store, and the commands of a cluster."""

    def submit(self, *arguments: str, code: int | None = 0):
        return self.quadrat("submit", str(self.study), *arguments, code=code)

    def status(self, *arguments: str):
        done = self.quadrat("status", str(self.study), *arguments, "--json")
        return json.loads(done.stdout)

    def wait(self, code: int | None = 0):
        return self.quadrat("wait", "--timeout", "100", code=code)

    @property
    def last(self):
        """The newest submission."""
        return submissions(self.store.layout)[-1]

    def pid(self, element: str) -> int:
        """The process of an element that runs."""
        wanted = (f"{self.last.folder}\0{element}\0").encode()
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    command = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if command.endswith(wanted) and b"element" in command:
                    return int(process.name)
        raise AssertionError("no such process")


@pytest.fixture
def site(tmp_path, lab):
    made = Site(tmp_path, STUDY)
    made.environment |= lab.environment
    return made


def test_all_finish_with_the_same_numbers_as_here(site, lab):
    site.submit("number=range(12)", "--bundle", "2")
    assert [len(array.shares) for array in site.last.arrays] == [12, 1]
    site.wait()
    assert {task["task"]: task["finished"] for task in site.status("number=range(12)")["tasks"]} == {
        "make": 12,
        "use": 12,
        "mean": 1,
    }
    assert len({record.host for record in site.records()}) > 1  # more elements than one node has cpus
    here = Place(site.folder / "here", STUDY) if (site.folder / "here").mkdir() is None else None
    here.run("number=range(12)")
    assert site.results() == here.results()
    site.check()


def test_what_is_queued_is_not_submitted_again(site, lab):
    site.submit("number=0,1", "mode=wait")
    assert "nothing to submit: 5 runs are in the queue already" in site.submit("number=0,1", "mode=wait").stdout
    told = json.loads(site.submit("number=0,1,2", "mode=wait", "--json").stdout)
    # Number 2, its use, and the mean of three, which waits for the jobs that the first submission has.
    assert (told["runs"], told["in_queue"]) == (3, 4)
    first, second = submissions(site.store.layout)
    assert set(second.arrays[-1].others) == {first.arrays[0].job}
    wait_until(lambda: len(site.notes()) == 3)
    counts = site.status("number=0,1,2", "mode=wait")
    assert counts["cluster"]["running"] == 6
    assert counts["cluster"]["queued"] == 1
    (site.side / "go").touch()
    site.wait()
    assert site.status("number=0,1,2", "mode=wait")["to_run"] == 0
    assert max(site.notes().values()) == 1
    site.check()


def test_edits_after_submitting_change_nothing(site, lab):
    conf = site.folder / "conf"
    conf.mkdir()
    (conf / "config.yaml").write_text("sweep:\n  number: [1, 2]\n")
    (site.folder / "factors.py").write_text("FACTOR = 10.0\n")
    body = "from factors import FACTOR\n" + STUDY.replace("params.number * 1.0", "params.number * FACTOR")
    site.write(body)
    site.submit("--hold")
    jobs = [str(array.job) for array in site.last.arrays if not array.after]
    (site.folder / "factors.py").write_text("FACTOR = 99.0\n")
    (conf / "config.yaml").write_text("sweep:\n  number: [5, 6, 7]\n")
    site.write(body.replace("+ 1)", "+ 1000)"))
    lab.run("scontrol", "release", *jobs)
    site.wait()
    assert sorted(record.metrics["value"] for record in site.records("make")) == [10, 20]
    assert [record.metrics["value"] for record in site.records("mean")] == [16]
    assert site.status()["to_run"] == 7  # what is there now is another sweep


def test_a_killed_element_costs_only_what_it_had_left(site, lab):
    site.submit("number=range(4)", "mode=wait", "--max-elements", "2")
    wait_until(lambda: len(site.notes()) == 2)
    os.kill(site.pid("0"), signal.SIGKILL)
    lab.wait_until(lambda: len(lab.queue("%i %j")) == 2)
    (site.side / "go").touch()
    said = site.wait(code=1)
    assert "died on n1: killed, or its node was lost" in said.stderr
    assert "logs/0." in said.stderr
    problem = site.status("number=range(4)", "mode=wait")["cluster"]["problems"][0]
    assert (problem["state"], problem["runs_left"]) == ("died", 4)
    assert len(site.records("make")) == 2
    assert not site.records("mean")  # its members are not there, but have not failed either
    site.submit("number=range(4)", "mode=wait")
    site.wait()
    assert site.status("number=range(4)", "mode=wait")["to_run"] == 0
    site.check()


def test_a_node_that_goes_down_gives_its_elements_back(site, lab):
    site.submit("number=0,1", "mode=wait")
    wait_until(lambda: len(site.notes()) == 2)
    lab.set_node("n1", "down")
    lab.wait_until(lambda: site.status("number=0,1", "mode=wait")["cluster"]["queued"])
    (site.side / "go").touch()
    site.wait()
    assert site.status("number=0,1", "mode=wait")["to_run"] == 0


def test_elements_that_cannot_begin_are_told_and_held(site, lab):
    site.submit("number=range(8)", "slurm.modules=[nonesuch/1.0]", "slurm.options=['--exclusive']")
    said = site.wait(code=1)
    assert "could not begin on" in said.stderr
    assert "exit code 127 before Python had begun" in said.stderr
    assert "module: command not found" in said.stderr
    assert "is held, since its elements cannot begin" in said.stderr
    again = site.submit("number=range(8)")
    assert "took back submission 0001" in again.stderr
    site.wait()
    assert site.status("number=range(8)")["to_run"] == 0
    site.check()


def test_slurm_refuses_and_nothing_is_submitted(site, lab):
    said = site.submit("number=0,1", "slurm.partition=mian", code=2).stderr
    assert said.count("mian") + said.lower().count("invalid partition") >= 1
    assert str(site.last.script(0)) in said
    assert not lab.queue()
    said = site.submit("number=0,1", "resources.make.cpus=64", code=2).stderr
    assert "64 cpus" in said
    assert "the largest node has 8" in said
    said = site.submit("number=0,1", "resources.make.walltime=soon", code=2).stderr
    assert "'soon' is not a duration" in said
    assert not lab.queue()
    site.submit("number=0,1")
    site.wait()
    assert site.status("number=0,1")["to_run"] == 0


def test_a_failure_stops_only_what_needs_it_and_is_tried_again(site, lab):
    site.submit("number=0,1", "mode=work,raise", code=0)
    said = site.wait(code=1)
    assert "2 failed" in said.stdout
    assert {record.metrics["value"] for record in site.records("mean")} == {1.5}
    assert [one.message for one in site.failures()] == [f"ValueError: told to fail at {number}" for number in (0, 1)]
    again = json.loads(site.submit("number=0,1", "mode=work,raise", "--json").stdout)
    assert again["runs"] == 5  # what failed, what needs it, and no mean of what is there


def test_cancel_leaves_nothing_behind(site, lab):
    site.submit("number=range(4)", "mode=wait", "--max-elements", "2")
    wait_until(lambda: len(site.notes()) == 2)
    assert "cancelled 2 jobs" in site.quadrat("cancel").stdout
    said = site.wait(code=1)
    assert "it was stopped by SIGTERM" in said.stderr
    site.check()
    assert "nothing is in the queue" in site.quadrat("cancel").stdout
    (site.side / "go").touch()
    site.submit("number=range(4)", "mode=wait")
    site.wait()
    assert site.status("number=range(4)", "mode=wait")["to_run"] == 0


def test_a_canary_that_fails_stops_the_rest(site, lab):
    site.submit("number=range(4)", "mode=raise", "--canary")
    said = site.wait(code=1)
    assert "the canary failed" in said.stderr
    assert len(site.notes()) == 1
    site.submit("number=range(4)", "--canary")
    site.wait()
    assert site.status("number=range(4)")["to_run"] == 0


def test_an_element_whose_time_is_over_goes_back_and_goes_on(site, lab):
    site.submit("number=0", "mode=save", "--to", "make", "resources.make.walltime=1m", "slurm.warn_seconds=4")
    wait_until(lambda: site.notes()["saved 0"])  # it was told how much time is left, and has saved its steps
    lab.run("scancel", "--batch", "--signal=USR1", f"{site.last.arrays[0].job}_0")
    site.wait()
    assert [record.metrics["value"] for record in site.records()] == [0.5]
    assert len(site.notes()) == 2


def test_a_job_whose_number_was_lost_is_found_by_its_comment(site, lab):
    site.environment["QUADRAT_CRASH_AT"] = "submit.accepted"
    site.submit("number=0,1", "mode=wait", code=-signal.SIGKILL)
    del site.environment["QUADRAT_CRASH_AT"]
    assert site.last.arrays[0].job is None
    assert site.status("number=0,1", "mode=wait")["cluster"]["tasks"]["make"] != {"running": 0, "queued": 0}
    assert site.last.arrays[0].job is not None
    (site.side / "go").touch()
    site.submit("number=0,1", "mode=wait")
    site.wait()
    assert site.status("number=0,1", "mode=wait")["to_run"] == 0
    assert max(site.notes().values()) == 1
