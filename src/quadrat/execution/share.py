"""A share of a frozen plan, run by a process of its own: on a node of a cluster, or as a job of Snakemake.

It needs neither the configuration nor the study's files as they are now; what it reads is checked when it begins.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from quadrat.core.errors import StoreError
from quadrat.core.loading import StudyRef, load_study
from quadrat.core.study import Study
from quadrat.execution.base import Context, Executor
from quadrat.execution.graph import Key
from quadrat.execution.linking import Linker
from quadrat.execution.provenance import kept_environment
from quadrat.execution.scheduler import Options, Scheduler
from quadrat.execution.tally import Listener, Tally
from quadrat.execution.temps import drop_temps
from quadrat.plan.frozen import Frozen, Runs, unpack
from quadrat.plan.plan import Plan
from quadrat.store import plans
from quadrat.store.commit import disk_error
from quadrat.store.lease import Lease
from quadrat.store.store import Store
from quadrat.store.upkeep import live_owners
from quadrat.store.views import NamedView

MakeExecutor = Callable[[Context], Executor]


class FrozenPlan:
    """A frozen plan in a store. What is in it is read when it is first asked for.

    Args:
        store: the store.
        name: the plan's.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name

    @cached_property
    def told(self) -> dict[str, Any]:
        """What JSON holds of it."""
        return plans.told(self.store.layout, self.name)

    @cached_property
    def frozen(self) -> Frozen:
        """Its runs."""
        try:
            return unpack(self.told, plans.arrays(self.store.layout, self.name))
        except KeyError as error:
            raise StoreError(f"the frozen plan lacks {error}", where=str(self.store.layout.frozen(self.name))) from None

    @property
    def context(self) -> Context:
        """What its runs are recorded with, but for the environment, which is that of the process that runs them."""
        told = dict(self.told["context"])
        ref = StudyRef(**told["study"])
        code = plans.code(self.store.layout, self.name)
        target = str(code / ref.target) if ref.kind == "file" else ref.target
        told["study"] = StudyRef(ref.kind, target, str(code))
        told["preload"], told["modules"] = tuple(told["preload"]), tuple(told["modules"])
        return Context(**{**told, "store": str(self.store.root)})

    @cached_property
    def study(self) -> Study:
        """The study as its code was when the plan was frozen."""
        return load_study(self.context.study).study

    @cached_property
    def views(self) -> dict[str, list[NamedView]]:
        """For each task the views of its runs."""
        return {task: [NamedView(**one) for one in views] for task, views in self.told["views"].items()}

    def places(self, ids: Sequence[str]) -> Runs:
        """The runs of these ids.

        Raises:
            StoreError: where the plan has no such run.
        """
        wanted = set(ids)
        found: dict[str, Any] = {}
        for name, one in self.frozen.tasks.items():
            places = [place for place, id in enumerate(one.hex_ids()) if id in wanted]
            wanted -= {one.ids[place].tobytes().hex() for place in places}
            found[name] = np.array(places, np.int64)
        if wanted:
            raise StoreError(f"plan {self.name} has no run {min(wanted)}", where=str(self.store.root))
        return found

    def part(self, runs: Runs, *, again: bool = False) -> Part:
        """The part of the plan that does some of its runs; `again` also those that were finished when it was frozen."""
        cut = self.frozen.cut(runs)
        return Part(self, runs, cut, cut.plan(self.study, self.store.look_at(cut.ids()), again=again))


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a frozen plan, against what the store holds now.

    Attributes:
        whole: the frozen plan.
        runs: which of its runs are to be done.
        cut: what of it is needed.
        plan: the same as a plan.
    """

    whole: FrozenPlan
    runs: Runs
    cut: Frozen
    plan: Plan

    def linker(self) -> Linker:
        """Makes the views of the part's runs."""
        named = {}
        for task, views in self.whole.views.items():
            kept = np.isin(_number(self.whole.frozen.tasks[task].ids), _number(self.cut.tasks[task].ids))
            places = np.flatnonzero(kept).tolist()
            named[task] = [
                dataclasses.replace(
                    one, columns={name: [column[at] for at in places] for name, column in one.columns.items()}
                )
                for one in views
            ]
        return Linker(self.plan, self.whole.store, named)

    @property
    def mine(self) -> list[Key]:
        """The runs that are to be done, as places in the part's plan."""
        return [
            (name, int(place))
            for name, one in self.cut.tasks.items()
            if one.mine is not None
            for place in np.flatnonzero(one.mine)
        ]


def _drop_temps(whole: FrozenPlan, owner: str) -> None:
    """Delete temporary artifacts that the whole plan needs no more; the last process that works on it sees to that."""
    frozen, layout = whole.frozen, whole.store.layout
    for task in whole.study.order:
        readers = [one.name for one in whole.study.order if any(link.name == task.name for link in one.inputs)]
        if not task.temps or not readers or not all(name in frozen.tasks for name in (task.name, *readers)):
            continue
        if not live_owners(layout) <= {owner}:
            return
        index = whole.store.refresh(write=False)
        attempts = {bytes.fromhex(id): int(index.light["attempt"][row]) for row, id in enumerate(index.ids())}
        for id in frozen.read_out(task.name, attempts.keys()):
            if id in attempts:
                drop_temps(layout.run(id.hex(), attempts[id]))


def _number(ids: Any) -> Any:
    """Ids as one column that numpy can compare."""
    return np.ascontiguousarray(ids).view("V16").ravel()


def run_part(
    part: Part,
    make_executor: MakeExecutor,
    options: Options | None = None,
    listen: Listener | None = None,
    begun: Callable[[Scheduler], Any] | None = None,
    deadline: float | None = None,
    grace: float = 30.0,
) -> Tally:
    """Run a part of a frozen plan to its end.

    Args:
        part: which runs.
        make_executor: what runs them.
        options: how.
        listen: told of events.
        begun: given the scheduler before it starts, to interrupt it.
        deadline: when the process will be stopped, in seconds since 1970.
        grace: seconds that runs get when they are told to hurry.

    Raises:
        StoreError: where the store cannot be written.
        BadInput: where workers cannot load the study.
    """
    store, layout = part.whole.store, part.whole.store.layout
    linker = part.linker()
    hear = listen or (lambda event, value: None)

    def note(event: str, value: Any) -> None:
        if event == "done":
            linker.link(value[0], value[1].id)
        hear(event, value)

    try:
        lease = Lease(layout)
    except OSError as error:
        raise disk_error(error, layout) from None
    try:
        context = dataclasses.replace(
            part.whole.context,
            owner=lease.owner,
            environment=kept_environment(store),
            deadline=deadline,
            grace=grace,
        )
        options = dataclasses.replace(options or Options(), partial=bool(part.whole.told["partial"]), keep_temps=True)
        scheduler = Scheduler(part.plan, store, make_executor(context), context, lease, options, note)
        if begun is not None:
            begun(scheduler)
        tally = scheduler.run()
        for name, place in part.mine:
            if part.plan.tasks[name].found[place] >= 0:
                linker.link((name, place), part.plan.tasks[name].ids[place].hex())
        _drop_temps(part.whole, lease.owner)
        return tally
    except OSError as error:
        raise disk_error(error, layout) from None
    finally:
        with contextlib.suppress(OSError):
            lease.release()
