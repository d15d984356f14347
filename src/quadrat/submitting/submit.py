"""Cut a plan into shares, write their scripts, and hand them to SLURM as job arrays."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.errors import BadInput, ClusterError, unknown
from quadrat.core.faults import reached
from quadrat.core.resources import parse_duration
from quadrat.core.words import plural
from quadrat.execution.canary import Canary
from quadrat.execution.graph import Graph
from quadrat.execution.slurm import client, ledger
from quadrat.execution.slurm.ledger import Array, Submission
from quadrat.execution.slurm.script import Job, clock, interpreter, memory_mb, render
from quadrat.execution.slurm.site import Site
from quadrat.freezing import freeze_plan, frozen_plan
from quadrat.plan.frozen import Frozen, as_bytes
from quadrat.plan.plan import Plan
from quadrat.plan.shares import Share, cut_into_shares
from quadrat.session import Session
from quadrat.submitting.cluster import Cluster

START_SECONDS = 60.0
"""What an element needs to begin, on top of what its runs declare."""
STOCK_ARRAY_SIZE = 1001
GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Ask:
    """How a plan is to be submitted.

    Attributes:
        bundle: about how many runs an element takes; None leaves it to `most`.
        parallel: how many runs of an element go at once.
        most: elements of an array; throttle: how many of an array run at once.
        hold: hand over, but hold.
        after: jobs that must have ended first.
        canary: one run of each task first.
        partial: gathers go on without members that failed.
    """

    bundle: int | None = None
    parallel: int = 1
    most: int = 100
    throttle: int | None = None
    hold: bool = False
    after: tuple[str, ...] = ()
    canary: bool = False
    partial: bool = False


@dataclass
class Prepared:
    """A submission as it would be.

    Attributes:
        shares: the shares; column: for each task the share of each run.
        arrays: the job arrays; jobs: the same as their scripts say it.
        scripts: the texts of the scripts.
        told: what elements need to know.
        left: runs that other submissions have already.
    """

    shares: list[Share]
    column: dict[str, NDArray[np.int32]]
    arrays: list[Array]
    scripts: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    left: int = 0

    @property
    def runs(self) -> int:
        """How many runs."""
        return sum(share.size for share in self.shares)

    @property
    def elements(self) -> int:
        """How many elements."""
        return sum(len(array.shares) for array in self.arrays)


def prepare(
    session: Session,
    plan: Plan,
    ask: Ask,
    site: Site | None = None,
    cluster: Cluster | None = None,
    folder: Path | None = None,
) -> Prepared:
    """Cut what a plan has to do into job arrays, and write their scripts; nothing is kept or handed over.

    Args:
        session: what the plan was made of.
        plan: the plan.
        ask: how.
        site: what SLURM allows; None where it is not there.
        cluster: the submissions that there are.
        folder: of the submission; None for the one that would be next.

    Raises:
        BadInput: for a template that does not do, or resources that no node has.
    """
    frozen = frozen_plan(session, plan)
    taken = cluster.taken() if cluster is not None else {}
    busy = {
        name: np.fromiter((id in taken for id in as_bytes(one.ids)), bool, len(one.ids)) & one.to_do
        for name, one in frozen.tasks.items()
    }
    limit = _limit(session, site)
    shares = _cut(plan, frozen, ask, busy, None if limit is None else (limit - START_SECONDS) * ask.parallel)
    column = {name: np.full(len(one.ids), -1, np.int32) for name, one in frozen.tasks.items()}
    for number, share in enumerate(shares):
        for name, places in share.runs.items():
            column[name][places] = number
    arrays = _arrays(shares, frozen, busy, taken, site.max_array if site else STOCK_ARRAY_SIZE)
    made = Prepared(shares, column, arrays, left=sum(int(mask.sum()) for mask in busy.values()))
    slurm = session.settings.slurm
    made.told = {
        "parallel": ask.parallel,
        "cpus": [shares[array.shares[0]].resources.cpus for array in arrays],
        "site": {"requeue": slurm.requeue and (site is None or site.requeue)},
        "grace": GRACE_SECONDS if site is None else site.kill_wait,
        "warn_seconds": slurm.warn_seconds,
        "canary": 0 if ask.canary and shares else None,
    }
    folder = folder or next_folder(session)
    values = slurm.model_dump()
    template = Path(slurm.template) if slurm.template else None
    for array in arrays:
        job = _job(session, made, array, ask, limit, folder)
        if site is not None and _is_known(site, slurm.partition):
            check_site(site, session, shares[array.shares[0]], ask, array)
        made.scripts.append(render(job, values, template))
    return made


def next_folder(session: Session) -> Path:
    """The folder of the next submission."""
    layout = session.store.layout
    known = ledger.submissions(layout)
    return layout.submissions / (f"{int(known[-1].name) + 1:04d}" if known else "0001")


def _cut(plan: Plan, frozen: Frozen, ask: Ask, busy: dict[str, NDArray[np.bool_]], limit: float | None) -> list[Share]:
    if not ask.canary:
        return cut_into_shares(frozen, bundle=ask.bundle, most=ask.most, limit=limit, leave=busy)
    canary = Canary(plan, Graph(plan))
    first = {name: np.zeros(len(one.ids), dtype=bool) for name, one in frozen.tasks.items()}
    for name, run in canary.keys:
        first[name][run] = not busy[name][run]
    runs = {name: np.flatnonzero(mask) for name, mask in first.items() if mask.any()}
    needs = [plan.tasks[name].task.resources for name in runs]
    head = (
        Share(
            0,
            dataclasses.replace(
                needs[0],
                cpus=max(one.cpus for one in needs),
                gpus=max(one.gpus for one in needs),
                memory=max(one.memory or 0 for one in needs) or None,
            ),
            runs,
            None,
        )
        if runs
        else None
    )
    rest = cut_into_shares(
        frozen,
        bundle=ask.bundle,
        most=ask.most,
        limit=limit,
        leave={name: first[name] | busy[name] for name in first},
    )
    if head is None:
        return rest
    later = [
        dataclasses.replace(share, stage=share.stage + 1, after=(0, *(place + 1 for place in share.after)))
        for share in rest
    ]
    return [head, *later]


def _arrays(
    shares: list[Share],
    frozen: Frozen,
    busy: dict[str, NDArray[np.bool_]],
    taken: dict[bytes, Any],
    most: int,
) -> list[Array]:
    """Shares of one stage that need the same of a node, as arrays of at most so many elements."""
    alike: dict[Any, list[int]] = {}
    for number, share in enumerate(shares):
        needs = share.resources
        alike.setdefault((share.stage, needs.cpus, needs.gpus, needs.memory), []).append(number)
    arrays: list[Array] = []
    holder: dict[int, int] = {}
    for members in alike.values():
        for start in range(0, len(members), most):
            chosen = tuple(members[start : start + most])
            tasks = tuple(name for name in frozen.tasks if any(name in shares[one].runs for one in chosen))
            after = sorted({holder[above] for one in chosen for above in shares[one].after})
            others = sorted({job for one in chosen for job in _jobs_above(shares[one], frozen, busy, taken)})
            holder |= dict.fromkeys(chosen, len(arrays))
            arrays.append(Array(len(arrays), tasks, chosen, tuple(after), tuple(others)))
    return arrays


def _jobs_above(share: Share, frozen: Frozen, busy: dict[str, NDArray[np.bool_]], taken: dict[bytes, Any]) -> set[int]:
    """The jobs of other submissions that have runs which a share reads."""
    if not any(mask.any() for mask in busy.values()):
        return set()
    part = frozen.cut(share.runs)
    return {
        job
        for one in part.tasks.values()
        for id in as_bytes(one.ids)
        if id in taken and (job := taken[id].submission.arrays[taken[id].number].job) is not None
    }


def _limit(session: Session, site: Site | None) -> float | None:
    """The longest that an element may take, where that is known."""
    if site is None or not _is_known(site, session.settings.slurm.partition):
        return None
    limits = [one.max_time for one in site.choose(session.settings.slurm.partition)]
    return None if None in limits else max(limit for limit in limits if limit is not None)


def _is_known(site: Site | None, partition: str) -> bool:
    """Whether a partition is one of the site's; of one that is not SLURM itself is left to say so."""
    if site is None:
        return False
    names = {one.name for one in site.partitions}
    return site.default is not None if not partition else {one.strip() for one in partition.split(",")} <= names


