"""What changes between two commands: code, results of upstreams, temporary files, lengths, forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.harness import Place

STUDY = """
    @study.task
    def make(number: int = 0) -> dict:
        note("make")
        return {{"number": {made}}}

    @study.task
    def use(make: qd.Done[qd.Params, qd.Result]) -> dict:
        note("use")
        return {{"twice": 2 * make.result["number"]}}

    @study.task
    def last(use: Annotated[qd.Many, qd.over("number")]) -> dict:
        note("last")
        return {{"sum": sum(one.result["twice"] for one in use)}}
"""


def test_edited_code_makes_runs_outdated_until_rerun_or_accepted(tmp_path: Path) -> None:
    place = Place(tmp_path, STUDY.format(made="number"))
    place.run("number=1,2")
    place.write(STUDY.format(made="number + 0"))
    done = place.run("number=1,2")
    assert "outdated" in done.stderr
    assert place.notes() == {"make": 2, "use": 2, "last": 1}
    place.quadrat("accept", str(place.study), "number=1,2")
    assert "outdated" not in place.run("number=1,2").stderr
    place.write(STUDY.format(made="10 * number"))
    assert place.reasons("number=1,2", "--rerun", "outdated")["make", "outdated: code changed"] == 2
    place.run("number=1,2", "--rerun", "outdated")
    assert place.notes() == {"make": 4, "use": 4, "last": 2}
    assert place.records("last")[0].metrics["sum"] == 60
    assert set(place.reasons("number=1,2").values()) == {2, 1}
    assert {reason for _, reason in place.reasons("number=1,2")} == {"finished"}
    place.check()


def test_a_rerun_with_equal_results_ends_there(tmp_path: Path) -> None:
    place = Place(tmp_path, STUDY.format(made="number"))
    place.run("number=1,2")
    place.write(STUDY.format(made="number + 0"))
    done = place.run("number=1,2", "--rerun", "outdated")
    assert place.notes() == {"make": 4, "use": 2, "last": 1}
    assert "needed no new run" in done.stdout + done.stderr
    assert {record.attempt for record in place.records("use")} == {1}
    assert {reason for _, reason in place.reasons("number=1,2")} == {"finished"}


def test_interrupted_between_a_rerun_and_its_readers(tmp_path: Path) -> None:
    """What was made again elsewhere is noticed by its readers, by what they read."""
    place = Place(tmp_path, STUDY.format(made="number"))
    place.run("number=1,2")
    place.write(STUDY.format(made="10 * number"))
    place.run("number=1,2", "--rerun", "outdated", "--to", "make")
    assert place.reasons("number=1,2")["use", "upstream"] == 2
    place.run("number=1,2")
    assert place.records("last")[0].metrics["sum"] == 60


TEMPS = """
    class Made(qd.Result):
        number: int
        big: qd.Temp
        small: qd.File

    @study.task
    def make(number: int, run: qd.Run) -> Made:
        note("make")
        big = run.file("big.bin")
        big.write_bytes(bytes([number]) * 1000)
        small = run.file("small.txt")
        small.write_text(str(number))
        return Made(number=number, big=big, small=small)

    @study.task
    def use(factor: int, make: qd.Done[qd.Params, Made]) -> dict:
        note("use")
        if factor == 13 and not (SIDE / "mended").exists():
            raise ValueError("no luck")
        return {"product": factor * sum(make.result.big.read_bytes())}
