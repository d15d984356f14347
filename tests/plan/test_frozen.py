"""A plan that was frozen, packed, unpacked and thawed is the same plan; a part of it has all that its runs need."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from drawing import Drawn, drawn
from quadrat.core.finished import Finished
from quadrat.plan.frozen import Frozen, as_bytes, freeze, pack, unpack
from quadrat.plan.plan import Plan, Reason
from quadrat.plan.shares import Share, cut_into_shares
from studying import finished_runs, plan


def frozen(made: Plan) -> Frozen:
    attempts = {name: (one.found >= 0).astype(np.int32) for name, one in made.tasks.items()}
    told, arrays = pack(freeze(made, attempts, {}))
    return unpack(orjson.loads(orjson.dumps(told)), arrays)


def edges(made: Plan) -> dict[bytes, tuple[str, dict[str, Any], Any]]:
    """For each run its own params, and the ids that it reads."""
    return {
        one.ids[run]: (name, made.params(name, run), made.upstream_ids(name, run))
        for name, one in made.tasks.items()
        for run in range(one.size)
    }


@given(drawn())
@settings(max_examples=60)
def test_thawed_it_is_the_same_plan(one: Drawn) -> None:
    made = plan(one.study(), *one.overrides())
    thawed = frozen(made).plan(made.study, Finished.empty())
    assert edges(thawed) == edges(made)
    assert all(np.array_equal(thawed.tasks[name].to_run, task.to_run) for name, task in made.tasks.items())


@given(drawn(), st.data())
@settings(max_examples=100)
def test_a_part_has_all_that_its_runs_read(one: Drawn, data: st.DataObject) -> None:
    made = plan(one.study(), *one.overrides())
    name = data.draw(st.sampled_from(list(made.tasks)))
    size = made.tasks[name].size
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1))) if size else [], np.int64)
    part = frozen(made).cut({name: chosen})
    thawed = part.plan(made.study, Finished.empty())
    whole, known = edges(made), edges(thawed)
    mine = {made.tasks[name].ids[run] for run in chosen.tolist()}
    assert {id: known[id] for id in mine} == {id: whole[id] for id in mine}
    for task, their in thawed.tasks.items():
        for run, id in enumerate(their.ids):
            wanted = Reason.NEW if id in mine else Reason.ABSENT
            assert their.reason[run] == wanted, (task, run)


@given(drawn(), st.integers(1, 12), st.integers(1, 5), st.data())
@settings(max_examples=80)
def test_every_run_to_do_is_in_one_share_and_reads_from_earlier_ones(
    one: Drawn, bundle: int, most: int, data: st.DataObject
) -> None:
    first = plan(one.study(), *one.overrides())
    everything = [id for task in first.tasks.values() for id in task.ids]
    done = data.draw(st.sets(st.sampled_from(everything))) if everything else set()
    made = plan(one.study(), *one.overrides(), finished=finished_runs(done))
    cold = frozen(made)
    left = (
        {id for id in everything if id not in done and data.draw(st.booleans())} if data.draw(st.booleans()) else set()
    )
    leave = {name: np.array([id in left for id in as_bytes(task.ids)], dtype=bool) for name, task in cold.tasks.items()}
    shares = cut_into_shares(cold, bundle=data.draw(st.none() | st.just(bundle)), most=most, leave=leave)
    holder = {id: number for number, share in enumerate(shares) for id in _ids(cold, share)}
    assert sum(share.size for share in shares) == len(holder)
    to_do = {task.ids[run] for task in made.tasks.values() for run in np.flatnonzero(task.to_run).tolist()}
    assert set(holder) == to_do - left
    for name, task in made.tasks.items():
        for run in range(task.size):
            mine = holder.get(task.ids[run])
            above = made.upstream_ids(name, run).values()
            read = [bytes.fromhex(id) for ids in above for id in (ids if isinstance(ids, list) else [ids])]
            for id in read if mine is not None else ():
                if holder.get(id, mine) != mine:
                    assert holder[id] in shares[mine].after
    for number, share in enumerate(shares):
        assert all(shares[above].stage < share.stage for above in share.after), number
    stages = [share.stage for share in shares]
    assert all(stages.count(stage) <= most for stage in stages)  # none of these tasks says what it needs


def _ids(cold: Frozen, share: Share) -> list[bytes]:
    return [id for name, places in share.runs.items() for id in as_bytes(cold.tasks[name].ids[places])]


def test_a_gather_may_drop_what_failed_and_not_what_is_not_there() -> None:
    from plan.sketches import mnist_fgsm

    made = plan(mnist_fgsm.study, "seed=1,2")
    cold = frozen(made)
    averages = {"seed_average": np.arange(made.tasks["seed_average"].size)}
    train = made.tasks["train"]
    failed = finished_runs(made.tasks["data"].ids, failed=[train.ids[0]])
    thawed = cold.cut(averages).plan(made.study, failed)
    reasons = {name: [Reason(reason).name for reason in one.reason] for name, one in thawed.tasks.items()}
    assert reasons["attack"][0] == "HELD"  # it could not run, since what it reads has failed
    assert set(reasons["attack"][1:]) == {"ABSENT"}
