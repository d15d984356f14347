"""What the live page shows of a sweep that SLURM runs: what is queued, which job makes which run, how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import quadrat as qd
from cluster.conftest import Lab
from e2e.harness import Place
from quadrat.serving import Sources
from quadrat.store.store import Store
from quadrat.watching import about

STUDY = """
class Made(qd.Result):
    value: float

@study.task
def make(run: qd.Run, number: int = 0) -> Made:
    print(f"at work on {number}")
    run.log(1, loss=0.5)
    run.flush()
    run.progress(1, 4, "steps")
    while not (SIDE / "go").exists():
        time.sleep(0.01)
    return Made(value=number)
"""


def test_jobs_of_slurm_are_followed_from_the_queue_to_the_end(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, STUDY)
    place.environment |= lab.environment
    for name, value in {**lab.environment, "SIDE": str(place.side)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("quadrat.watching.cluster.ASK_SECONDS", 0.0)
    monkeypatch.setattr("quadrat.watching.watch.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("quadrat.watching.watch.COST_FACTOR", 0.0)
    place.quadrat("submit", str(place.study), "number=1,2", "--hold")
    (watch,) = Sources(Store(place.root)).watches().values()  # a request that was submitted is one that was run
    (task,) = watch.look().state.tasks
    assert (task.runs, task.waiting, task.queued, task.running) == (2, 2, 2, 0)

    lab.run("scontrol", "release", *sorted(set(lab.queue("%F"))))
    lab.wait_until(lambda: watch.look().state.tasks[0].running == 2)
    state = watch.look().state.told()
    making = {one["run"]: worker for worker in state["workers"] for one in worker["making"]}
    assert len(making) == 2
    assert all(worker["alive"] and worker["slurm"] for worker in making.values())
    run = next(iter(making))
    lab.wait_until(lambda: about(watch, run)["told"] == "1 of 4 steps")
    told = about(watch, run)
    assert told["state"] == "running"
    assert "at work on" in told["log"]
    assert told["curves"][0]["series"][0]["values"] == (0.5,)
    curves = qd.open(str(place.study), number=[1, 2], store=place.root).curves("make", "loss")
    assert curves.sort("number").select("number", "step", "loss").rows() == [(1, 1, 0.5), (2, 1, 0.5)]

    (place.side / "go").touch()
    lab.wait_until(lambda: watch.look().state.tasks[0].finished == 2)
    assert about(watch, run)["state"] == "finished"
    lab.wait_until(lambda: not lab.queue())
    assert watch.look().state.tasks[0].queued == 0
