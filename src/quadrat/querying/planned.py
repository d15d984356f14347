"""The table of a task as the current plan has it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quadrat.plan.plan import Plan, Reason
from quadrat.plan.relation import combine, first_seen
from quadrat.querying.chain import add_metrics, chain_tasks, describe, read_chain
from quadrat.results.columns import spread
from quadrat.results.reading import Runs, mixing_note
from quadrat.results.tidy import Tidy, Upstream
from quadrat.session import Session


def planned(session: Session, task: str, plan: Plan | None = None) -> Tidy:
    """The table of the current plan, unfinished runs and all; of a plan that is there already, where one is given."""
    if plan is None:
        # What a table is of does not depend on what would be run again.
        session = replace(session, request=replace(session.request, only=None, to=task, rerun=("none",)))
        plan = session.plan(write_index=session.store.exists)
    rows, chain = plan.chain_columns(task)
    one = plan.tasks[task]
    labels = [name[2:] for name in rows.columns if name.startswith("l:")]
    run = rows.columns[f"@{task}"]
    kept, _ = first_seen(combine([run, *(rows.columns[f"l:{name}"] for name in labels)], rows.size))
    run = run[kept]
    tidy = Tidy(session.study.name, task, [one.ids[place].hex() for place in run.tolist()])
    for name in labels:
        tidy.label(name, spread(name, plan.builder.labels.table(name), rows.columns[f"l:{name}"][kept])[0])
    for key, codes in chain.items():
        tidy.param(key, plan.builder.domains.table(key), codes[kept])
    describe(tidy, session.names)
    read: dict[str, Runs] = {}
    for name in chain_tasks(session.study, task):
        if f"@{name}" not in rows.columns:
            continue
        above = plan.tasks[name]
        place = rows.columns[f"@{name}"][kept]
        found = np.append(above.found, -1)[place]
        one_read = read_chain(session, name, found)
        upstream = None if name == task else Upstream(place, frozenset(_axes(plan, name)))
        add_metrics(tidy, one_read, upstream)
        read[name] = one_read.runs
    done = (one.found >= 0) & (one.reason != Reason.UPSTREAM)
    tidy.done = done[run]
    if int(np.count_nonzero(one.reason == Reason.UPSTREAM)):
        tidy.notes.append(
            f"runs of '{task}' whose upstreams were made again since are left out: run the study to renew them"
        )
    stale = int(np.count_nonzero(one.stale & done))
    if stale:
        tidy.notes.append(f"the code of '{task}' has changed since {stale:,} of its runs were made")
    note = mixing_note(read, session.store.environment)
    if note:
        tidy.notes.append(note)
    return tidy


def _axes(plan: Plan, task: str) -> set[str]:
    """What the runs of a task depend on: full names of parameters, and labels."""
    rows = plan.tasks[task].made.rows
    return {name[2:] for name in rows.columns if name.startswith("l:")} | set(plan.builder.available(rows))
