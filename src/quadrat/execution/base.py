"""The contract between the scheduler and what runs batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard

from quadrat.core.loading import StudyRef
from quadrat.store.failures import Failure

Ref = tuple[str, int]
"""A finished run as it is to be read: id and attempt."""

Refs = Ref | tuple[Ref, ...] | None
"""What an upstream argument gets: a run, the runs of a group, or nothing."""


def is_group(refs: Refs) -> TypeGuard[tuple[Ref, ...]]:
    """Whether an upstream argument gets a group of runs."""
    return isinstance(refs, tuple) and (not refs or isinstance(refs[0], tuple))


def is_one(refs: Refs) -> TypeGuard[Ref]:
    """Whether an upstream argument gets one run."""
    return isinstance(refs, tuple) and bool(refs) and isinstance(refs[0], str)


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
        preload: modules that the study names, to import before the first run.
        modules: the study's own modules that its tasks reach: imported at once, so that editing them changes nothing.
        durable: whether a commit also survives a power loss.
        deadline: when the machine will be taken away, in seconds since 1970, or None: runs are told of it.
        grace: seconds that runs get when they are told to hurry.
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
    modules: tuple[str, ...] = ()
    durable: bool = False
    deadline: float | None = None
    grace: float = 30.0


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
        tries: how often it was tried before in this session.
    """

    id: str
    attempt: int
    params: bytes
    inputs: tuple[tuple[str, Refs], ...]
    group: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    previous: Ref | None = None
    family: str = ""
    tries: int = 0

    @property
    def input_ids(self) -> dict[str, Any]:
        """The ids of the upstreams by argument: text, a list of texts for a group, None for none."""
        return {
            name: [id for id, _ in refs] if is_group(refs) else refs[0] if is_one(refs) else None
            for name, refs in self.inputs
        }


@dataclass(frozen=True)
class Batch:
    """Runs that are handed to one call.

    Attributes:
        number: of this batch in the session.
        task: the task's name.
        orders: the runs.
        cpus, gpus: what the call may use.
        timeout: seconds for each run, or None.
        devices: which of the executor's devices are the call's: alone, or with others where it asks for less than one.
    """

    number: int
    task: str
    orders: tuple[Order, ...]
    cpus: int = 1
    gpus: float = 0
    timeout: float | None = None
    devices: tuple[int, ...] = ()


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
        again: what it had staged was taken away, since this process counted as dead meanwhile: to be tried again.
    """

    id: str
    digest: int = 0
    attempt: int = 0
    seconds: float = 0.0
    elsewhere: bool = False
    failure: Failure | None = None
    fatal: str = ""
    again: bool = False


@dataclass(frozen=True)
class Finished:
    """A batch that is over: the outcomes of its runs; runs without one went down with their worker.

    Attributes:
        lost: "killed" or "timeout" where the worker died, "ended" where it was asked to (as all processes of a job are
            when the job is to go), "broken" where none can be started, else "".
        detail: what is known of its end.
        log: the output of the worker, where it died.
    """

    batch: Batch
    outcomes: Sequence[Outcome]
    lost: str = ""
    detail: str = ""
    log: bytes = b""


@dataclass(frozen=True)
class Progress:
    """How far a run is, as it tells: `done` of `total` (None where it does not know) of something."""

    id: str
    task: str
    done: float
    total: float | None = None
    text: str = ""


class Executor(Protocol):
    """Something that runs batches. `submit` never blocks for long; results come from `wait`.

    `quadrat.testing.conformance` has the tests that every executor must pass.

    Attributes:
        slots: how many cpus it has.
        gpus: how many devices it has, for the scheduler to give out by number; 0 where nobody does, or it does itself.
    """

    slots: int
    gpus: int

    def submit(self, batch: Batch) -> None:
        """Take a batch."""

    def wait(self, timeout: float) -> list[Finished]:
        """The batches that ended, waiting at most `timeout` seconds for the first one."""

    def progress(self) -> list[Progress]:
        """How far the running runs are, of those that tell."""

    def output(self) -> bytes:
        """What tasks printed since the last call, whole characters; empty where several print at once."""

    def abort(self) -> None:
        """Asked to stop at once, inside a signal handler: raises KeyboardInterrupt where runs run in this process."""

    def stop(self, *, kill: bool) -> None:
        """End it: `kill` does not let running batches finish."""
