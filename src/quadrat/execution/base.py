"""The contract between the scheduler and what runs batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from quadrat.core.loading import StudyRef
from quadrat.store.failures import Failure

Ref = tuple[str, int]
"""A finished run as it is to be read: id and attempt."""


@dataclass(frozen=True)
class Context:
    """What every run of a session has in common; given to workers once.

    Attributes:
        store: the store's folder.
        study: how the study is found again.
        owner: the session's name in the store.
        codes: the fingerprint of each task's code.
        labels: recorded with every run: environment, git, plan.
        command: how to rerun a run alone, with `{id}` in it.
        preload: modules to import before the first run.
    """

    store: str
    study: StudyRef
    owner: str
    codes: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    git: dict[str, Any] = field(default_factory=dict)
    plan: str = ""
    command: str = ""
    preload: tuple[str, ...] = ()
    durable: bool = False


@dataclass(frozen=True)
class Order:
    """One run to do.

    Attributes:
        id, attempt: the name that it will be committed under.
        params: own params by field, as JSON bytes.
        inputs: for each upstream argument a run, a list of runs, or None.
        group: for each gathered argument what its members agree in.
        dropped: for each gathered argument how many members failed.
        previous: the nearest finished shorter run, for a task that extends.
        family: hash of everything but the length, for a task that extends.
    """

    id: str
    attempt: int
    params: bytes
    inputs: tuple[tuple[str, Ref | tuple[Ref, ...] | None], ...]
    group: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    previous: Ref | None = None
    family: str = ""


@dataclass(frozen=True)
class Batch:
    """Runs that are handed to one call."""

    number: int
    task: str
    orders: tuple[Order, ...]
    cpus: int = 1
    gpus: float = 0
    timeout: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How one run went.

    Attributes:
        id: which one.
        digest: the first 64 bits of the result's digest; 0 for a failure.
        attempt: the attempt that is committed now.
        seconds: how long it took.
        elsewhere: another process committed it first.
        failure: what went wrong, or None.
        fatal: the store cannot be written: nothing further is tried.
    """

    id: str
    digest: int = 0
    attempt: int = 0
    seconds: float = 0.0
    elsewhere: bool = False
    failure: Failure | None = None
    fatal: str = ""


@dataclass(frozen=True)
class Finished:
    """A batch that is over: the outcomes of its runs; runs without one went down with their worker.

    Attributes:
        lost: "killed" or "timeout" where the worker died, else "".
        detail: what is known of its end.
        log: the output of the worker, where it died.
    """

    batch: Batch
    outcomes: Sequence[Outcome]
    lost: str = ""
    detail: str = ""
    log: bytes = b""


class Executor(Protocol):
    """Something that runs batches. `submit` never blocks for long; results come from `wait`.

    Attributes:
        slots: how many cpus it has.
        gpus: how many devices it has.
    """

    slots: int
    gpus: int

    def submit(self, batch: Batch) -> None:
        """Take a batch."""

    def wait(self, timeout: float) -> list[Finished]:
        """The batches that ended, waiting at most `timeout` seconds for the first one."""

    def output(self) -> bytes:
        """What running tasks printed since the last call; empty where several print at once."""

    def stop(self, *, kill: bool) -> None:
        """End it: `kill` does not let running batches finish."""
