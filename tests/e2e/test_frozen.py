"""What a sweep began with is what it ends with: code, settings of resources, and what continued runs stand on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import quadrat as qd
from e2e.harness import Place, wait_until

HELPER = """
def amount():
    return {amount}
"""

LATE = """
@study.task
def work(number: int = 0) -> dict:
    note(number)
    while not (SIDE / "go").exists():
        time.sleep(0.01)
    import helper

    return {"amount": helper.amount()}
"""


def test_editing_a_module_changes_nothing_in_a_sweep_that_runs(tmp_path: Path) -> None:
    place = Place(tmp_path, LATE)
    (tmp_path / "helper.py").write_text(HELPER.format(amount=1))
    process = place.start("number=1,2,3", "-j", "1")
    wait_until(place.notes)
    (tmp_path / "helper.py").write_text(HELPER.format(amount=2))
    (place.side / "go").touch()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert [record.metrics["amount"] for record in place.records()] == [1, 1, 1]
    assert {item["reason"] for item in place.plan("number=1,2,3")} == {"finished"}
    status = place.quadrat("status", str(place.study), "number=1,2,3", "--json")
    assert json.loads(status.stdout)["outdated"] == 3, "the code on disk is another one by now, and that is told"


def test_workers_refuse_other_code_than_was_planned_with(tmp_path: Path) -> None:
    place = Place(tmp_path, "@study.task\ndef work(number: int = 0) -> dict:\n    return {'x': 1}\n")
    script = f"""
import quadrat as qd
from quadrat.running import How, run_plan
from quadrat.session import Request, open_session

session = open_session({str(place.study)!r}, {str(place.root)!r}, Request())
plan = session.plan()
text = open({str(place.study)!r}).read()
open({str(place.study)!r}, "w").write(text.replace("'x': 1", "'x': 2"))
try:
    run_plan(session, plan, How())
