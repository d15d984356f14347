"""`quadrat run`: run what is not finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    duration,
    make_session,
    say,
)
from quadrat.core.words import plural

if TYPE_CHECKING:
    from quadrat.cli.progress import Reporter
    from quadrat.execution.scheduler import Tally
    from quadrat.plan.plan import Plan
    from quadrat.session import Session

ExecutorOption = Annotated[
    str | None, typer.Option("--on", metavar="EXECUTOR", help="pool, inline, parsl, slurm, or snakemake.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME|FILE", help="Where parsl's pilots come from: laptop, slurm, or a file."),
]


def run(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    only: OnlyOption = None,
    to: ToOption = None,
    rerun: RerunOption = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="Workers.", show_default="the machine's cores")
    ] = None,
    executor: ExecutorOption = None,
    profile: ProfileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan; run nothing.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Start nothing more after a failure.")] = False,
    partial: PartialOption = False,
    canary: Annotated[bool, typer.Option("--canary", help="One run per task first; go on if they work.")] = False,
    pdb: Annotated[bool, typer.Option("--pdb", help="Run in this process; debug where a task raises.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run every run of a study that is not finished; a run that is finished is never run again.

    A sweep that was stopped, killed or changed goes on where it was: run the same command again.

    Examples:
      quadrat run mnist_fgsm

      quadrat run mnist_fgsm dataset=mnist seed=1,2,3,4 -j 8

      quadrat run study.py 'lr=range(0.1,0.5,0.1)' --to train --canary

      quadrat run study.py --rerun outdated

      quadrat run study.py --on parsl --profile my-site.yaml
    """
    session = make_session(
        study, overrides, store=store, config=config, where=where, only=only, to=to, rerun=rerun, partial=partial
    )
    plan = session.plan()
    if dry_run:
        from quadrat.cli.plan import show_plan

        if as_json:
            answer(plan.counts())
        else:
            show_plan(session, plan)
        return
    from quadrat.cli.progress import Reporter
    from quadrat.execution.scheduler import Options
    from quadrat.running import How, run_plan

    how = How(jobs, executor, pdb, Options(fail_fast=fail_fast, partial=partial, canary=canary), profile)
    with Reporter(plan, quiet=as_json, plain=pdb) as reporter:
        tally = run_plan(session, plan, how, reporter)
    if as_json:
        answer(session.plan().counts())
    else:
        summary(session, plan, tally, reporter)
    raise typer.Exit(exit_code(plan, tally))


def exit_code(plan: Plan, tally: Tally) -> int:
    """0 for all finished, 1 for a run that failed, 130 for a run that was interrupted."""
    if tally.interrupted:
        return 130
    return 1 if tally.failures or held(plan) or sum(tally.blocked.values()) else 0


def held(plan: Plan) -> int:
    """How many runs failed before and are not tried again."""
    from quadrat.plan.plan import Reason

    return sum(int((one.reason == Reason.HELD).sum()) for one in plan.tasks.values() if one.active)


def summary(session: Session, plan: Plan, tally: Tally, reporter: Reporter) -> None:
    """What was done, what failed and why, and what to do next."""
    from quadrat.cli.failing import show_failures

    done, total = sum(tally.done.values()), sum(tally.total.values())
    counts = plan.counts()
    if not counts["runs"]:
        print("nothing to run: what was asked for has no runs of its own")
    elif not total and held(plan):
        print("nothing to run")
    elif not total:
        finished = "the run is" if counts["runs"] == 1 else f"all {counts['runs']:,} runs are"
        print(f"nothing to run: {finished} finished")
    else:
        by_task = ", ".join(f"{count:,} {name}" for name, count in tally.done.items())
        took = duration(reporter.seconds)
        print(f"{done:,} of {plural(total, 'run')} finished in {took}" + (f" ({by_task})" if by_task else ""))
    if tally.elsewhere:
        print(f"{tally.elsewhere:,} of them by another process on this store")
    if tally.unchanged:
        print(f"{tally.unchanged:,} needed no new run: what they read came out the same")
    blocked = sum(tally.blocked.values())
    show_failures(tally.failures, blocked)
    if held(plan):
        say(f"{plural(held(plan), 'run')} failed before and were not tried again: without `--rerun none` they are")
    if tally.canary_failed:
        say("the canary failed: nothing else was started")
    if tally.interrupted:
        say("interrupted: what is finished is kept; run the same command again to go on")
    print(f"store: {session.store.root}")
    if reporter.views:
        print(f"views in it: {', '.join(reporter.views)}")
    if counts["outdated"]:
        from quadrat.cli.status import outdated_line

        say(outdated_line(counts["outdated"], session.study.name))
