"""Laws of the plan, on small studies drawn at random, against joins made naively in Python."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from drawing import Drawn, drawn
from quadrat.plan.plan import Plan
from studying import all_finished, ids, plan, runs, to_run


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
