"""`quadrat submit`: hand what is not finished to SLURM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quadrat.cli.common import (
    ConfigOption,
    JsonOption,
    OnlyOption,
    OverridesArgument,
    PartialOption,
    RerunOption,
    StoreOption,
    StudyArgument,
    ToOption,
    WhereOption,
    answer,
    make_session,
    say,
)
from quadrat.core.words import plural

if TYPE_CHECKING:
    from quadrat.execution.slurm.ledger import Submission
    from quadrat.session import Session
    from quadrat.submitting import Ask, Prepared


BundleOption = Annotated[
    int | None, typer.Option("--bundle", min=1, metavar="N", help="Runs an element takes, whole chains together.")
]
ParallelOption = Annotated[
    int, typer.Option("--parallel", min=1, metavar="N", help="How many runs of an element go at once.")
]
MostOption = Annotated[
    int, typer.Option("--max-elements", min=1, metavar="N", help="No more elements than this in an array.")
]
ThrottleOption = Annotated[
    int | None, typer.Option("--throttle", min=1, metavar="N", help="No more elements of an array at once (%N).")
]
HoldOption = Annotated[bool, typer.Option("--hold", help="Hand over, but hold: `scontrol release` lets it go.")]
AfterOption = Annotated[
    list[str] | None, typer.Option("--after", metavar="JOBID", help="Wait for a job to end; may be repeated.")
]
CanaryOption = Annotated[bool, typer.Option("--canary", help="One run per task first; go on if they work.")]
PretendOption = Annotated[bool, typer.Option("--pretend", "-n", help="Print the scripts; needs no SLURM.")]


def submit(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    only: OnlyOption = None,
    to: ToOption = None,
    rerun: RerunOption = None,
    bundle: BundleOption = None,
    parallel: ParallelOption = 1,
    most: MostOption = 100,
    throttle: ThrottleOption = None,
    hold: HoldOption = False,
    after: AfterOption = None,
    canary: CanaryOption = False,
    partial: PartialOption = False,
    pretend: PretendOption = False,
    as_json: JsonOption = False,
) -> None:
    """Submit to SLURM what is neither finished nor in its queue, as job arrays of warm workers.

    The plan and the study's code are frozen first: what is edited afterwards changes nothing in what was submitted.
    Account, partition, modules and so on are settings: slurm.partition=gpu here, or `slurm:` in the configuration.

    Examples:
      quadrat submit mnist_fgsm --pretend

      quadrat submit mnist_fgsm dataset=mnist --bundle 6 slurm.partition=gpu

      quadrat submit study.py 'seed=range(0,1000)' --bundle 50 --throttle 20 --canary
    """
    from quadrat.checking import check_plan
    from quadrat.submitting import Ask, hand_over

    session = make_session(
        study, overrides, store=store, config=config, where=where, only=only, to=to, rerun=rerun, partial=partial
    )
    ask = Ask(bundle, parallel, most, throttle, hold, tuple(after or ()), canary, partial)
    if pretend:
        _pretend(session, ask, as_json=as_json)
        return
    plan = session.plan(write_index=session.store.exists)
    check_plan(plan)
    made, submission = hand_over(session, plan, ask, say)
    if as_json:
        answer(_told(made, submission))
    elif submission is None:
        print("nothing to submit" + (f": {plural(made.left, 'run')} are in the queue already" if made.left else ""))
    else:
        _show(session, made, submission, ask)


def _pretend(session: Session, ask: Ask, *, as_json: bool) -> None:
    """Print the scripts, and what would be called; write nothing."""
    from quadrat.submitting import prepare
    from quadrat.submitting.submit import next_folder

    folder = next_folder(session)
    made = prepare(session, session.plan(), ask, folder=folder)
    if as_json:
        answer({**_told(made, None), "scripts": made.scripts})
        return
    for array, script in zip(made.arrays, made.scripts, strict=True):
        waits = "".join(f":$job_{number}" for number in array.after)
        waits = f" --dependency=afterany{waits}" if waits else ""
        print(f"# ── {array.number}.sh: sbatch{waits} {array.number}.sh")
        print(script)
    elements = f"{plural(made.elements, 'element')} of {plural(len(made.arrays), 'array')}"
    say(f"{plural(made.runs, 'run')} in {elements}; nothing was submitted")


def _told(made: Prepared, submission: Submission | None) -> dict[str, Any]:
    arrays = submission.arrays if submission is not None else made.arrays
    return {
        "submission": submission.name if submission is not None else None,
        "plan": submission.plan if submission is not None else None,
        "runs": made.runs,
        "in_queue": made.left,
        "arrays": [
            {
                "script": str(submission.script(one.number)) if submission is not None else None,
                "job": one.job,
                "tasks": list(one.tasks),
                "elements": len(one.shares),
                "after": list(one.after),
            }
            for one in arrays
        ],
    }


def _show(session: Session, made: Prepared, submission: Submission, ask: Ask) -> None:
    print(f"submitted {plural(made.runs, 'run')} as {plural(made.elements, 'element')} (submission {submission.name})")
    for array in submission.arrays:
        runs = plural(sum(made.shares[number].size for number in array.shares), "run")
        jobs = ", ".join(str(submission.arrays[number].job) for number in array.after)
        elements = plural(len(array.shares), "element") + (f", after {jobs}" if jobs else "")
        print(f"  job {array.job}: {runs} of {', '.join(array.tasks)} in {elements}")
    if made.left:
        print(f"{plural(made.left, 'run')} more are in the queue already")
    if ask.hold:
        held = " ".join(str(array.job) for array in submission.arrays if not array.after)
        say(f"held: `scontrol release {held}` lets it go")
    print(f"scripts and logs: {submission.folder}")
    store = session.store.root
    given = "" if store == Path("runs").absolute() else f" --store {store}"
    say(f"see `quadrat status {session.study.name}{given}`, `quadrat wait{given}`, `quadrat cancel{given}`")
