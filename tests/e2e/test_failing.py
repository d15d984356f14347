"""Every way in which a run can fail, and what the others, the records and the next command make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.harness import Place

WAYS = """
    import ctypes

    Way = Literal["work", "raise", "quiet", "leave", "exit", "segfault", "kill", "memory", "late", "strange"]

    class Strange(Exception):
        def __str__(self):
            raise RuntimeError("not even this works")

    def deeper(number):
        raise ValueError(f"no luck\\nsecond line")

    @study.task(timeout="1s")
    def work(way: Way = "work", number: int = 0) -> dict:
        print(f"begin {way}")
        if way == "raise":
            deeper(number)
        elif way == "quiet":
            raise KeyError
        elif way == "leave":
            sys.exit(3)
        elif way == "exit":
            os._exit(0)
        elif way == "segfault":
            ctypes.string_at(0)
        elif way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif way == "memory":
            bytearray(1 << 60)
        elif way == "strange":
            raise Strange
        while way == "late":
            time.sleep(0.01)
        return {"number": number}

    @study.task
    def after(work: qd.Done[qd.Params, qd.Result]) -> dict:
        return {"number": work.result["number"]}
"""


def test_each_way_to_fail(tmp_path: Path) -> None:
    place = Place(tmp_path, WAYS)
    ways = "work,raise,quiet,leave,exit,segfault,kill,memory,late,strange"
    done = place.run(f"way={ways}", "-j", "2", code=1)
    assert len(place.records()) == 2
    found = {failure.params["way"]: failure for failure in place.failures()}
    assert {way: failure.kind for way, failure in found.items()} == {
        "raise": "error",
        "quiet": "error",
        "leave": "error",
        "exit": "killed",
        "segfault": "killed",
        "kill": "killed",
        "memory": "memory",
        "late": "timeout",
        "strange": "error",
    }
    assert found["raise"].message == "ValueError: no luck"
    assert "in deeper" in found["raise"].traceback
    assert "quadrat" not in found["raise"].traceback.replace(str(tmp_path), "")
    assert found["quiet"].message == "KeyError"
    assert found["leave"].message == "SystemExit: 3"
    assert found["exit"].message == "the worker ended with exit code 0"
    assert "SIGSEGV" in found["segfault"].message
    assert "SIGKILL" in found["kill"].message
    assert found["late"].message == "took longer than 1 s"
    assert found["strange"].message == "Strange"
    for way, failure in found.items():
        assert failure.log.startswith(f"begin {way}\n"), way  # each its own, whoever died at the same time
        assert failure.id[:12] in failure.rerun
    assert "no luck" in done.stdout + done.stderr
    place.check()


def test_failures_of_one_cause_are_told_once(tmp_path: Path) -> None:
    place = Place(tmp_path, WAYS)
    done = place.run("way=raise", "number=range(20)", "-j", "2", code=1)
    lines = (done.stdout + done.stderr).splitlines()
    assert sum("no luck" in line for line in lines) <= 6  # the first three as they come, and one group
    assert any("20" in line for line in lines)


RETRIES = """
    @study.task(retries={"killed": 2, "timeout": 1}, timeout="1s")
    def work(way: str = "work") -> dict:
        note(way)
        before = (SIDE / "notes").read_text().split().count(way)
        if way == "killed-twice" and before <= 2 or way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "mixed" and before <= 2:
            os.kill(os.getpid(), signal.SIGKILL)
        while way == "mixed" and before == 3 or way == "late":
            time.sleep(0.01)
        if way == "raise":
            raise ValueError
        return {"tries": before}
"""


def test_retries_by_kind(tmp_path: Path) -> None:
    place = Place(tmp_path, RETRIES)
    place.run("way=work,killed-twice,killed,mixed,late,raise", "-j", "2", code=1)
    assert place.notes() == {"work": 1, "killed-twice": 3, "killed": 3, "mixed": 4, "late": 2, "raise": 1}
    assert {failure.params["way"]: failure.tries for failure in place.failures()} == {
        "killed": 3,
        "late": 2,
        "raise": 1,
    }
    assert sorted(record.metrics["tries"] for record in place.records()) == [1, 3, 4]
    place.check()


ONCE = """
    @study.task
    def work(number: int = 0) -> dict:
        note(number)
        if number % 2 and not (SIDE / "mended").exists():
            raise ValueError("odd")
        return {"number": number}

    @study.task
    def after(work: qd.Done[qd.Params, qd.Result]) -> dict:
        return {"number": work.result["number"]}
