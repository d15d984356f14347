"""The curves that the runs of a task logged, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.querying.tables import table
from quadrat.results.logged import with_steps
from quadrat.results.table import RUN, Table
from quadrat.session import Session
from quadrat.store.record import Record
from quadrat.store.working import at_work


def logged(
    session: Session,
    task: str,
    names: Sequence[str] = (),
    *,
    all: bool = False,  # noqa: A002
    where: Sequence[str] = (),
) -> Table:
    """The table of a task with a row for each step that a run has logged: finished ones, and those that run now.

    Args:
        session: the study, its store and the request whose plan is meant.
        task: the name of a task.
        names: what was logged (`run.log(step, loss=…)`); everything where it is not said.
        all: every finished run of the store in place of those of the plan.
        where: selections of runs, by parameters and metrics.

    Raises:
        BadInput: for a task or a name that does not exist, or nothing that is finished or runs.
    """
    made = table(session, task, all=all, where=where, also=running(session))
    if not len(made.rows):
        raise BadInput(f"no run of '{task}' is finished, of those that are asked for", hint="run them, or give --all")
    return logged_by(session, made, names)


def running(session: Session) -> dict[str, Path]:
    """The runs that are being made now, by whoever is alive, and the folder of each."""
    if not session.store.exists:
        return {}
    owners = at_work(session.store.layout)
    return {one.id: one.folder for owner in owners if owner.alive for one in owner.making}


def logged_by(session: Session, made: Table, names: Sequence[str] = ()) -> Table:
    """The same for a table that is there already.

    Raises:
        BadInput: for a name that was not logged.
    """
    folders = {id: session.store.folder(one) for id, one in _records(session, made).items()}
    now = {id: folder for id, folder in running(session).items() if id not in folders}
    there = made.rows[RUN].is_in([*folders, *now])  # a run may end, or fail, at this moment
    return with_steps(made.with_rows(made.rows.filter(there)), folders | now, names)


def _records(session: Session, made: Table) -> dict[str, Record]:
    found = {id: session.store.newest(id) for id in made.rows[RUN].unique(maintain_order=True).to_list()}
    return {id: record for id, record in found.items() if record is not None}


def export_curves(session: Session, out: Path, task: str, kind: str) -> int:
    """Write what the runs of a task logged in the form of another tool; again: writes everything anew.

    Args:
        session: the study, its store and the request whose plan is meant.
        out: a folder.
        task: the name of a task.
        kind: "csv", "tensorboard" or "wandb".

    Returns:
        How many runs there were with curves.

    Raises:
        BadInput: for a task that does not exist, nothing that was logged, a package that is not installed, or a folder
            that cannot be written.
    """
    from quadrat.results.curve_files import curves_of, writer_of

    write = writer_of(kind)
    made = table(session, task)
    records = _records(session, made)
    folders = {id: session.store.folder(record) for id, record in records.items()}
    count = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for curve in curves_of(made, folders, {id: record.started for id, record in records.items()}):
            write(curve, out)
            count += 1
    except OSError as error:
        raise BadInput(f"'{out}' cannot be written: {error.strerror}") from None
    if not count:
        raise BadInput(f"no finished run of '{task}' has logged anything", hint="a task logs by run.log(step, loss=…)")
    return count
