"""Run a plan: make executor and context, schedule, link the views, renew the index."""

from __future__ import annotations

import contextlib
import inspect
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput, unknown
from quadrat.core.fingerprint import own_modules
from quadrat.execution.base import Context, Executor
from quadrat.execution.inline import InlineExecutor
from quadrat.execution.pool import PoolExecutor
from quadrat.execution.provenance import environment, git_state
from quadrat.execution.scheduler import Options, Scheduler, Tally
from quadrat.plan.plan import Plan, Reason
from quadrat.session import Session, in_memory, on_interrupt
from quadrat.settings import EXECUTORS
from quadrat.store.commit import disk_error
from quadrat.store.lease import Lease
from quadrat.store.upkeep import Leftover, dead_leftovers, remove
from quadrat.viewing import Linker


@dataclass(frozen=True)
class How:
    """How to run.

    Attributes:
        jobs: workers; None for the setting, else the machine's cores.
        executor: "pool" or "inline"; None for the setting.
        pdb: open a debugger where a task raises (inline).
    """

    jobs: int | None = None
    executor: str | None = None
    pdb: bool = False
    options: Options = field(default_factory=Options)


def run_plan(session: Session, plan: Plan, how: How, listener: Callable[[str, Any], None] | None = None) -> Tally:
    """Run everything that a plan has to do.

    Returns:
        How it went; nothing to do gives an empty tally.

    Raises:
        BadInput: for `--only` with upstreams that are not finished, or a study that workers cannot load.
        StoreError: where the store cannot be written.
    """
    _check_upstreams(plan)
    kind = _executor_kind(session, how)
    listen = listener or (lambda event, value: None)
    linker = Linker(session, plan)
    linker.check()
    if not any(one.to_run.any() for one in plan.tasks.values() if one.active):
        if session.store.exists:
            _reap(session, listen)
            linker.link_finished()
            listen("views", linker.made)
        return Tally()
    _check_tasks(plan)
    session.store.prepare()
    session.store.refresh()
    layout = session.store.layout
    try:
        lease = Lease(layout)
    except OSError as error:
        raise disk_error(error, layout) from None
    try:
        _reap(session, listen, own=lease.owner)
        context = _context(session, plan, lease)
        executor = _executor(session, kind, how, context)

        def hear(event: str, value: Any) -> None:
            if event == "done":
                linker.link(value[0], value[1].id)
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


def _check_upstreams(plan: Plan) -> None:
    """With `--only` the upstreams must be there."""
    for name, one in plan.tasks.items():
        if one.active:
            continue
        needed = one.reason != Reason.FINISHED
        if needed.any():
            count = int(needed.sum())
            wanted = [other for other, below in plan.tasks.items() if below.active]
            raise BadInput(
                f"{count} of {one.size} runs of '{name}' are not finished, and {', '.join(wanted)} needs them",
                hint=f"run them first: --to {wanted[0]} in place of --only {wanted[0]}",
            )


def _check_tasks(plan: Plan) -> None:
    """Make the checks that tasks declare, of every point that is to be run."""
    for one in plan.tasks.values():
        check = one.task.check
        if check is None or not one.active:
            continue
        for point in sorted(set(one.made.point[one.to_run].tolist())):
            arguments = one.task.arguments(one.made.points[point])
            wanted = inspect.signature(check).parameters
            check(**{name: value for name, value in arguments.items() if name in wanted})


def _reap(session: Session, listen: Callable[[str, Any], None], own: str = "") -> None:
    """Take away what dead processes left in staging, and say so."""
    layout = session.store.layout
    gone: list[Leftover] = []
    with contextlib.suppress(OSError):  # a store that can only be read, or a copy without its empty folders
        others = {name for name in os.listdir(layout.leases) if not name.startswith(".")} - {"dead", own}
        if others or os.listdir(layout.dead_leases):
            gone += dead_leftovers(layout)
        for leftover in gone:
            remove(leftover)
    staged = sum(leftover.kind.startswith("staging") for leftover in gone)
    if staged:
        listen("reaped", staged)


def _context(session: Session, plan: Plan, lease: Lease) -> Context:
    store = session.store
    request = session.request
    kept = store.keep_plan(
        {
            "study": session.study.name,
            "kind": session.loaded.ref.kind,
            "source": session.loaded.ref.target,
            "overrides": list(request.overrides),
            "config_files": [str(path) for path in request.config_files],
            "only": request.only,
            "to": request.to,
            "where": list(request.where),
            "settings": {name: repr(value) for name, value in session.expansion.request.settings.items()},
            "sweep": repr(session.expansion.request.sweep),
            "values": {name: repr(value) for name, value in session.expansion.request.base.items()},
            "codes": session.codes,
        }
    )
    return Context(
        store=str(store.root),
        study=session.loaded.ref,
        owner=lease.owner,
        codes=session.codes,
        environment=store.keep_environment(environment()),
        git=git_state(session.study.file),
        plan=kept,
        command=rerun_command(session),
        preload=session.study.preload,
        modules=tuple(own_modules(session.study, (one.task for one in plan.tasks.values() if one.to_run.any()))),
        durable=session.settings.durable,
    )


def rerun_command(session: Session) -> str:
    """How to run one run alone, with `{id}` in it."""
    store = session.store.root
    given = "" if store == Path("runs").absolute() else f" --store {shlex.quote(str(store))}"
    return (
        f"quadrat debug {{id}}{given}".replace("{id}", "\0").replace("{", "{{").replace("}", "}}").replace("\0", "{id}")
    )


def _executor_kind(session: Session, how: How) -> str:
    kind = "inline" if how.pdb else how.executor or session.settings.executor
    if kind not in EXECUTORS:
        raise unknown("executor", kind, EXECUTORS)
    if kind != "inline" and in_memory(session.loaded.ref):
        raise BadInput(
            f"study '{session.study.name}' is defined in this session, where workers cannot load it",
            hint="run it with executor='inline', or put it into a file and open that",
        )
    return kind


def _executor(session: Session, kind: str, how: How, context: Context) -> Executor:
    if kind == "inline":
        return InlineExecutor(context, pdb=how.pdb)
    return PoolExecutor(context, how.jobs or session.settings.jobs or cores(), gpus=_devices())


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _devices() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip()])
    return (
        len([one for one in os.listdir("/dev") if one.startswith("nvidia") and one[6:].isdecimal()])
        if sys.platform == "linux"
        else 0
    )