def _seconds(session: Session, shares: list[Share], parallel: int, limit: float | None) -> float | None:
    """What the elements of an array ask for: their declared walltimes and a start, or what the settings say."""
    times = []
    for share in shares:
        if share.seconds is None:
            given = session.settings.slurm.time
            return None if given is None else parse_duration(given)
        longest = share.resources.walltime or 0.0
        times.append(max(longest, math.ceil(share.size / parallel) / share.size * share.seconds))
    wanted = max(times) + START_SECONDS
    return wanted if limit is None else min(wanted, limit)


def _job(session: Session, made: Prepared, array: Array, ask: Ask, limit: float | None, folder: Path) -> Job:
    shares = [made.shares[number] for number in array.shares]
    needs = shares[0].resources
    runs = sum(share.size for share in shares)
    seconds = _seconds(session, shares, ask.parallel, limit)
    largest = max(share.size for share in shares)
    waits = [f"{number}.sh ({', '.join(made.arrays[number].tasks)})" for number in array.after]
    waits += [f"job {job}" for job in (*array.others, *(() if array.after else ask.after))]
    summary = [f"{plural(runs, 'run')} in {plural(len(shares), 'element')}"]
    summary[0] += ", a warm worker" if len(shares) == 1 else f": each is a warm worker that takes up to {largest}"
    if ask.parallel > 1:
        summary[0] += f", {ask.parallel} at a time"
    if waits:
        summary.append(f"waits for: {', '.join(waits)}")
    tasks = ", ".join(array.tasks)
    submission = Submission(folder)
    return Job(
        title=f"quadrat submit {session.study.name}: {tasks}",
        summary=tuple(summary),
        name=re.sub(r"[^\w.+-]", "_", f"{session.study.name}-{'+'.join(array.tasks)}")[:80],
        comment=submission.comment(array.number),
        number=array.number,
        array=f"0-{len(shares) - 1}" + (f"%{ask.throttle}" if ask.throttle else ""),
        log=f"logs/{array.number}.%a.log",
        cpus=needs.cpus * ask.parallel,
        gpus=devices(needs.gpus, ask.parallel),
        memory_mb=memory_mb(needs.memory, ask.parallel),
        time=None if seconds is None else clock(seconds),
        warn_seconds=session.settings.slurm.warn_seconds,
        folder=str(Path.cwd()),
        submission=str(folder),
        elements=str(submission.elements),
        python=interpreter(session.settings.slurm.model_dump()),
    )


