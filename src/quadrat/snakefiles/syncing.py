"""Views as a function of store and plan: there where a run is finished, not there where it is not, never out of order.

Snakemake knows by the modification times of outputs what is done, and what is older than what it reads. So a view is
there if and only if the plan has its run for finished, and no view is older than one that its run reads.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quadrat.plan.plan import Plan, Reason, TaskPlan
from quadrat.store.record import RUN_FILE
from quadrat.store.store import Store
from quadrat.store.views import NamedView, link

Times = NDArray[np.int64]
"""For each run a time in nanoseconds; -1 for none."""


def sync(store: Store, plan: Plan, named: Mapping[str, Sequence[NamedView]]) -> list[str]:
    """Make the views of a plan what they should be.

    Args:
        store: the store, with the index that the plan was made with.
        plan: the plan.
        named: for each task its views.

    Returns:
        Files that were in the way and no mere links: moved aside, under these names.
    """
    newest: dict[str, Times] = {}
    aside: list[str] = []
    for name, one in plan.tasks.items():
        views = named.get(name, ())
        needed = _needed(one, newest)
        newest[name] = np.full(one.size, -1, np.int64)
        for run in range(one.size):
            done = one.reason[run] == Reason.FINISHED
            links = _make(store, one, run, views) if done else []
            if links:
                newest[name][run] = _in_order(links, int(needed[run]))
            if not done:
                aside += _take_away(store, one, run, views)
    return aside


def _needed(one: TaskPlan, newest: Mapping[str, Times]) -> Times:
    """For each run the newest time of what it reads."""
    needed = np.full(one.size, -1, np.int64)
    for argument, place in one.made.upstream.items():
        times = newest[argument]
        if argument in one.made.groups:
            groups = one.made.groups[argument]
            sizes = np.diff(groups.starts)
            most = np.full(len(sizes), -1, np.int64)
            if len(groups.members):
                most[sizes > 0] = np.maximum.reduceat(times[groups.members], groups.starts[:-1][sizes > 0])
            times = most
        needed = np.maximum(needed, np.append(times, -1)[place])
    return needed


def _make(store: Store, one: TaskPlan, run: int, views: Sequence[NamedView]) -> list[Path]:
    """Make the views of a finished run; returns them."""
    made = []
    for source, target, committed in _links(store, one, run, views):
        if target.is_symlink():  # see `soften`
            target.unlink()
        link(source, target, committed, store.layout.links)
        made.append(target)
    return made


def soften(store: Store, one: TaskPlan, run: int, views: Sequence[NamedView]) -> None:
    """Make the views of a finished run symbolic links, until the next `sync`."""
    for source, target, _ in _links(store, one, run, views):
        if not target.is_symlink() and not os.access(target, os.W_OK):
            found = target.stat()
            partial = target.with_name(f".{secrets.token_hex(4)}.link")
            partial.symlink_to(source)
            os.utime(partial, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
            partial.replace(target)


def date(benchmark: Path, view: Path, started: float) -> None:
    """Make a benchmark as new as its run's view: Snakemake takes it for an output. One of an earlier run goes.

    Args:
        benchmark: the file, if there is one.
        view: the run's.
        started: when the run was.
    """
    try:
        found, newest = benchmark.stat(), view.stat().st_mtime_ns
    except FileNotFoundError:
        return
    if found.st_mtime < started:
        benchmark.unlink(missing_ok=True)
    elif found.st_mtime_ns < newest:
        os.utime(benchmark, ns=(found.st_atime_ns, newest))


def _links(store: Store, one: TaskPlan, run: int, views: Sequence[NamedView]) -> Iterator[tuple[Path, Path, float]]:
    """The links of a finished run: from where, to where, and when the run was committed."""
    if not views:
        return
    record = store.index.record(int(one.found[run]))
    folder = store.folder(record)
    for view in views:
        artifact = record.artifacts.get(view.artifact)
        source = folder / (RUN_FILE if not view.artifact else artifact.path if artifact else "")
        if source != folder and source.exists():
            yield source, store.root / view.name(run, record.id), record.started + record.seconds


def _in_order(links: Sequence[Path], needed: int) -> int:
    """See to it that no link is older than what its run reads; returns the time of the newest."""
    newest = -1
    for path in links:
        found = path.lstat()
        time = max(found.st_mtime_ns, path.stat().st_mtime_ns)
        if time < needed:
            with contextlib.suppress(PermissionError):  # another user's run in a shared store
                os.utime(path, ns=(found.st_atime_ns, needed))
                if path.is_symlink():
                    os.utime(path, ns=(found.st_atime_ns, needed), follow_symlinks=False)
                time = needed
        newest = max(newest, time)
    return newest


def _take_away(store: Store, one: TaskPlan, run: int, views: Sequence[NamedView]) -> list[str]:
    """Take away the views of a run that is to be run; what is no mere link is moved aside."""
    aside: list[str] = []
    for view in views:
        path = store.root / view.name(run)
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if _is_new(store, one, run):
            return aside  # another process has finished it since, and made them
        if path.is_symlink() or found.st_nlink > 1:
            path.unlink(missing_ok=True)
        else:  # the last link of a run that is gone, or a file of the user's own
            kept = path.with_name(f"{path.name}.{secrets.token_hex(3)}.aside")
            path.rename(kept)
            aside.append(str(kept))
    return aside


def _is_new(store: Store, one: TaskPlan, run: int) -> bool:
    """Whether a run has been committed since the plan was made."""
    known = int(store.index.light["attempt"][one.found[run]]) if one.found[run] >= 0 else 0
    return store.layout.run(one.ids[run].hex(), known + 1).is_dir()