"""


def _big_files(place: Place) -> int:
    return len(list(place.store.layout.runs.glob("*/*/big.bin")))


def test_temporary_files_go_with_their_last_reader_and_are_made_again(tmp_path: Path) -> None:
    place = Place(tmp_path, TEMPS)
    place.run("number=1,2,3", "factor=1,2", "--to", "make")
    assert _big_files(place) == 3
    place.run("number=1,2,3", "factor=1,2")
    assert _big_files(place) == 0
    place.check()
    assert {reason for _, reason in place.reasons("number=1,2,3", "factor=1,2")} == {"finished"}
    assert place.reasons("number=1,2,3", "factor=1,2,3")["make", "recreate"] == 3
    place.run("number=1,2,3", "factor=1,2,3")
    assert _big_files(place) == 0
    assert place.notes() == {"make": 6, "use": 9}
    assert {record.attempt for record in place.records("make")} == {2}
    assert {reason for _, reason in place.reasons("number=1,2,3", "factor=1,2,3")} == {"finished"}


def test_temporary_files_stay_for_a_reader_that_failed(tmp_path: Path) -> None:
    place = Place(tmp_path, TEMPS)
    place.run("number=1,2", "factor=1,13", code=1)
    assert _big_files(place) == 2
    place.run("number=1,2", "factor=1,2,13", "--rerun", "none", code=1)
    assert _big_files(place) == 2
    (place.side / "mended").touch()
    place.run("number=1,2", "factor=1,2,13")
    assert _big_files(place) == 0
    assert place.notes()["make"] == 2


TRAINING = """
    class Train(qd.Params):
        epochs: int = 1
        rate: float = 0.1
        seed: int = 0

    class Trained(qd.Result):
        loss: float
        weights: qd.File

    @study.task(extends="epochs")
    def train(params: Train, run: qd.Run) -> Trained:
        start, weight = 0, random.Random(run.seed("init")).random()
        if run.previous:
            start, weight = run.previous.params.epochs, float(run.previous.result.weights.read_text())
        note(f"{params.epochs} from {start}")
        for epoch in range(start, params.epochs):
            weight -= params.rate * (weight - random.Random(run.seed(f"epoch {epoch}")).random())
        file = run.file("weights.txt")
        file.write_text(repr(weight))
        return Trained(loss=weight**2, weights=file)
"""


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_a_longer_run_continues_the_nearest_shorter_one_to_the_same_bits(tmp_path: Path, executor: str) -> None:
    (tmp_path / "scratch").mkdir()
    fresh = Place(tmp_path / "scratch", TRAINING)
    for epochs in (9, 5, 2):
        fresh.run(f"epochs={epochs}", "seed=0,1", "--on", executor)
    assert set(fresh.notes()) == {"9 from 0", "5 from 0", "2 from 0"}
    place = Place(tmp_path, TRAINING)
    place.run("epochs=2", "seed=0,1", "--on", executor)
    place.run("epochs=9,5,2", "seed=0,1", "-j", "2", "--on", executor)
    assert set(place.notes()) == {"2 from 0", "5 from 2", "9 from 5"}
    assert place.results() == fresh.results()
    continued = {record.params["epochs"]: record.continued for record in place.records() if record.params["seed"] == 0}
    ids = {record.params["epochs"]: record.id for record in place.records() if record.params["seed"] == 0}
    assert continued == {2: "", 5: ids[2], 9: ids[5]}
    # Another rate is another family; a shorter run whose file is gone is none to continue from.
    place.run("epochs=12", "rate=0.2", "--on", executor)
    next(place.store.layout.run(ids[9], 1).glob("weights.txt")).unlink()
    place.run("epochs=12", "seed=0", "--on", executor)
    assert place.notes()["12 from 0"] == 2


BATCHED = """
    class Train(qd.Params):
        rate: float = 0.1
        way: Literal["a", "b"] = "a"
        seed: int = 0

    class Trained(qd.Result):
        loss: float
        file: qd.File

    def one(params, run):
        file = run.file("weights.txt")
        value = random.Random(run.seed("init")).random() * params.rate
        file.write_text(repr(value))
        return Trained(loss=value, file=file)

    @study.task
    def train(params: Train, run: qd.Run) -> Trained:
        note(f"single {params.seed}")
        if params.seed in map(int, os.environ.get("DEADLY", "").split()):
            os.kill(os.getpid(), signal.SIGKILL)
        return one(params, run)

    @study.batch(train, varies=["rate", "seed"], limit=4)
    def train_many(params: list[Train], runs: list[qd.Run]):
        note(f"batch {len(runs)}")
        assert len({each.way for each in params}) == 1
        for each, run in zip(params, runs):
            if each.seed in map(int, os.environ.get("DEADLY", "").split()):
                os.kill(os.getpid(), signal.SIGKILL)
            if each.seed in map(int, os.environ.get("BROKEN", "").split()):
                raise RuntimeError("the whole call is broken")
            if each.seed in map(int, os.environ.get("UNLUCKY", "").split()):
                yield run, qd.Failed("diverged")
            elif each.seed in map(int, os.environ.get("SILENT", "").split()):
                continue
            else:
                yield run, one(each, run)
