"""What a study may not be declared as, and what is said of it."""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest

import quadrat as qd
from studying import plan


class P(qd.Params):
    lr: float = 0.1
    sampler: dict[str, Any] = {}


class Q(qd.Params):
    lr: float = 0.1


class Table(qd.Result):
    rows: list[float]


def two_of_one_name(study: qd.Study) -> None:
    @study.task
    def train(params: P) -> dict[str, float]: ...

    @study.task(name="train")
    def other(params: P) -> dict[str, float]: ...


def circle(study: qd.Study) -> None:
    @study.task
    def a(b: qd.Done[Any, Any]) -> dict[str, float]: ...

    @study.task
    def b(c: qd.Done[Any, Any]) -> dict[str, float]: ...

    @study.task
    def c(a: qd.Done[Any, Any]) -> dict[str, float]: ...


def unknown_upstream(study: qd.Study) -> None:
    @study.task
    def train(params: P) -> dict[str, float]: ...

    @study.task
    def attack(trian: qd.Done[P, Any]) -> dict[str, float]: ...


def unresolved_type(study: qd.Study) -> None:
    @study.task
    def train(params: Paramz) -> dict[str, float]: ...  # type: ignore[name-defined]  # noqa: F821


def result_of_lists(study: qd.Study) -> None:
    @study.task
    def train(params: P) -> Table: ...


def bare_file(study: qd.Study) -> None:
    @study.task
    def train(params: P) -> qd.File: ...


def gather_of_what(study: qd.Study) -> None:
    @study.task
    def mean(train: qd.Many[P, Any]) -> dict[str, float]: ...


def star_arguments(study: qd.Study) -> None:
    @study.task
    def train(**options: float) -> dict[str, float]: ...


def field_twice(study: qd.Study) -> None:
    @study.task
    def train(params: P, more: Q) -> dict[str, float]: ...


def impossible_type(study: qd.Study) -> None:
    class Opaque: ...

    @study.task
    def train(thing: Opaque) -> dict[str, float]: ...


def extends_unknown(study: qd.Study) -> None:
    @study.task(extends="epochs")
    def train(params: P) -> dict[str, float]: ...


def no_cpus(study: qd.Study) -> None:
    @study.task(cpus=0)
    def train(params: P) -> dict[str, float]: ...


def odd_memory(study: qd.Study) -> None:
    @study.task(memory="2 apples")
    def train(params: P) -> dict[str, float]: ...


def odd_walltime(study: qd.Study) -> None:
    @study.task(walltime="soon")
    def train(params: P) -> dict[str, float]: ...


def odd_retries(study: qd.Study) -> None:
    @study.task(retries={"kiled": 2})
    def train(params: P) -> dict[str, float]: ...


def batch_of_other_arguments(study: qd.Study) -> None:
    @study.task
    def train(params: P, run: qd.Run) -> dict[str, float]: ...

    @study.batch(train, varies=["lr"])
    def train_many(settings: list[P], runs: list[qd.Run]) -> Iterator[Any]: ...


def batch_that_varies_the_unknown(study: qd.Study) -> None:
    @study.task
    def train(params: P, run: qd.Run) -> dict[str, float]: ...

    @study.batch(train, varies=["rl"])
    def train_many(params: list[P], runs: list[qd.Run]) -> Iterator[Any]: ...


def batch_of_no_task(study: qd.Study) -> None:
    def train(params: P) -> dict[str, float]: ...

    study.batch(train, varies=[])


def view_of_no_artifact(study: qd.Study) -> None:
    class Fit(qd.Result):
        weights: qd.File

    @study.task
    def train(params: P) -> Fit: ...

    study.view(train, "models/{id}", artifact="weight")


def view_outside(study: qd.Study) -> None:
    class Fit(qd.Result):
        weights: qd.File

    @study.task
    def train(params: P) -> Fit: ...

    study.view(train, "../models/{id}", artifact="weights")


class Drawn(qd.Result):
    loss: float
    picture: qd.File


def section_of_no_artifact(study: qd.Study) -> None:
    @study.task
    def draw(params: P) -> Drawn: ...

    study.section("Pictures", draw, "pictures")


def section_of_a_metric(study: qd.Study) -> None:
    @study.task
    def draw(params: P) -> Drawn: ...

    study.section("Losses", draw, "picture", "loss")


def section_of_nothing(study: qd.Study) -> None:
    @study.task
    def draw(params: P) -> Drawn: ...

    study.section("Pictures", draw)


def section_without_title(study: qd.Study) -> None:
    @study.task
    def draw(params: P) -> Drawn: ...

    study.section(" ", draw, "picture")


