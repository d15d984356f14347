"""Laws of the plan, on small studies drawn at random, against joins made naively in Python."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import dataclass, field
from typing import Annotated, Any

from hypothesis import given, settings
from hypothesis import strategies as st

import quadrat as qd
from quadrat.plan.plan import Plan
from studying import all_finished, ids, plan, runs, to_run


class Seeded(qd.Params):
    seed: int = 0


@dataclass
class Drawn:
    """A study drawn at random: for each task its upstreams, its parameters, and whether it gathers over one."""

    tasks: list[tuple[tuple[str, ...], tuple[str, ...]]]
    gather: str | None
    axes: dict[str, list[int]] = field(default_factory=dict)

    def study(self, reverse: bool = False) -> qd.Study:
        """The study; its tasks declared in this order or the other."""
        study = qd.Study("drawn")
        numbered = list(enumerate(self.tasks))
        for number, (above, own) in reversed(numbered) if reverse else numbered:
            study.task(name=f"t{number}")(_function(above, own, number))
        if self.gather:

            def gathered(**_: Any) -> None: ...

            last = f"t{len(self.tasks) - 1}"
            gathered.__annotations__ = {last: Annotated[qd.Many[Any, Any], qd.over(self.gather)], "return": dict}
            gathered.__signature__ = _signature([(last, None)])  # type: ignore[attr-defined]
            study.task(name="gather")(gathered)
        return study

    def overrides(self, order: list[str] | None = None) -> list[str]:
        """The axes on the command line."""
        names = order if order is not None else list(self.axes)
        return [f"{name}={','.join(map(str, self.axes[name]))}" for name in names]

    def rows(self) -> list[list[dict[str, Any]]]:
        """The rows of each task, joined one by one: each a mapping of names to values, ancestors among them."""
        done: list[list[dict[str, Any]]] = []
        for number, (above, own) in enumerate(self.tasks):
            names = [self.full(number, name) for name in own]
            axes = [self.axes.get(name, [0]) for name in names]
            rows = [dict(zip(names, values, strict=True)) for values in itertools.product(*axes)]
            for name in above:
                rows = [
                    left | right
                    for left in rows
                    for right in done[int(name[1:])]
                    if all(left[key] == right[key] for key in left.keys() & right.keys())
                ]
            for row in rows:
                row[f"@t{number}"] = tuple(sorted(row.items(), key=str))
            done.append(rows)
        return done

    @staticmethod
    def full(number: int, name: str) -> str:
        """The name on the command line; the seed is shared by all tasks that have one."""
        return name if name == "seed" else f"t{number}.{name}"


def _signature(arguments: list[tuple[str, Any]]) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter(name, kind, default=inspect.Parameter.empty if default is None else default)
            for name, default in arguments
        ]
    )


def _function(above: tuple[str, ...], own: tuple[str, ...], number: int) -> Any:
    """A task's function with these upstreams and parameters; `seed` is the shared one."""

    def function(**_: Any) -> None: ...

    arguments: list[tuple[str, Any]] = [(name, None) for name in above]
    function.__annotations__ = dict.fromkeys(above, qd.Done[Any, Any]) | {"return": dict}
    if "seed" in own:
        arguments.append(("params", None))
        function.__annotations__["params"] = Seeded
    for name in own:
        if name != "seed":
            arguments.append((name, 0))
            function.__annotations__[name] = int
    function.__signature__ = _signature(arguments)  # type: ignore[attr-defined]
    function.__name__ = f"t{number}"
    return function


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    count = draw(st.integers(1, 4))
    tasks = []
    for number in range(count):
        above = draw(st.sets(st.sampled_from([f"t{one}" for one in range(number)]), max_size=2)) if number else set()
        own = draw(st.sets(st.sampled_from(["a", "b", "seed"]), max_size=2))
        tasks.append((tuple(sorted(above)), tuple(sorted(own))))
    last = len(tasks) - 1
    axes: dict[str, list[int]] = {}
    for number, (_, own) in enumerate(tasks):
        for name in own:
            axes[Drawn.full(number, name)] = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True))
    found = Drawn(tasks, None, axes)
    known = [name for name in found.rows()[last][0] if not name.startswith("@")] if found.rows()[last] else []
    found.gather = draw(st.none() | st.sampled_from(known)) if known else None
    return found


