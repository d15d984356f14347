"""Run a plan: make executor and context, schedule, link the views, renew the index."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quadrat.checking import check_tasks, check_upstreams
from quadrat.core.errors import BadInput, unknown
from quadrat.execution.base import Context, Executor
from quadrat.execution.devices import visible_devices
from quadrat.execution.inline import InlineExecutor
from quadrat.execution.linking import Linker
from quadrat.execution.pool import PoolExecutor
from quadrat.execution.scheduler import Options, Scheduler, Tally
from quadrat.execution.tally import Listener
from quadrat.plan.plan import Plan
from quadrat.recording import make_context
from quadrat.session import Session, in_memory, on_interrupt
from quadrat.settings import EXECUTORS
from quadrat.snakefiles.calling import run_on_snakemake
from quadrat.store.commit import disk_error
from quadrat.store.lease import Lease
from quadrat.store.store import Store
from quadrat.store.upkeep import reap
from quadrat.submitting import Ask, run_on_slurm
from quadrat.viewing import named_views

FIRST_SAVE = 20_000
"""Runs of a sweep after which its index is saved for the first time."""

Maker = Callable[[Context, Listener], Executor]
"""Makes an executor, and has it tell lines for the user to a listener."""


@dataclass(frozen=True)
class How:
    """How to run.

    Attributes:
        jobs: workers; None for the setting, else the machine's cores.
        executor: "pool", "inline", "parsl", "slurm" or "snakemake"; None for the setting.
        pdb: open a debugger where a task raises (inline).
        profile: where pilots come from (parsl): a name or a file.
    """

    jobs: int | None = None
    executor: str | None = None
    pdb: bool = False
    options: Options = field(default_factory=Options)
    profile: str | Path | None = None


def run_plan(session: Session, plan: Plan, how: How, listener: Listener | None = None) -> Tally:
    """Run everything that a plan has to do.

    Returns:
        How it went; nothing to do gives an empty tally.

    Raises:
        BadInput: for `--only` with upstreams that are not finished, or a study that workers cannot load.
        StoreError: where the store cannot be written.
    """
    check_upstreams(plan)
    kind = _executor_kind(session, how)
    listen = listener or (lambda event, value: None)
    linker = Linker(plan, session.store, named_views(plan))
    if not any(one.to_run.any() for one in plan.tasks.values() if one.active):
        if session.store.exists:
            _tell_reaped(reap(session.store.layout), listen)
            linker.link_finished()
            listen("views", linker.made)
        return Tally()
    check_tasks(plan)
    if kind in ELSEWHERE:
        return ELSEWHERE[kind](session, plan, how, listen)
    return _run_from_here(session, plan, _maker(session, plan, kind, how), how, listen, linker)


def _run_from_here(session: Session, plan: Plan, make: Maker, how: How, listen: Listener, linker: Linker) -> Tally:
    """Run a plan on an executor that this process feeds."""
    session.store.prepare()
    session.store.refresh()
    layout = session.store.layout
    try:
        lease = Lease(layout)
    except OSError as error:
        raise disk_error(error, layout) from None
    try:
        _tell_reaped(reap(layout, lease.owner), listen)
        context = make_context(session, plan, lease.owner)
        executor = make(context, listen)

        keeper = _Keeper(session.store)

        def hear(event: str, value: Any) -> None:
            if event == "done":
                linker.link(value[0], value[1].id)
                keeper.count()
            listen(event, value)

        scheduler = Scheduler(plan, session.store, executor, context, lease, how.options, hear)
        listen("start", scheduler)
        try:
            with on_interrupt(scheduler.interrupt):
                tally = scheduler.run()
        except BrokenPipeError:
            raise  # whoever read what we print has gone: no fault of the store
        except OSError as error:
            raise disk_error(error, layout) from None
        linker.link_finished()
        listen("views", linker.made)
        return tally
    finally:
        lease.release()
        with contextlib.suppress(OSError):  # a cache; and if the store is gone, that is the error to be told
            session.store.refresh()


@dataclass
class _Keeper:
    """Saves the index of a long sweep now and then, so that who looks at the store meanwhile finds most of it read.

    Each time twice as many runs as the last: what that costs in all is what saving once at the end does.
    """

    store: Store
    done: int = 0
    next: int = FIRST_SAVE

    def count(self) -> None:
        """One more run is done."""
        self.done += 1
        if self.done >= self.next:
            self.next *= 2
            with contextlib.suppress(OSError):
                self.store.refresh()


def _submit(session: Session, plan: Plan, how: How, listen: Listener) -> Tally:
    jobs, partial = how.jobs or session.settings.jobs or Ask.most, how.options.partial
    return run_on_slurm(session, plan, Ask(most=jobs, canary=how.options.canary, partial=partial), listen)


def _make(session: Session, plan: Plan, how: How, listen: Listener) -> Tally:
    if how.options.canary:
        raise BadInput("Snakemake has no canary", hint="run that on another executor first, or leave --canary out")
    jobs, partial = how.jobs or session.settings.jobs or cores(), how.options.partial
    return run_on_snakemake(session, plan, jobs, listen, fail_fast=how.options.fail_fast, partial=partial)


ELSEWHERE = {"slurm": _submit, "snakemake": _make}
"""Executors that take a whole plan, frozen, and run it by processes of their own."""


def _tell_reaped(staged: int, listen: Callable[[str, Any], None]) -> None:
    if staged:
        listen("reaped", staged)


def _check_devices(plan: Plan) -> None:
    """No run may ask for more devices than this machine has."""
    visible = visible_devices()
    for name, one in plan.tasks.items():
        if one.active and one.to_run.any():
            visible.check(name, one.task.resources.gpus)


def _executor_kind(session: Session, how: How) -> str:
    kind = "inline" if how.pdb else how.executor or session.settings.executor
    if kind not in EXECUTORS:
        raise unknown("executor", kind, EXECUTORS)
    if how.profile is not None and kind != "parsl":
        raise BadInput(f"a profile says where pilots come from, and '{kind}' has none", hint="add --on parsl")
    if kind != "inline" and in_memory(session.loaded.ref):
        raise BadInput(
            f"study '{session.study.name}' is defined in this session, where workers cannot load it",
            hint="run it with executor='inline', or put it into a file and open that",
        )
    return kind


def _maker(session: Session, plan: Plan, kind: str, how: How) -> Maker:
    """What makes the executor, once all that can be wrong with it has been checked."""
    if kind == "parsl":
        return _pilots(session, plan, how)
    if kind == "inline":
        return lambda context, listen: InlineExecutor(context, pdb=how.pdb)
    _check_devices(plan)
    jobs = how.jobs or session.settings.jobs or cores()
    return lambda context, listen: PoolExecutor(context, jobs, visible_devices())


def _pilots(session: Session, plan: Plan, how: How) -> Maker:
    from quadrat.execution.pilots import parts
    from quadrat.execution.pilots.executor import PilotExecutor
    from quadrat.profiles import load_profile

    profile = load_profile(how.profile)
    parts.check(profile)
    todo = {name: one for name, one in plan.tasks.items() if one.to_run.any()}
    jobs = how.jobs or session.settings.jobs
    workers = profile.workers or jobs or cores()
    gpus = profile.gpus if profile.gpus is not None else len(visible_devices().names) if profile.is_local else 0
    parts.check_tasks(profile, workers, gpus, {name: one.task.resources for name, one in todo.items()})
    runs = sum(int(one.to_run.sum()) for one in todo.values())

    def make(context: Context, listen: Callable[[str, Any], None]) -> Executor:
        def tell(line: str) -> None:
            listen("notice", line)

        return PilotExecutor(context, profile, workers=workers, gpus=gpus, limit=jobs, runs=runs, tell=tell)

    return make


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
