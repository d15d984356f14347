"""Quadrat from Python: open a study on a store, and look at its runs.

import quadrat as qd

sweep = qd.open("mnist_fgsm", store="runs", seed=[1, 2, 3])
sweep.results("attack", over="seed")     # a Polars frame; .to_pandas() where pandas is wanted
sweep.run("3f2a").load()                 # one run, with its typed params and result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat.config.spelling import override_text
from quadrat.core.errors import BadInput, RunFailed
from quadrat.core.result import Done
from quadrat.session import Request, Session, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from quadrat.core.study import Study
    from quadrat.execution.scheduler import Tally
    from quadrat.plan.plan import Plan
    from quadrat.store.record import Record


def open(  # noqa: A001 - qd.open is what it is called
    study: str | Study,
    overrides: Sequence[str] = (),
    *,
    store: str | Path | None = None,
    config: str | Path | Sequence[str | Path] = (),
    **params: Any,
) -> Opened:
    """Open a study on a store. Nothing of the store is read or written before it is needed.

    Args:
        study: its name, its file or folder, or a study of this process.
        overrides: as on the command line: "seed=1,2,3", "model.depth=4".
        store: the folder; else `$QUADRAT_STORE`, else what the configuration says, else `./runs`.
        config: YAML on top of the study's own configuration.
        params: parameters and settings by name; a list or tuple is an axis: `seed=[1, 2, 3]` is "seed=1,2,3". For a
            value that is a list itself write an axis of it, `layers=[[64, 64]]`.

    Raises:
        BadInput: for a study that does not exist, a value that no override can say, or a configuration that is wrong.
    """
    files = [config] if isinstance(config, str | Path) else list(config)
    texts = [*overrides, *(f"{name}={override_text(value)}" for name, value in params.items())]
    request = Request(overrides=tuple(texts), config_files=tuple(Path(file) for file in files))
    return Opened(open_session(study, store, request))


@dataclass(frozen=True)
class Opened:
    """A study on a store, with what was asked for.

    Attributes:
        session: what the library itself works with.
    """

    session: Session

    def __repr__(self) -> str:
        """Study, store and overrides."""
        asked = "".join(f", {text!r}" for text in self.session.request.overrides)
        return f"<quadrat {self.session.study.name!r} on {str(self.session.store.root)!r}{asked}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: counts, the table of the last task, a figure."""
        from quadrat.querying import as_html

        return as_html(_again(self.session))

    def run(self, id: str) -> StoredRun:
        """A finished run, by its id or the first digits of it.

        Raises:
            StoreError: where no run or more than one begins so.
            RunFailed: for a run that did not finish.
        """
        store = self.session.store
        whole = store.resolve(id)
        record = store.newest(whole)
        if record is None:
            raise RunFailed(f"run {whole[:12]} failed", hint=f"see `quadrat show {whole[:12]} --store {store.root}`")
        return StoredRun(self.session, record)

    def results(
        self,
        task: str,
        over: str | Sequence[str] | None = None,
        *,
        where: str | Sequence[str] = (),
        all: bool = False,  # noqa: A002
        include_invalid: bool = False,
    ) -> pl.DataFrame:
        """The tidy table of a task: `run`, labels, parameters and metrics of the chain, one row per finished run.

        Args:
            task: its name.
            over: average over these parameters: `<metric>_avg`, `_std`, `_ci95`, and `n`.
            where: selections of rows: "seed=1,2", "test_acc>0.9".
            all: every finished run of the store in place of those of the plan.
            include_invalid: average runs too of which a metric (`qd.valid()`) says that they do not count.

        Raises:
            BadInput: for a name that does not exist.
        """
        from quadrat.querying import averaged, table

        made = table(self.session, task, all=all, where=_list(where))
        return averaged(made, _list(over), include_invalid=include_invalid) if over else made.frame

    def curves(
        self,
        task: str,
        *names: str,
        over: str | Sequence[str] | None = None,
        where: str | Sequence[str] = (),
        all: bool = False,  # noqa: A002
    ) -> pl.DataFrame:
        """What runs of a task logged by `run.log`: a row for each run and step, with the run's parameters.

        Finished runs, and those that run now: as far as they are.

        Args:
            task: its name.
            names: what was logged; everything where it is not said.
            over: average over these parameters, at each step.
            where: selections of runs: "seed=1,2".
            all: every finished run of the store in place of those of the plan.

        Raises:
            BadInput: for a name that does not exist.
        """
        from quadrat.querying import averaged, logged

        made = logged(self.session, task, names, all=all, where=_list(where))
        return averaged(made, _list(over)) if over else made.frame

    def sql(self, query: str, *, all: bool = False) -> pl.DataFrame:  # noqa: A002
        """Answer an SQL query in which every task is a table.

        Raises:
            BadInput: for a query that cannot be answered.
        """
        from quadrat.querying import sql

        return sql(self.session, query, all=all)

    def plot(
        self,
        task: str,
        x: str | None,
        y: str,
        hue: str | None = None,
        *,
        facet: str | None = None,
        kind: str = "lines",
        baseline: object = None,
        lowest: bool = False,
        over: str | Sequence[str] | None = None,
        where: str | Sequence[str] = (),
        output: str | Path | None = None,
        include_invalid: bool = False,
    ) -> list[Path]:
        """Draw a metric against a parameter, averaged, with 95 % intervals; see `quadrat.querying.Wanted`.

        Returns:
            The files that were written.

        Raises:
            BadInput: for a name that does not exist, or parameters that vary within a point.
        """
        from quadrat.querying import Wanted, plot

        wanted = Wanted(
            y, x, hue, facet, kind, None if baseline is None else str(baseline), lowest,
            None if over is None else _list(over), include_invalid,
        )  # fmt: skip
        return plot(self.session, task, wanted, where=_list(where), output=None if output is None else Path(output))

    def plan(self) -> Plan:
        """The plan: which runs there are, and why each must run or needs not."""
        return _again(self.session).plan()

    def run_all(
        self,
        *,
        jobs: int | None = None,
        executor: str | None = None,
        profile: str | Path | None = None,
        fail_fast: bool = False,
        partial: bool = False,
        listener: Callable[[str, Any], None] | None = None,
    ) -> Tally:
        """Run what is not finished, as `quadrat run` does. A study of a notebook runs with `executor="inline"`.

        Args:
            jobs: how many workers; the machine's cores where it is not said.
            executor: "pool", "inline" or "parsl".
            profile: where pilots come from, for "parsl": "laptop", "slurm", or a YAML file.
            fail_fast: start nothing more after a failure.
            partial: gathers go on without members that failed.
            listener: told of what happens: (event, value).

        Returns:
            How it went: `.done`, `.failed` (counts by task), `.failures` (each with its cause and log).

        Raises:
            BadInput: for a study that workers cannot load.
            StoreError: where the store cannot be written.
        """
        from quadrat.execution.scheduler import Options
        from quadrat.running import How, run_plan

        session = _again(self.session)
        how = How(jobs, executor, options=Options(fail_fast=fail_fast, partial=partial), profile=profile)
        return run_plan(session, session.plan(), how, listener)

    def status(self) -> dict[str, Any]:
        """How many runs of each task there are, finished, to run, failed and outdated: what `status --json` gives."""
        return self.plan().counts()


@dataclass(frozen=True)
class StoredRun:
    """A finished run in a store."""

    session: Session
    record: Record

    def __repr__(self) -> str:
        """Task and id."""
        return f"<run {self.record.id[:12]} of {self.record.task!r}>"

    @property
    def id(self) -> str:
        """The run id, 32 hexadecimal digits."""
        return self.record.id

    @cached_property
    def path(self) -> Path:
        """The folder with its artifacts. They are read-only."""
        return self.session.store.folder(self.record)

    def load(self) -> Done[Any, Any]:
        """The run as a task that reads it would see it: `.params`, `.result` (files are paths), `.chain`.

        Raises:
            BadInput: where the study has changed so that its present types no longer fit the run.
        """
        from quadrat.execution.reading import done_run

        try:
            return done_run(self.session.study, self.session.names, self.session.store.layout, self.record)
        except ValueError as error:
            raise BadInput(
                f"run {self.id[:12]} does not fit the study's present types: {error}",
                hint="its record is as it was written: .record.params, .record.metrics",
            ) from None


def _list(given: str | Sequence[str] | None) -> list[str]:
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def _again(session: Session) -> Session:
    """The same request without what an earlier look at it keeps: a store changes."""
    return replace(session)
