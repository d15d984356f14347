"""Verbs that keep a store in order: verify, gc, accept."""

from __future__ import annotations

from typing import Annotated

import typer

from quadrat.cli.common import (
    JsonOption,
    OverridesArgument,
    StoreOption,
    StudyArgument,
    amount,
    answer,
    make_session,
    say,
    table,
)
from quadrat.cli.inspecting import _store
from quadrat.core.words import plural


def verify(
    store: StoreOption = None,
    fast: Annotated[bool, typer.Option("--fast", help="Sizes only, no checksums.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every finished run: nothing missing, truncated or changed. Exit code 1 where something is.

    Examples:
      quadrat verify

      quadrat verify --fast --json
    """
    from rich.progress import track

    from quadrat.store.upkeep import verify as check

    found = _store(store)
    import sys

    checked = 0
    problems = []
    steps = check(found.layout, checksums=not fast)
    for _, problem in track(steps, "checking", disable=not sys.stderr.isatty() or as_json, transient=True):
        checked += 1
        if problem is not None:
            problems.append(problem)
    if as_json:
        answer({"checked": checked, "problems": [vars(problem) for problem in problems]})
    else:
        for problem in problems:
            print(f"{problem.id[:12]}  {problem.path} {problem.what}\n              {problem.advice}")
        bad = f"{plural(len(problems), 'problem')}" if problems else "no problem"
        print(f"{plural(checked, 'run')} checked, {bad}")
    raise typer.Exit(1 if problems else 0)


def gc(
    store: StoreOption = None,
    study: Annotated[
        str | None, typer.Option("--study", metavar="STUDY", help="Also its runs that are not in its present plan.")
    ] = None,
    overrides: OverridesArgument = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete what is shown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what nobody needs any more, and delete it if asked: replaced attempts, leftovers of dead processes.

    Examples:
      quadrat gc

      quadrat gc --yes

      quadrat gc --study mnist_fgsm seed=1,2,3
    """
    from quadrat.store.upkeep import Leftover, leftovers, remove

    found = _store(store)
    gone = list(leftovers(found.layout))
    if study is not None:
        from quadrat.core.content import size

        session = make_session(study, overrides, store=store)
        plan = session.plan()
        wanted = {id.hex() for one in plan.tasks.values() for id in one.ids}
        for record in found.records():
            if record.study == session.study.name and record.id not in wanted:
                folder = found.folder(record)
                gone.append(Leftover(f"run of '{record.task}' that is not in the plan", folder, size(folder)))
    kinds: dict[str, list[Leftover]] = {}
    for one in gone:
        kinds.setdefault(one.kind, []).append(one)
    if as_json:
        answer({"deleted": yes, "leftovers": [{**vars(one), "path": str(one.path)} for one in gone]})
    elif gone:
        rows = [[kind, len(members), amount(sum(one.size for one in members))] for kind, members in kinds.items()]
        table(["what", "count", "size"], rows)
    if yes:
        for one in gone:
            remove(one)
        found.refresh()
    if as_json:
        return
    if not gone:
        print("nothing to delete")
    elif yes:
        print(f"deleted {amount(sum(one.size for one in gone))}")
    else:
        print("nothing was deleted: `--yes` does it")


def accept(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    task: Annotated[str | None, typer.Option("--task", help="This task only.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Declare finished runs as good as new although the code has changed since they ran.

    Examples:
      quadrat accept mnist_fgsm

      quadrat accept mnist_fgsm --task train
    """
    from quadrat.core.errors import unknown

    session = make_session(study, overrides, store=store)
    if task is not None and task not in session.study.tasks:
        raise unknown("task", task, list(session.study.tasks))
    plan = session.plan()
    accepted: dict[str, int] = {}
    for name, one in plan.tasks.items():
        if (task is None or task == name) and one.stale.any():
            rows = one.found[one.stale]
            index = session.store.index
            old = {index.codes[code] for code in index.light["code"][rows].tolist()}
            session.store.accept(name, session.codes[name], old)
            accepted[name] = int(one.stale.sum())
    if as_json:
        answer({"accepted": accepted})
        return
    for name, count in accepted.items():
        print(f"accepted {plural(count, 'run')} of {name}")
    if not accepted:
        say("nothing is outdated")