"""


@pytest.mark.slow
def test_failed_before_and_what_rerun_makes_of_it(tmp_path: Path) -> None:
    place = Place(tmp_path, ONCE)
    place.run("number=range(4)", code=1)
    assert place.reasons("number=range(4)") == {
        ("work", "finished"): 2,
        ("work", "failed before"): 2,
        ("after", "finished"): 2,
        ("after", "new"): 2,
    }
    place.run("number=range(4)", "--rerun", "none", code=1)
    assert place.notes() == {"0": 1, "1": 1, "2": 1, "3": 1}
    place.run("number=range(4)", code=1)
    assert place.notes() == {"0": 1, "1": 2, "2": 1, "3": 2}
    (place.side / "mended").touch()
    place.run("number=range(4)")
    assert place.notes() == {"0": 1, "1": 3, "2": 1, "3": 3}
    assert place.failures() == []
    assert {record.attempt for record in place.records()} == {1}
    place.run("number=range(4)", "--rerun", "all")
    assert place.notes() == {"0": 2, "1": 4, "2": 2, "3": 4}
    assert {record.attempt for record in place.records()} == {2}
    place.check()


def test_fail_fast_starts_nothing_more(tmp_path: Path) -> None:
    place = Place(tmp_path, ONCE)
    place.run("number=range(1,100,2)", "--fail-fast", "-j", "1", code=1)
    assert sum(place.notes().values()) == 1


CHAIN = """
    @study.task
    def make(number: int = 0) -> dict:
        note(f"make {number}")
        return {"number": number}

    @study.task
    def use(factor: int, make: qd.Done[qd.Params, qd.Result]) -> dict:
        note(f"use {factor} {make.result['number']}")
        if factor == 1 and not (SIDE / "mended").exists():
            raise ValueError("no luck")
        return {"product": factor * make.result["number"]}
"""


def test_a_canary_goes_first(tmp_path: Path) -> None:
    place = Place(tmp_path, CHAIN)
    done = place.run("number=range(6)", "factor=1,2", "--canary", "-j", "2", code=1)
    assert place.notes() == {"make 0": 1, "use 1 0": 1}
    assert "canary" in done.stderr
    (place.side / "mended").touch()
    done = place.run("number=range(6)", "factor=1,2", "--canary", "-j", "2")
    assert "canary" in done.stderr
    assert len(place.records()) == 6 + 12


LONGER = """
    class Train(qd.Params):
        epochs: int = 1

    @study.task(extends="epochs")
    def train(params: Train, run: qd.Run) -> dict:
        note(params.epochs)
        if str(params.epochs) in (SIDE / "bad").read_text().split():
            raise ValueError("no luck")
        return {"from": run.previous.params.epochs if run.previous else 0}
"""


@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_a_canary_of_a_task_that_extends(tmp_path: Path, executor: str) -> None:
    """The run that the plan has first waits for shorter ones: these belong to the canary."""
    place = Place(tmp_path, LONGER)
    (place.side / "bad").write_text("")
    place.run("epochs=8,4,2,1", "--canary", "--on", executor)
    assert {record.params["epochs"]: record.metrics["from"] for record in place.records()} == {1: 0, 2: 1, 4: 2, 8: 4}


def test_a_longer_run_goes_on_without_a_shorter_one_that_failed(tmp_path: Path) -> None:
    place = Place(tmp_path, LONGER)
    (place.side / "bad").write_text("1 4")
    place.run("epochs=8,4,2,1", "-j", "2", code=1)
    assert {record.params["epochs"]: record.metrics["from"] for record in place.records()} == {2: 0, 8: 2}


GATHER = """
    @study.task
    def draw(seed: int = 0, group: str = "a") -> dict:
        note(f"{group}{seed}")
        if f"{group}{seed}" in (SIDE / "bad").read_text().split():
            raise ValueError("no luck")
        return {"value": seed, "marked": (SIDE / "marked").exists()}

    @study.task
    def mean(draw: Annotated[qd.Many, qd.over("seed")]) -> dict:
        note(f"mean {len(draw)}")
        return {"sum": sum(one.result["value"] for one in draw), "members": len(draw), "dropped": draw.dropped}

    @study.task
    def last(mean: Annotated[qd.Many, qd.over("group")]) -> dict:
        return {"members": len(mean), "dropped": mean.dropped}
