"""What a report says, as plain values: what was swept, what came out, what it cost, what failed, and where it ran."""

from __future__ import annotations

import re
import shlex
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from quadrat.config.spelling import value_text
from quadrat.core.errors import BadInput
from quadrat.plan.plan import Plan, TaskPlan
from quadrat.querying import averaged, table
from quadrat.querying.causes import causes
from quadrat.querying.logged import logged_by
from quadrat.reporting.gallery import Picture, pictures
from quadrat.reporting.sections import Section, sections
from quadrat.results.curves import seeds_of
from quadrat.results.figures.automatic import Graph, graphs, learning
from quadrat.results.human import Shown, exact, shown
from quadrat.results.table import RUN, Table
from quadrat.session import Session
from quadrat.store.failures import Cause

MOST_ROWS = 5000
"""So many rows of a task's table are in a report."""
_MOST_VALUES = 12
_WORDS = ("true", "false", "null", "nan", "inf")
"""What the grammar of overrides does not read as a text."""


@dataclass(frozen=True)
class Axis:
    """A parameter of a task: what it means, and its values; several where it is swept."""

    name: str
    text: str
    values: list[str]
    more: int = 0


@dataclass(frozen=True)
class Averages:
    """Means over seeds: a table, and for each of its rows the runs behind it."""

    over: str
    shown: Shown
    runs: list[list[str]]


@dataclass
class Part:
    """One task.

    Attributes:
        task, text: its name, and what it says it does.
        counts: runs, finished, to_run, failed, outdated.
        seconds, cpu_seconds, peak_memory: of all finished runs together; bytes of the largest.
        swept: the parameters that vary.
        shown, ids, commands: its table, and for each row the run and the command that makes it.
        averages: the same over seeds.
        graphs: figures of its metrics, and of what its runs logged.
        pictures: images that its runs made and that no section shows.
        notes: what a reader has to know.
    """

    task: str
    text: str
    counts: dict[str, int]
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    swept: list[Axis] = field(default_factory=list)
    shown: Shown | None = None
    ids: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    averages: Averages | None = None
    graphs: list[Graph] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Provenance:
    """Where finished runs were made: counts by host, commit, code of a task, environment; and each environment."""

    hosts: dict[str, int]
    commits: dict[str, int]
    codes: dict[str, dict[str, int]]
    environments: list[tuple[int, dict[str, Any]]]
    first: float
    last: float


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        study, store: what it is of.
        command: that runs the whole sweep.
        written: when, in seconds since 1970.
        counts: runs, finished, to_run, failed, outdated of the whole plan.
        parts: the tasks, upstreams first.
        failures: those of the plan, by cause.
        provenance: where it ran.
        sections: what the study itself tells of its sweep.
    """

    study: str
    store: str
    command: str
    written: float
    counts: dict[str, int]
    parts: list[Part]
    failures: list[Cause]
    provenance: Provenance
    sections: list[Section]


def gather(session: Session) -> Report:
    """Gather what a report says of a request's plan; reads the store and changes nothing.

    Raises:
        BadInput: where nothing is finished yet.
    """
    plan = session.plan(write_index=session.store.exists)
    counts = plan.counts()
    if not counts["finished"]:
        hint = f"run it: quadrat run {session.study.name}"
        raise BadInput(f"no run of '{session.study.name}' is finished, of those that are asked for", hint=hint)
    active = [one for one in plan.tasks.values() if one.active]
    own = sections(session, plan)
    parts = [_part(session, plan, one, own.artifacts.get(one.task.name, set())) for one in active]
    command = shlex.join(["quadrat", "run", _spelled(session), *session.request.words()])
    total = {key: counts[key] for key in ("runs", "finished", "to_run", "failed", "outdated")}
    failed = causes(session.store.layout, active)
    return Report(
        session.study.name, str(session.store.root), command, time.time(), total, parts, failed,
        _provenance(session, active), own.sections,
    )  # fmt: skip


def _spelled(session: Session) -> str:
    ref = session.loaded.ref
    return ref.target.rpartition("/")[2] if ref.kind == "file" else session.study.name


def _part(session: Session, plan: Plan, one: TaskPlan, elsewhere: set[str]) -> Part:
    """What is to be said of one task; artifacts that are shown elsewhere are not among its images."""
    part = Part(one.task.name, (one.task.function.__doc__ or "").strip().partition("\n\n")[0], one.counts())
    records = [orjson.loads(session.store.index.raw(row)) for row in one.found[one.found >= 0].tolist()]
    for raw in records:
        part.seconds += float(raw.get("seconds", 0.0))
        part.cpu_seconds += float(raw.get("cpu_seconds", 0.0))
        part.peak_memory = max(part.peak_memory, int(raw.get("peak_memory", 0)))
    if not records:
        return part
    made = table(session, one.task.name, plan=plan)
    part.notes += made.notes
    part.swept = _swept(made)
    frame = made.frame.unique([RUN], keep="first", maintain_order=True)
    if len(frame) > MOST_ROWS:
        part.notes.append(
            f"the first {MOST_ROWS:,} of {len(frame):,} rows: quadrat results {session.study.name} {part.task}"
        )
        frame = frame.head(MOST_ROWS)
    part.ids = frame[RUN].to_list()
    part.shown = shown(frame, made.axes, choices=made.choices)
    part.commands = _commands(session, made, frame)
    part.averages = _averages(made)
    part.graphs = graphs(made)
    learned, note = learning(made, lambda of: logged_by(session, of))
    part.graphs += learned
    part.notes += [note] if note else []
    part.pictures = pictures(session.store, records, made, elsewhere)
    return part


def _swept(made: Table) -> list[Axis]:
    found = []
    for name in (one for one in made.axes if one not in made.loose):
        values = made.rows[name].unique(maintain_order=True).to_list()
        if len(values) > 1:
            more = max(0, len(values) - _MOST_VALUES)
            text = made.texts.get(name, "").strip().partition("\n\n")[0]
            found.append(Axis(name, text, [exact(value) for value in values[:_MOST_VALUES]], more))
    return found


def _commands(session: Session, made: Table, frame: Any) -> list[str]:
    """For each row the command that makes its run alone, out of the same plan."""
    varying = made.varying()
    start = ["quadrat", "run", _spelled(session), *session.request.words(), "--to", made.task]
    commands = []
    for values in frame.select(varying).iter_rows() if varying else [()] * len(frame):
        pairs = zip(varying, values, strict=True)
        chosen = [f"{made.full.get(name, name)}={_spelled_cell(value)}" for name, value in pairs if value is not None]
        commands.append(shlex.join([*start, *(word for one in chosen for word in ("--where", one))]))
    return commands


def _spelled_cell(value: Any) -> str:
    """A cell in the grammar of overrides; lists are kept as JSON, which it reads."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_][\w./-]*", value) and value.lower() not in _WORDS
        return value if plain or value.startswith("[") else value_text(value)
    return exact(value)