"""
SEEDS = "seed=range(8)"


def test_a_batch_gives_what_single_runs_give(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    single = Place(
        tmp_path / "single",
        BATCHED.replace("@study.batch(train, varies=", "@(lambda *_, **__: lambda f: f)(train, varies="),
    )
    single.run(SEEDS, "way=a,b")
    assert single.notes()["single 0"] == 2
    place = Place(tmp_path, BATCHED)
    place.run(SEEDS, "way=a,b", "-j", "2")
    assert place.notes() == {"batch 4": 4}
    assert place.results() == single.results()
    assert {record.attempt for record in place.records()} == {1}


NESTED = """
    from pydantic import Field

    class Slow(qd.Params):
        name: Literal["slow"] = "slow"
        step: float = 0.1
        length: int = 1

    class Fast(qd.Params):
        name: Literal["fast"] = "fast"
        step: float = 0.1

    class Move(qd.Params):
        sampler: Annotated[Slow | Fast, Field(discriminator="name")] = Slow()

    class Moved(qd.Result):
        step: float

    @study.task
    def move(params: Move) -> Moved:
        return Moved(step=params.sampler.step)

    @study.batch(move, varies=["sampler.step"])
    def move_many(params: list[Move], runs: list[qd.Run]):
        note(" ".join(sorted(f"{one.sampler.name}-{getattr(one.sampler, 'length', 0)}" for one in params)))
        for one, run in zip(params, runs):
            yield run, move(one)

    @study.space
    def points() -> dict[str, qd.Space]:
        steps = [0.1, 0.2, 0.3]
        slow = [{"name": "slow", "step": step, "length": length} for step in steps for length in (1, 2)]
        return {"move": qd.points([{"sampler": one} for one in [*slow, *({"name": "fast", "step": s} for s in steps)]])}
"""


def test_what_varies_inside_a_tree_leaves_the_rest_of_the_tree_alike(tmp_path: Path) -> None:
    place = Place(tmp_path, NESTED)
    place.run("-j", "1")
    assert place.notes() == {"slow-1 slow-1 slow-1": 1, "slow-2 slow-2 slow-2": 1, "fast-0 fast-0 fast-0": 1}
    assert len(place.records()) == 9


@pytest.mark.parametrize("executor", ["pool", "inline"])
def test_failures_inside_a_batch_are_those_of_single_runs(tmp_path: Path, executor: str) -> None:
    place = Place(tmp_path, BATCHED)
    place.run(SEEDS, "--on", executor, "-j", "2", code=1, UNLUCKY="2", SILENT="5")
    assert {failure.params["seed"]: failure.message for failure in place.failures()} == {
        2: "diverged",
        5: "the batched form of 'train' yielded no result for this run",
    }
    assert len(place.records()) == 6
    place.run(SEEDS, "--on", executor)
    assert len(place.records()) == 8
    place.check()


def test_a_batch_that_raises_is_tried_one_by_one(tmp_path: Path) -> None:
    place = Place(tmp_path, BATCHED)
    place.run("seed=range(4)", "-j", "1", BROKEN="2")
    assert place.notes() == {"batch 4": 1, "single 2": 1, "single 3": 1}  # 0 and 1 were committed as they came
    place.check()


def test_a_worker_that_dies_in_a_batch_costs_only_the_run_at_fault(tmp_path: Path) -> None:
    place = Place(tmp_path, BATCHED)
    place.run("seed=range(4)", "-j", "1", code=1, DEADLY="2")
    assert [failure.params["seed"] for failure in place.failures()] == [2]
    assert place.notes() == {"batch 4": 1, "single 2": 1, "single 3": 1}
    assert len(place.records()) == 3
    place.check()