"""
GROUPS = ("seed=1,2,4", "group=a,b,c")


def test_a_gather_waits_for_all_its_members_unless_it_is_partial(tmp_path: Path) -> None:
    place = Place(tmp_path, GATHER)
    bad = place.side / "bad"
    bad.write_text("a1 a2 b4 c1 c2 c4")
    place.run(*GROUPS, "-j", "2", code=1)
    assert place.records("mean") == []
    # Held back, they count as failed at once: what goes on without them is the same.
    place.run(*GROUPS, "--partial", "--rerun", "none", "-j", "2", code=1)
    assert {(one.metrics["sum"], one.metrics["members"], one.dropped) for one in place.records("mean")} == {
        (4, 1, 2),
        (3, 2, 1),
    }
    assert [(one.metrics["members"], one.dropped) for one in place.records("last")] == [(2, 1)]
    before = place.notes()
    place.run(*GROUPS, "--partial", "-j", "2", code=1)  # they fail again: nothing else needs to be done
    assert {note for note, count in (place.notes() - before).items() if count} == set(bad.read_text().split())
    bad.write_text("")
    place.run(*GROUPS)
    whole = [one for one in place.records("mean") if one.metrics["members"] == 3]
    assert {one.metrics["sum"] for one in whole} == {7}
    assert len(whole) == 3
    place.check()


def test_a_partial_gather_is_made_again_when_its_members_change(tmp_path: Path) -> None:
    place = Place(tmp_path, GATHER)
    (place.side / "bad").write_text("a4")
    place.run("seed=1,2,4", "--partial", code=1)
    (place.side / "marked").touch()
    place.run("seed=1,2,4", "--partial", "--rerun", "all", code=1)
    (mean,) = place.records("mean")
    assert mean.attempt == 2
    assert {one.attempt for one in mean.read} == {2}


SPOILED = """
    import json, shutil

    @study.task
    def make(number: int = 0) -> dict:
        return {"number": number}

    @study.task
    def spoil() -> dict:
        for file in (Path(os.environ["QUADRAT_STORE"]) / ".quadrat" / "runs").glob("*/*/run.json"):
            record = json.loads(file.read_text())
            if record["task"] == "make" and record["params"]["number"] == 1:
                shutil.rmtree(file.parent)
        return {}

    @study.task
    def use(spoil: qd.Done[qd.Params, qd.Result], make: qd.Done[qd.Params, qd.Result]) -> dict:
        return {"number": make.result["number"]}
"""


@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_an_upstream_that_is_gone_is_a_runs_failure(tmp_path: Path, executor: str) -> None:
    place = Place(tmp_path, SPOILED)
    place.run("number=0,1,2", "--to", "make")
    done = place.run("number=0,1,2", "--on", executor, code=1)
    assert "cannot be read any more" in done.stdout + done.stderr
    assert len(place.records("use")) == 2
    place.run("number=0,1,2")
    assert len(place.records("use")) == 3


def test_a_result_that_cannot_be_kept_is_told_in_one_line_with_the_place_of_the_task(tmp_path: Path) -> None:
    place = Place(
        tmp_path,
        """
        class Made(qd.Result):
            x: float
            file: qd.File


        @study.task
        def work(kind: str, run: qd.Run) -> Made:
            if kind == "list":
                return [1]
            if kind == "dict":
                return {"x": "a", "file": run.file("file")}
            return Made(x=1, file=qd.File("/etc/passwd") if kind == "outside" else run.file("nothing"))
        """,
    )
    place.run("kind=list,dict,outside,nothing", code=1)
    told = {failure.params["kind"]: failure for failure in place.failures()}
    assert told["list"].message == "task 'work' returned list"
    assert told["dict"].message.startswith("task 'work' returned what is no Made: 'x': Input should be a valid number")
    assert told["outside"].message == "artifact 'file' lies at '/etc/passwd', outside the run"
    assert told["nothing"].message == "artifact 'file' was not written: there is no file 'nothing'"
    for failure in told.values():
        assert failure.traceback.startswith(f"{place.study}:")
        assert "Traceback" not in failure.traceback