except qd.BadInput as error:
    print("refused:", error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "SIDE": str(place.side)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "refused: the study's code has changed since the plan was made" in done.stdout
    assert place.records() == []


EXTENDING = """
class Length(qd.Params):
    epochs: int = 1


class Trained(qd.Result):
    total: float


@study.task(extends="epochs")
def fit(params: Length, run: qd.Run) -> Trained:
    before = run.previous.params.epochs if run.previous else 0
    total = run.previous.result.total if run.previous else 0.0
    for epoch in range(before, params.epochs):
        total += {step}
        run.log(epoch + 1, total=total)
    return Trained(total=total)
"""


def test_a_longer_run_does_not_continue_one_of_older_code(tmp_path: Path) -> None:
    place = Place(tmp_path, EXTENDING.replace("{step}", "10"))
    place.run("epochs=1")
    place.write(EXTENDING.replace("{step}", "20"))
    place.run("epochs=2")
    (record,) = [one for one in place.records() if one.params["epochs"] == 2]
    assert (record.metrics["total"], record.continued) == (40.0, "")
    place.quadrat("accept", str(place.study), "epochs=1")
    place.run("epochs=3")
    (record,) = [one for one in place.records() if one.params["epochs"] == 3]
    assert (record.metrics["total"], bool(record.continued)) == (60.0, True)


def test_the_curve_of_a_continued_run_is_that_of_the_whole(tmp_path: Path) -> None:
    place = Place(tmp_path, EXTENDING.replace("{step}", "10"))
    place.run("epochs=1,3")
    curves = {record.params["epochs"]: place.store.folder(record) / "curve.jsonl" for record in place.records()}
    assert [json.loads(line)["step"] for line in curves[3].read_text().splitlines()] == [1, 2, 3]


def test_resources_of_the_settings_hold_for_one_request_only(tmp_path: Path) -> None:
    place = Place(tmp_path, "@study.task(cpus=2)\ndef work(number: int = 0) -> dict:\n    return {'x': 1}\n")
    os.environ["SIDE"] = str(place.side)
    try:
        more = qd.open(str(place.study), ["resources.work.cpus=4"], store=place.root).plan()
        same = qd.open(str(place.study), store=place.root).plan()
    finally:
        del os.environ["SIDE"]
    assert (more.tasks["work"].task.resources.cpus, same.tasks["work"].task.resources.cpus) == (4, 2)


def test_progress_and_devices_are_told(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        @study.task
        def work(number: int = 0, run: qd.Run = None) -> dict:
            run.progress(3, 10, "steps")
            while not (SIDE / "go").exists():
                time.sleep(0.01)
            return {"x": number}
        """,
    )
    script = f"""
import quadrat as qd

told = []
def listen(event, value):
    if event == "progress" and value:
        told.append((value[0].task, value[0].done, value[0].total, value[0].text))
        open({str(place.side / "go")!r}, "w").close()

qd.open({str(place.study)!r}, store={str(place.root)!r}).run_all(jobs=1, listener=listen)
print(told[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "SIDE": str(place.side)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "('work', 3, 10, 'steps')"
    assert place.records()[0].devices


DROPPING = """
@study.task
def fit(lr: float = 1.0, seed: int = 0) -> dict:
    if (lr, seed) == (1.0, 2) or lr == 3:
        raise ValueError("no luck")
    return {"loss": lr + seed}


@study.task
def mean(fit: Annotated[qd.Many, qd.over("seed"{missing})]) -> dict:
    return {"mean": sum(one.result["loss"] for one in fit) / len(fit), "left_out": fit.dropped}


@study.task
def total(mean: Annotated[qd.Many, qd.by({only_missing})]) -> dict:
    return {"total": sum(one.result["mean"] for one in mean), "left_out": mean.dropped}
"""
SWEEP = ["lr=1,2,3", "seed=1,2,3"]


def _rows(place: Place, task: str, *options: str) -> list[dict[str, object]]:
    done = place.quadrat("results", str(place.study), task, *SWEEP, *options, "--format", "json")
    return list(json.loads(done.stdout))


def test_gathers_that_can_do_without_failed_members_are_found_again(tmp_path: Path) -> None:
    body = DROPPING.replace("{missing}", ', missing="drop"').replace("{only_missing}", 'missing="drop"')
    place = Place(tmp_path, body)
    place.run(*SWEEP, code=1)
    assert [(row["mean"], row["left_out"]) for row in _rows(place, "mean")] == [(3.0, 1), (4.0, 0)]
    assert [(row["total"], row["left_out"]) for row in _rows(place, "total")] == [(7.0, 1)]
    place.run(*SWEEP, "--rerun", "none", code=1)
    assert len(place.records("mean")) == 2, "nothing was made twice"
    mended = body.replace('raise ValueError("no luck")', "pass")
    place.write(mended)
    place.run(*SWEEP)
    assert [(row["mean"], row["left_out"]) for row in _rows(place, "mean")] == [(3.0, 0), (4.0, 0), (5.0, 0)]


def test_partial_does_the_same_for_gathers_that_declare_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, DROPPING.replace("{missing}", "").replace("{only_missing}", ""))
    place.run(*SWEEP, code=1)
    assert len(place.records("mean")) == 1
    place.run(*SWEEP, "--partial", code=1)
    assert [row["mean"] for row in _rows(place, "mean")] == [4.0]
    assert [row["mean"] for row in _rows(place, "mean", "--partial")] == [3.0, 4.0]
    assert [row["total"] for row in _rows(place, "total", "--partial")] == [7.0]


def test_what_reads_a_gather_that_lost_members_has_its_view_all_the_same(tmp_path: Path) -> None:
    body = """
    class Summed(qd.Result):
        text: qd.File


    @study.task
    def fit(seed: int = 0) -> dict:
        if seed == 2:
            raise ValueError("no luck")
        return {"loss": seed}


    @study.task
    def total(fit: Annotated[qd.Many, qd.by(missing="drop")], run: qd.Run) -> Summed:
        file = run.file("total.txt")
        file.write_text(str(len(fit)))
        return Summed(text=file)


    study.view(total, "total.txt", artifact="text")
    study.view(total, "by_id/{id}.txt", artifact="text")
    """
    place = Place(tmp_path, body)
    place.run("seed=1,2,3", code=1)
    assert (place.root / "total.txt").read_text() == "2"
    (record,) = place.records("total")
    assert [path.stem for path in (place.root / "by_id").iterdir()] == [record.id], (
        "the id that it got, not the planned one"
    )
