"""What Snakemake's main process does when it reads the Snakefile: plan the sweep, freeze it, set the views right."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quadrat.checking import check_tasks
from quadrat.core.loading import find_study, heavy_line
from quadrat.core.names import Names
from quadrat.execution.graph import Graph
from quadrat.freezing import freeze_plan
from quadrat.plan.plan import Plan, Reason, TaskPlan
from quadrat.session import Request, Session
from quadrat.snakefiles.naming import RuleSet, output_names
from quadrat.snakefiles.overriding import as_overrides, literal
from quadrat.snakefiles.sheet import Reads, RuleSheet, Sheet
from quadrat.snakefiles.syncing import date, soften, sync
from quadrat.snakefiles.targets import file_targets
from quadrat.space.settings import settings_model
from quadrat.store.store import Store
from quadrat.store.views import NamedView

LOCKS = Path(".snakemake/locks")


@dataclass(frozen=True)
class Asked:
    """What a Snakefile and the command line ask for.

    Attributes:
        study: a name, or a path from the Snakefile's folder.
        store: the store's folder.
        folder: the Snakefile's.
        overrides, config_files: of the Snakefile, before those of the command line.
        config, configfiles: what stands after `--config` and `--configfile`.
        arguments: the whole command line; a study that plans by the names of files finds them in it.
    """

    study: str
    store: str
    folder: Path
    overrides: Sequence[str] = ()
    config_files: Sequence[str] = ()
    config: Sequence[str] = ()
    configfiles: Sequence[Path] = ()
    arguments: Sequence[str] = ()


@dataclass(frozen=True)
class Planned:
    """A sweep that has been planned and frozen.

    Attributes:
        session, plan: the request, planned.
        named: for each task its views.
        sheet: what jobs know of it.
        alone: whether no other Snakemake is at work in this folder.
    """

    session: Session
    plan: Plan
    named: Mapping[str, Sequence[NamedView]]
    sheet: Sheet
    alone: bool

    def check(self, rules: Mapping[str, Sequence[int]]) -> None:
        """Make the checks that tasks declare, of some runs.

        Raises:
            BadInput: where one of them does.
        """
        wanted = {self.sheet.rules[rule].task: places for rule, places in rules.items()}
        check_tasks(self.plan, wanted)

    def date(self, rule: str, run: int, benchmark: Path) -> None:
        """See to it that the benchmark of a finished run is not older than what the run reads."""
        sheet = self.sheet.rules[rule]
        one = self.plan.tasks[sheet.task]
        if self.alone and one.reason[run] == Reason.FINISHED:
            store = self.session.store
            date(benchmark, store.root / sheet.names[0][run], store.index.record(int(one.found[run])).started)

    def soften(self, rule: str, run: int) -> None:
        """Let Snakemake replace the views of a finished run: artifacts are read-only, which it takes for protected."""
        one = self.plan.tasks[self.sheet.rules[rule].task]
        if self.alone and one.reason[run] == Reason.FINISHED:
            soften(self.session.store, one, run, self.named[one.task.name])


def plan_sweep(asked: Asked) -> Planned:
    """Plan and freeze a sweep, and make its views what they should be.

    Raises:
        BadInput: for whatever is wrong with the request.
        StoreError: where the store cannot be written.
    """
    with contextlib.redirect_stdout(sys.stderr):  # standard output is Snakemake's: `snakemake --dag | dot`
        session = open_sweep(asked)
        plan = session.plan(write_index=True)
        rules = RuleSet(session.study)
        named = rules.views(plan)
        sheet = freeze_sweep(session, plan, rules, named)
        alone = not is_locked()
        if alone:
            tidy(session, plan, named, sheet)
    return Planned(session, plan, named, sheet, alone)


def open_sweep(asked: Asked) -> Session:
    """The session of what is asked for."""
    loaded = find_study(str(asked.folder / asked.study) if asked.study.endswith(".py") else asked.study)
    if line := heavy_line(loaded.study, loaded.heavy):
        sys.stderr.write(f"note: {line}, which slows planning down: import it inside the tasks\n")
    names = Names(loaded.study)
    model = settings_model(loaded.study)
    settings = model.model_fields if model else {}
    given = as_overrides(asked.config, lambda name: name not in settings and bool(names.lookup(name)))
    if loaded.study.targets_as:
        prefix = "" if asked.store == "." else f"{asked.store}/"
        targets = [target.removeprefix(prefix) for target in file_targets(asked.arguments)]
        given += [f"{loaded.study.targets_as}={literal(targets)}"] if targets else []
    files = [asked.folder / file for file in asked.config_files]
    request = Request((*asked.overrides, *given), (*files, *asked.configfiles))
    session = Session(loaded, Store(asked.store), request)
    said = session.settings.store_folder
    if said is not None and said.absolute() != session.store.root:
        sys.stderr.write(f"note: this Snakefile keeps runs in '{asked.store}', the configuration says '{said}'\n")
    return session


def freeze_sweep(
    session: Session,
    plan: Plan,
    rules: RuleSet,
    named: Mapping[str, Sequence[NamedView]],
    *,
    partial: bool = False,
) -> Sheet:
    """Freeze a plan, and write down beside it what jobs need to know of it."""
    made = {}
    for rule in rules.rules:
        if rule.task.name in plan.tasks:
            one = plan.tasks[rule.task.name]
            made[rule.name] = _rule_sheet(plan, one, rules, output_names(rule, named[rule.task.name], one.size))
    name = freeze_plan(session, plan, views={task: list(views) for task, views in named.items()}, partial=partial)
    targets = {target: [one.name for one in those if one.name in made] for target, those in rules.targets.items()}
    sheet = Sheet(session.store.layout.frozen(name), made, targets)
    sheet.save()
    return sheet


def _rule_sheet(plan: Plan, one: TaskPlan, rules: RuleSet, names: list[list[str]]) -> RuleSheet:
    by_task = {rule.task.name: rule for rule in rules.rules}
    reads = {}
    for link in one.task.inputs:
        groups = None
        if link.many:
            found = one.made.groups[link.name]
            groups = [found.of(group).tolist() for group in range(len(found.ids))]
        reads[link.name] = Reads(by_task[link.name].name, one.made.upstream[link.name].tolist(), groups)
    patterns = [output.pattern for output in by_task[one.task.name].outputs]
    held = np.flatnonzero(plan.builder.dead[one.task.name]).tolist()
    return RuleSheet(one.task.name, patterns, names, reads, held, _shorter(plan, one))


def _shorter(plan: Plan, one: TaskPlan) -> list[int]:
    """For each run the next shorter one of its family that is to be run, and has not failed before."""
    if one.task.extends is None:
        return []
    shorter = np.full(one.size, -1, np.int64)
    for (task, run), (_, before) in Graph(plan).shorter.items():
        if task == one.task.name and one.reason[before] != Reason.FAILED:
            shorter[run] = before
    return [int(run) for run in shorter]


def is_locked() -> bool:
    """Whether another Snakemake is at work in this folder, or was killed there."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def tidy(session: Session, plan: Plan, named: Mapping[str, Sequence[NamedView]], sheet: Sheet) -> None:
    """Set the views right, and take away what an earlier Snakemake has noted of its chunks."""
    aside = sync(session.store, plan, named)
    if aside:
        sys.stderr.write(f"note: moved what is no link to a run aside: {aside[0]} ({len(aside)} in all)\n")
    for note in [*sheet.folder.glob("*.done"), *sheet.folder.glob("*.tried")]:
        note.unlink(missing_ok=True)