def devices(gpus: float, parallel: int) -> int:
    """How many devices runs that go at once need: shares of one are packed, as far as whole ones fit."""
    return math.ceil(gpus * parallel) if gpus >= 1 or not gpus else math.ceil(parallel / math.floor(1 / gpus))


def check_site(site: Site, session: Session, share: Share, ask: Ask, array: Array) -> None:
    """Make sure that some node has what an array asks for.

    Raises:
        BadInput: where none has.
    """
    needs = share.resources
    site.check(
        task=", ".join(array.tasks),
        cpus=needs.cpus * ask.parallel,
        gpus=devices(needs.gpus, ask.parallel),
        memory=None if needs.memory is None else needs.memory * ask.parallel,
        walltime=needs.walltime,
        partition=session.settings.slurm.partition,
    )


def submit(
    session: Session, plan: Plan, ask: Ask, prepared: Prepared, folder: Path, site: Site | None = None
) -> Submission:
    """Keep a prepared submission and hand it to SLURM; where SLURM refuses a part, nothing of it stays there.

    Raises:
        ClusterError: where SLURM refuses, with its own message and the script's path.
        StoreError: where the store cannot be written.
    """
    store = session.store
    name = freeze_plan(session, plan, partial=ask.partial)
    submission = ledger.begin(
        store.layout, name, session.study.name, list(prepared.arrays), prepared.column, **prepared.told
    )
    if submission.folder != folder:  # somebody else has submitted meanwhile: the scripts name another folder
        raise BadInput("another submission to this store was made this moment", hint="run the same command again")
    for array, text in zip(prepared.arrays, prepared.scripts, strict=True):
        submission.script(array.number).write_text(text)
    try:
        for array in prepared.arrays:
            jobs = [submission.arrays[number].job for number in array.after] + list(array.others)
            given = [] if array.after else [one if ":" in one else f"afterany:{one}" for one in ask.after]
            waits = [*([f"afterany:{':'.join(map(str, jobs))}"] if jobs else []), *given]
            hold = ask.hold and not array.after
            job = client.submit(
                submission.script(array.number),
                dependency=",".join(waits),
                hold=hold,
                extra=[f"--chdir={submission.folder}"],  # what the script says of its log is relative to it
            )
            reached("submit.accepted")
            submission.set_array(dataclasses.replace(array, job=job))
    except ClusterError as error:
        taken = [array.job for array in submission.arrays if array.job is not None]
        if taken:
            client.cancel([str(job) for job in taken])
        for array in list(submission.arrays):
            submission.set_array(dataclasses.replace(array, refused=True))
        names = [one.name for one in site.partitions] if site is not None else []
        wanted = session.settings.slurm.partition
        if wanted and names and not _is_known(site, wanted):
            error.hint = f"nothing was submitted; {unknown('partition', wanted, names).hint}"
        error.hint = error.hint or "nothing was submitted"
        raise
    return submission