def naive(one: Drawn) -> dict[str, int]:
    """How many runs each task has: distinct rows."""
    rows = one.rows()
    counts = {f"t{number}": len({row[f"@t{number}"] for row in found}) for number, found in enumerate(rows)}
    if one.gather:
        last = [{key: value for key, value in row.items() if not key.startswith("@")} for row in rows[-1]]
        counts["gather"] = len(
            {tuple(sorted((key, value) for key, value in row.items() if key != one.gather)) for row in last}
        )
    return counts


@given(drawn())
@settings(max_examples=150)
def test_a_plan_has_the_runs_of_the_naive_join(one: Drawn) -> None:
    assert runs(plan(one.study(), *one.overrides())) == naive(one)


@given(drawn())
@settings(max_examples=60)
def test_every_edge_is_respected(one: Drawn) -> None:
    made = plan(one.study(), *one.overrides())
    seen: dict[str, dict[str, Any]] = {}
    for item in made.items():
        for argument, above in item["upstream"].items():
            for each in above if isinstance(above, list) else [above]:
                assert seen[each]["task"] == argument  # upstreams come first
        seen[item["id"]] = item
    for item in seen.values():
        assert _consistent(item, seen, {}), "a run and what it stands on agree in every parameter and ancestor"


def _consistent(item: dict[str, Any], seen: dict[str, dict[str, Any]], known: dict[str, Any]) -> bool:
    """Whether everything below a run has one value for each shared parameter, and one run for each task."""
    for name, value in item["params"].items():
        if name == "seed" and known.setdefault("seed", value) != value:
            return False
    for argument, above in item["upstream"].items():
        if isinstance(above, list):
            continue
        if known.setdefault(f"@{argument}", above) != above or not _consistent(seen[above], seen, known):
            return False
    return True


@given(drawn())
@settings(max_examples=60)
def test_with_everything_finished_nothing_runs(one: Drawn) -> None:
    made = plan(one.study(), *one.overrides())
    again = plan(one.study(), *one.overrides(), finished=all_finished(made))
    assert set(to_run(again).values()) == {0}
    assert ids(again) == ids(made)


@given(drawn(), st.randoms())
@settings(max_examples=60)
def test_ids_do_not_depend_on_the_order_of_axes_values_or_tasks(one: Drawn, random: Any) -> None:
    def shown(made: Plan) -> dict[str, set[str]]:
        return {task: set(found) for task, found in ids(made).items()}

    before = shown(plan(one.study(), *one.overrides()))
    order = list(one.axes)
    random.shuffle(order)
    for values in one.axes.values():
        random.shuffle(values)
    assert shown(plan(one.study(reverse=True), *one.overrides(order))) == before


@given(drawn(), st.data())
@settings(max_examples=60)
def test_ids_do_not_depend_on_which_other_values_there_are(one: Drawn, data: st.DataObject) -> None:
    one.gather = None  # a group's members are what it is
    before = {task: set(found) for task, found in ids(plan(one.study(), *one.overrides())).items()}
    for name, values in one.axes.items():
        one.axes[name] = values + data.draw(st.lists(st.integers(6, 9), max_size=2, unique=True))
    after = ids(plan(one.study(), *one.overrides()))
    assert all(found <= set(after[task]) for task, found in before.items())


@given(drawn())
@settings(max_examples=40)
def test_counts_add_up(one: Drawn) -> None:
    counts = plan(one.study(), *one.overrides()).counts()
    for key in ("runs", "finished", "to_run", "failed", "outdated"):
        assert counts[key] == sum(task[key] for task in counts["tasks"])
