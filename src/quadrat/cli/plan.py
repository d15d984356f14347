"""`quadrat plan`: what would run, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from quadrat.cli.common import (
    ConfigOption,
    JsonOption,
    OnlyOption,
    OverridesArgument,
    RerunOption,
    StoreOption,
    StudyArgument,
    ToOption,
    WhereOption,
    amount,
    answer,
    console,
    duration,
    make_session,
)
from quadrat.core.words import plural

if TYPE_CHECKING:
    from quadrat.plan.plan import Plan
    from quadrat.session import Session


def plan(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    only: OnlyOption = None,
    to: ToOption = None,
    rerun: RerunOption = None,
    listing: Annotated[bool, typer.Option("--list", help="Every run, with its id and the reason.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what would run and why. Nothing is written, and nothing that the tasks need is imported.

    Examples:
      quadrat plan mnist_fgsm

      quadrat plan mnist_fgsm seed=1,2,3,4 --list

      quadrat plan study.py 'lr=range(0.1,0.5,0.1)' --json
    """
    session = make_session(study, overrides, store=store, config=config, where=where, only=only, to=to, rerun=rerun)
    made = session.plan()
    if as_json:
        counts = made.counts()
        answer({**counts, "items": list(made.items())} if listing else counts)
        return
    show_plan(session, made)
    if listing:
        show_list(made)


def show_plan(session: Session, plan: Plan) -> None:
    """The tree of counts, with expected files, bytes and time where past runs tell."""
    from rich.tree import Tree

    counts = plan.counts()
    expected = Expected(session, plan)
    tree = Tree(f"[bold]{plan.study.name}[/bold]  {headline(counts)}")
    for row in counts["tasks"]:
        one = plan.tasks[row["task"]]
        reads = ", ".join(
            f"{link.name} ×{len(one.made.groups[link.name].members):,}" if link.many else link.name
            for link in one.task.inputs
        )
        leaf = tree.add(f"[cyan]{row['task']}[/cyan]  {headline(row)}" + (f"  [dim]← {reads}[/dim]" if reads else ""))
        for reason, number in reasons(plan, row["task"]).items():
            leaf.add(f"{number:,} {reason}")
    console().print(tree)
    for line in expected.lines():
        console().print(line)


def headline(counts: dict[str, Any]) -> str:
    """Counts in one line."""
    parts = [plural(counts["runs"], "run")]
    if counts["to_run"]:
        parts.append(f"[yellow]{counts['to_run']:,} to run[/yellow]")
    if counts["finished"]:
        parts.append(f"[green]{counts['finished']:,} finished[/green]")
    if counts["failed"]:
        parts.append(f"[red]{counts['failed']:,} failed before[/red]")
    if counts["outdated"]:
        parts.append(f"[magenta]{counts['outdated']:,} outdated[/magenta]")
    return ", ".join(parts)


def reasons(plan: Plan, task: str) -> dict[str, int]:
    """How many runs of a task must run for which reason."""
    import numpy as np

    from quadrat.plan.plan import Reason

    numbers = np.bincount(plan.tasks[task].reason, minlength=len(Reason))
    return {Reason(place).text: int(number) for place, number in enumerate(numbers) if place and number}


class Expected:
    """What the runs to do are likely to cost: from the finished runs of the same tasks."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self.seconds = 0.0
        self.files = 0
        self.bytes = 0
        self.known = 0
        self.unknown = 0
        for one in plan.tasks.values():
            wanted = int(one.to_run.sum()) if one.active else 0
            if not wanted:
                continue
            rows = self._past(session, plan.study.name, one.task.name)
            self.files += wanted * (1 + len(one.task.artifacts))
            if not rows:
                self.unknown += wanted
                continue
            light = session.store.index.light
            self.known += wanted
            self.seconds += wanted * float(light["seconds"][rows].mean()) * one.task.resources.cpus
            sizes = []
            for row in rows[:20]:
                record = session.store.index.record(row)
                sizes.append(int(light["size"][row]) + sum(art.size for art in record.artifacts.values()))
            self.bytes += int(wanted * sum(sizes) / len(sizes))

    @staticmethod
    def _past(session: Session, study: str, task: str) -> list[int]:
        if not session.store.exists:
            return []
        index = session.store.index
        name = f"{study}/{task}"
        if name not in index.tasks:
            return []
        rows: list[int] = (index.light["task"] == index.tasks.index(name)).nonzero()[0].tolist()
        return rows

    def lines(self) -> list[str]:
        """What to say of it."""
        if not self.files:
            return ["nothing to run"]
        size = f", {amount(self.bytes)}" if self.known else ""
        found = [f"expected: {plural(self.files, 'file')}{size}"]
        if self.known:
            from quadrat.running import cores

            more = f" (and {plural(self.unknown, 'run')} that no past run tells of)" if self.unknown else ""
            seconds = self.seconds / cores()
            shown = duration(seconds) if seconds >= 1 else "under a second"
            found.append(f"estimated: {shown} on {plural(cores(), 'core')}{more}")
        return found


def show_list(plan: Plan) -> None:
    """Every run on a line."""
    for item in plan.items():
        params = " ".join(f"{name}={value}" for name, value in item["params"].items())
        print(f"{item['id'][:12]}  {item['task']:<16} {item['reason']:<24} {params}")
