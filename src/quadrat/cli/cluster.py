"""`quadrat wait` and `quadrat cancel`: what was submitted, until it is over, or taken back."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quadrat.cli.common import JsonOption, StoreOption, answer, duration, say
from quadrat.core.words import plural

if TYPE_CHECKING:
    from quadrat.store.store import Store
    from quadrat.submitting import Cluster

ASK_SECONDS = (0.2, 10.0)
LINE_SECONDS = 30.0

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SUBMISSION]...", help="Such as 0003; else what is in the queue.", show_default=False),
]


def wait(
    names: NamesArgument = None,
    store: StoreOption = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="Give up after this long (exit code 3).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Wait until what was submitted has left SLURM's queue; then say what is finished and what went wrong.

    The exit code is 0 where everything finished, 1 where something is left or failed, 3 after a time-out.

    Examples:
      quadrat wait

      quadrat wait 0003 --timeout 3600 && quadrat results mnist_fgsm attack
    """
    from quadrat.submitting import open_cluster, stuck

    opened = _store(store)
    began = told = time.monotonic()
    pause = ASK_SECONDS[0]
    while True:
        cluster = open_cluster(opened)
        if not names:  # what is in the queue now, or was there last
            names = [one.name for one in cluster.live or cluster.submissions[-1:]]
        counts = _counts(cluster, names)
        if not counts["pending"] + counts["running"] or (not counts["running"] and stuck(cluster)):
            break
        now = time.monotonic()
        if timeout is not None and now - began > timeout:
            count = counts["pending"] + counts["running"]
            say(f"{plural(count, 'element')} still in the queue after {duration(timeout)}")
            raise typer.Exit(3)
        if now - told > LINE_SECONDS or sys.stderr.isatty():
            told = now
            say(f"{duration(now - began)}: {counts['running']:,} running, {counts['pending']:,} pending")
        time.sleep(min(pause, timeout or pause))
        pause = min(ASK_SECONDS[1], pause * 1.3)  # quick work is seen at once, and SLURM is not asked all day
    report(opened, cluster, names, as_json=as_json)


def report(store: Store, cluster: Cluster, names: list[str] | None, *, as_json: bool = False) -> None:
    """What has become of submissions that are over; ends with the exit code."""
    from quadrat.submitting import outcome

    found = outcome(store, cluster, names)
    if as_json:
        answer(found.told())
    else:
        print(
            f"{found.done:,} of {plural(found.runs, 'run')} finished"
            + (f", {found.failed:,} failed" if found.failed else "")
        )
        for line in found.lines():
            say(line)
    raise typer.Exit(0 if found.done == found.runs else 1)


def cancel(
    names: NamesArgument = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take what was submitted out of SLURM's queue. What is finished stays; the rest can be submitted again.

    Examples:
      quadrat cancel

      quadrat cancel 0003
    """
    from quadrat.execution.slurm import client
    from quadrat.submitting import chosen, open_cluster

    cluster = open_cluster(_store(store))
    jobs = [
        array.job
        for submission in chosen(cluster, names)
        for array in submission.arrays
        if array.job is not None and submission in cluster.live
    ]
    if jobs:
        client.cancel(jobs)
    if as_json:
        answer({"cancelled": jobs})
    else:
        print(
            f"cancelled {plural(len(jobs), 'job')}: {' '.join(map(str, jobs))}" if jobs else "nothing is in the queue"
        )


def _store(path: Path | None) -> Store:
    from quadrat.session import store_path
    from quadrat.store.store import Store

    return Store(store_path(path))


def _counts(cluster: Cluster, names: list[str] | None) -> dict[str, int]:
    from quadrat.submitting import chosen

    found = {"pending": 0, "running": 0}
    for submission in chosen(cluster, names):
        if submission in cluster.live:
            for element in cluster.elements(submission):
                if element.queued is not None:
                    found[element.state] += 1
    return found