def _averages(made: Table) -> Averages | None:
    """Means over every seed, where there are several."""
    away = [name for name in seeds_of(made, ()) if made.rows[name].n_unique() > 1]
    if not away:
        return None
    means = averaged(made, away)
    keys = [name for name in made.axes if name in means.columns]
    groups: dict[tuple[Any, ...], list[str]] = {}
    for row in made.rows.select(RUN, *keys).unique(maintain_order=True).iter_rows():
        groups.setdefault(row[1:], []).append(row[0])
    runs = [groups.get(row, []) for row in means.select(keys).iter_rows()] if keys else [made.rows[RUN].to_list()]
    return Averages(", ".join(away), shown(means, made.axes, averaged=away, choices=made.choices), runs)


def _provenance(session: Session, active: list[TaskPlan]) -> Provenance:
    hosts: Counter[str] = Counter()
    commits: Counter[str] = Counter()
    environments: Counter[str] = Counter()
    codes: dict[str, Counter[str]] = {}
    starts = []
    for one in active:
        for row in one.found[one.found >= 0].tolist():
            raw = orjson.loads(session.store.index.raw(row))
            hosts[raw.get("host", "")] += 1
            git = raw.get("git") or {}
            if git.get("commit"):
                commits[f"{git['commit'][:12]}{' with uncommitted changes' if git.get('dirty') else ''}"] += 1
            codes.setdefault(one.task.name, Counter())[raw.get("code", "")] += 1
            environments[raw.get("environment", "")] += 1
            starts.append((float(raw.get("started", 0.0)), float(raw.get("seconds", 0.0))))
    kept = [(count, session.store.environment(name)) for name, count in environments.most_common()]
    first, last = min(start for start, _ in starts), max(start + took for start, took in starts)
    return Provenance(dict(hosts), dict(commits), {n: dict(c) for n, c in codes.items()}, kept, first, last)
