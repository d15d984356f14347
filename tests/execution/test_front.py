"""The front of a plan: whatever fails in whatever order, counts stay right and nothing runs too early."""

from __future__ import annotations

from typing import Annotated

from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd
from quadrat.core.loading import Loaded, remember
from quadrat.execution.front import Front
from quadrat.execution.graph import Graph, Key
from quadrat.plan.plan import Plan, Reason
from quadrat.session import Request, Session
from quadrat.store.store import Store

study = qd.Study("front")


class Draw(qd.Params):
    group: int = 0
    seed: int = 0


class Train(qd.Params):
    epochs: int = 1


@study.task
def draw(params: Draw) -> dict: ...


@study.task(extends="epochs")
def train(params: Train, draw: qd.Done[Draw, qd.Result]) -> dict: ...


@study.task
def mean(
    draw: Annotated[qd.Many[Draw, qd.Result], qd.over("seed")],
    train: Annotated[qd.Many[Train, qd.Result], qd.over("seed", "epochs")],
) -> dict: ...


@study.task
def last(mean: Annotated[qd.Many[qd.Params, qd.Result], qd.over("group")]) -> dict: ...


def make_plan() -> Plan:
    request = Request(overrides=("group=0,1,2", "seed=0,1,2", "epochs=1,2,4"))
    return Session(Loaded(study, remember(study)), Store("/nonexistent"), request).plan()


@given(st.data(), st.booleans())
def test_the_front_moves_as_the_graph_says(data: st.DataObject, partial: bool) -> None:
    plan = make_plan()
    keys = [(name, run) for name, one in plan.tasks.items() for run in range(one.size)]
    held = set(data.draw(st.lists(st.sampled_from(keys[:9]), max_size=3, unique=True)))
    for name, run in held:
        plan.tasks[name].reason[run] = Reason.HELD
    graph = Graph(plan, partial=partial)
    front = Front(plan, graph)
    state: dict[Key, str] = dict.fromkeys(held, "failed")
    blocked = list(front.begin())
    while front:
        waiting = data.draw(st.sampled_from([one for one in front.ready.values() if len(one)]))
        for key in waiting.take(data.draw(st.integers(1, 3))):
            assert key not in state, "ready twice, or ready although it is blocked"
            _check_ready(graph, key, state, set(blocked), partial)
            if data.draw(st.booleans()):
                state[key] = "done"
                front.finish(key)
            else:
                state[key] = "failed"
                blocked += front.fail(key)
    assert len(blocked) == len(set(blocked)), "blocked twice"
    assert set(state) | set(blocked) == set(keys)
    assert not set(state) & set(blocked)


def _check_ready(graph: Graph, key: Key, state: dict[Key, str], blocked: set[Key], partial: bool) -> None:
    """Every upstream has ended, well unless a gather can do without it; and so has the next shorter run."""
    ended = {above: state.get(above, "failed" if above in blocked else "open") for above in graph.upstreams(key)}
    gather = key[0] in ("mean", "last")
    assert "open" not in ended.values()
    assert "failed" not in ended.values() or (gather and partial)
    if key in graph.shorter:
        assert graph.shorter[key] in state or graph.shorter[key] in blocked