DECLARATIONS: dict[Callable[[qd.Study], None], tuple[str, str | None]] = {
    two_of_one_name: ("two tasks of study 's' are called 'train'", "the other one is at "),
    circle: ("the tasks of study 's' go in a circle: a → b → c → a", None),
    unknown_upstream: ("unknown task 'trian', which 'attack' reads", "did you mean 'train'?"),
    unresolved_type: ("a type in the signature of 'train' does not resolve: name 'Paramz' is not defined", None),
    result_of_lists: ("field 'rows' of Table is neither a scalar nor a qd.File", "metrics are bool, int, float or str"),
    bare_file: ("task 'train' returns a bare file", "return a qd.Result with it"),
    gather_of_what: ("argument 'train' gathers runs but does not say over what", "write train: Annotated[qd.Many"),
    star_arguments: ("task 'train' takes *options", "name every argument"),
    field_twice: ("parameter 'lr' is in two classes of task 'train'", "P and Q: rename one"),
    impossible_type: ("a parameter of task 'train' has a type that cannot be", None),
    extends_unknown: ("task 'train' extends 'epochs', which is none of its own parameters", None),
    no_cpus: ("cpus=0 is not a number of cpus", "a whole number, 1 or more"),
    odd_memory: ("memory '2 apples' is not an amount of memory", "write '2GB'"),
    odd_walltime: ("'soon' is not a duration", "write '90s'"),
    odd_retries: ("unknown kind of failure 'kiled'", "did you mean 'killed'?"),
    batch_of_other_arguments: ("the batched form of 'train' takes ['settings'], its task ['params']", "lists of"),
    batch_that_varies_the_unknown: ("unknown parameter 'rl'", "did you mean 'lr'?"),
    batch_of_no_task: ("train is no task of study 's'", "decorate it first"),
    view_of_no_artifact: ("unknown artifact 'weight'", "did you mean 'weights'?"),
    view_outside: ("view '../models/{id}' would lie outside the store", None),
    section_of_no_artifact: ("unknown artifact 'pictures' of 'draw'", "did you mean 'picture'?"),
    section_of_a_metric: ("unknown artifact 'loss' of 'draw'", "known: picture"),
    section_of_nothing: ("section 'Pictures' shows no artifact", "artifacts of draw: picture"),
    section_without_title: ("a section on 'draw' has no title", None),
}
# These are of the whole study: they have no one line.
WITHOUT_PLACE = {circle, batch_of_no_task}


@pytest.mark.parametrize("declare", DECLARATIONS, ids=lambda one: one.__name__)
def test_a_declaration_that_cannot_work_is_told_with_its_place(declare: Callable[[qd.Study], None]) -> None:
    message, hint = DECLARATIONS[declare]
    study = qd.Study("s")
    with pytest.raises(qd.BadInput) as refused:  # noqa: PT012 - some are told when declared, some when planned
        declare(study)
        plan(study)
    assert refused.value.exit_code == 2
    assert refused.value.message.startswith(message)
    assert hint is None or (refused.value.hint or "").startswith(hint)
    if declare not in WITHOUT_PLACE:
        assert __file__ in (refused.value.where or "")


@pytest.mark.parametrize("name", ["two words", "", "a/b", "1st"])
def test_a_study_has_a_plain_name(name: str) -> None:
    with pytest.raises(qd.BadInput, match="is no name for a study"):
        qd.Study(name)


def test_the_decorated_function_stays_as_it_was() -> None:
    study = qd.Study("s")

    @study.task(cpus=2, memory="1GB", walltime="1h", timeout="10m", retries=1)
    def train(lr: float = 0.5) -> dict[str, float]:
        return {"loss": lr}

    assert train(lr=2.0) == {"loss": 2.0}
    task = study.tasks["train"]
    assert (task.resources.cpus, task.resources.memory, task.resources.walltime) == (2, 10**9, 3600.0)
    assert task.policy.timeout == 600.0
    assert task.policy.retries == {"error": 1, "timeout": 1, "killed": 1, "memory": 1}


def test_a_batch_may_vary_a_field_inside_a_parameter() -> None:
    study = qd.Study("s")

    @study.task
    def train(params: P, run: qd.Run) -> dict[str, float]: ...

    @study.batch(train, varies=["lr", "sampler.step_size"])
    def train_many(params: list[P], runs: list[qd.Run]) -> Iterator[Any]: ...

    assert study.tasks["train"].batched is not None


def test_a_part_stands_for_its_tasks() -> None:
    study = qd.Study("s")

    @study.task
    def one(lr: float = 0.5) -> dict[str, float]: ...

    @study.task
    def two(one: qd.Done[Any, Any]) -> dict[str, float]: ...

    study.part("first_half", one)
    assert list(plan(study, to="first_half").tasks) == ["one"]
    assert list(plan(study, to="two").tasks) == ["one", "two"]
    with pytest.raises(qd.BadInput, match=r"unknown task 'first_haf'\n  did you mean 'first_half'"):
        plan(study, to="first_haf")


def test_one_gather_of_what_no_row_has() -> None:
    study = qd.Study("s")

    @study.task
    def one(lr: float = 0.5) -> dict[str, float]: ...

    @study.task
    def mean(one: Annotated[qd.Many[Any, Any], qd.over("sed")]) -> dict[str, float]: ...

    with pytest.raises(qd.BadInput, match="unknown parameter or label of task 'one': 'sed'"):
        plan(study)
