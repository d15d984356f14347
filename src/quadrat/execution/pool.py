"""The pool: warm workers, each with a pipe of its own and one batch at a time.

That way it is always known which worker is at which batch: one that dies, however it dies, or takes too long costs only
its own batch, and its last words are found. (The standard library's pool loses every batch when a worker dies; Pebble's
waits for ever for a worker that ended with code 0 and gives up when an idle one dies.)

A worker belongs to one place for life: some devices, all of each or a share, or none. Where the workers that there may
be are at other places, an idle one makes way for a new one.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from quadrat.execution.base import Batch, Context, Finished, Outcome, Progress
from quadrat.execution.capture import whole_characters
from quadrat.execution.devices import WHOLE, Visible, part
from quadrat.execution.warm import Answer, Ready, fork_server, live_log, serve
from quadrat.store import progress
from quadrat.store.layout import Layout

STILLBORN = 3
JOIN_SECONDS = 5.0
SERVER_GONE = 255
"""The exit code of a worker whose end nobody has seen, since the fork server is gone as well."""

Place = tuple[tuple[int, ...], int]
"""The devices of a worker, and how much of each its batches take."""


@dataclass(eq=False)
class _Member:
    """A worker process as the pool sees it."""

    process: BaseProcess
    pipe: Connection
    log: Path
    place: Place
    ready: bool = False
    batch: Batch | None = None
    began: float = 0.0
    shown: int = field(default=0)
    progress: Progress | None = None
    gone: bool = False

    @property
    def idle(self) -> bool:
        """Whether it waits for a batch."""
        return self.ready and self.batch is None and not self.gone


class PoolExecutor:
    """Runs batches in up to `jobs` warm worker processes.

    Args:
        context: what all runs have in common.
        jobs: how many workers.
        visible: the devices that batches are given some of.
        server: what starts workers; a server of their own, that has loaded the study, where it is not said.
    """

    def __init__(
        self, context: Context, jobs: int, visible: Visible | None = None, server: BaseContext | None = None
    ) -> None:
        self._visible = visible or Visible()
        self.slots = jobs
        self.gpus = len(self._visible.names)
        self._context = context
        self._server = server or fork_server(context)
        self._selector = selectors.DefaultSelector()
        self._members: list[_Member] = []
        self._backlog: deque[Batch] = deque()
        self._ended: list[Finished] = []
        self._said = b""
        self._stillborn = 0

    def submit(self, batch: Batch) -> None:
        """Give a batch to a free worker, or to the first that will be."""
        self._backlog.append(batch)
        self._dispatch()

    def wait(self, timeout: float) -> list[Finished]:
        """The batches that ended."""
        if not self._ended:
            self._dispatch(all_here=True)
            self._listen(self._patience(timeout))
            self._stop_late_ones()
            self._dispatch()
        ended, self._ended = self._ended, []
        return ended

    def progress(self) -> list[Progress]:
        """How far the running runs are, of those that tell."""
        return [member.progress for member in self._members if member.progress is not None]

    def output(self) -> bytes:
        """What the only worker printed since the last call; nothing where there are several."""
        if self.slots != 1:
            return b""
        said, self._said = self._said, b""
        return said + b"".join(self._heard(member) for member in self._members if member.batch)

    def hurry(self) -> None:
        """Tell the running runs that they will be stopped soon."""
        for member in self._members:
            if member.batch is not None and member.process.pid is not None:
                with contextlib.suppress(OSError):
                    os.kill(member.process.pid, signal.SIGUSR1)

    def abort(self) -> None:
        """Nothing to do in this process: the scheduler stops the workers."""

    def stop(self, *, kill: bool) -> None:
        """End the workers."""
        self._end(list(self._members), kill=kill)
        self._selector.close()
        self._backlog.clear()
        with contextlib.suppress(OSError):
            Layout(Path(self._context.store)).live_logs(self._context.owner).rmdir()

    # --- workers -------------------------------------------------------------------------------------------------

    def _dispatch(self, *, all_here: bool = False) -> None:
        """Give waiting batches, first come first served, to idle workers of their places; start workers for the rest.

        Args:
            all_here: the scheduler has handed over all that it has now. An idle worker that no batch wants may go then;
                before, its next batch may be on the way.
        """
        if not self._backlog:
            return
        idle = [member for member in self._members if member.batch is None and member.ready]
        passed: list[Batch] = []
        while idle and self._backlog:
            batch = self._backlog.popleft()
            place = _place(batch)
            member = next((one for one in idle if one.place == place), None)
            if member is not None:
                idle.remove(member)
                if not self._give(member, batch):
                    self._backlog.appendleft(batch)
            else:
                passed.append(batch)
                if len(self._members) >= self.slots and all(one.place != place for one in self._members):
                    self._replace(idle, place)  # or it would wait for as long as others keep the workers busy
            if place[0]:
                idle = [one for one in idle if one.idle]
        self._backlog.extendleft(reversed(passed))
        if self._backlog and (len(self._members) < self.slots or (idle and all_here)):
            self._hire(idle if all_here else [])

    def _hire(self, idle: list[_Member]) -> None:
        """Start workers for waiting batches, as far as there may be, then in place of idle ones that none waits for."""
        starting = Counter(member.place for member in self._members if not member.ready)
        for batch in self._backlog:
            place = _place(batch)
            if starting[place]:
                starting[place] -= 1
            elif len(self._members) < self.slots:
                self._start(place)
            elif idle:
                self._replace(idle, place)
            else:
                return

    def _give(self, member: _Member, batch: Batch) -> bool:
        """Hand a batch to an idle worker; False where that has died meanwhile: `_listen` sees that."""
        if member.place[0]:
            self._clear(member)
        try:
            member.pipe.send(batch)
        except OSError:
            return False
        member.batch, member.began, member.shown = batch, time.monotonic(), 0
        return True

    def _clear(self, ours: _Member) -> None:
        """End idle workers whose devices a batch is about to use: they keep what they have allocated there."""
        devices, share = ours.place
        for device in devices:
            others = [one for one in self._members if one is not ours and one.ready and device in one.place[0]]
            taken = share + sum(one.place[1] for one in others)
            for other in others:
                if taken > WHOLE and other.idle:
                    self._end([other])
                    taken -= other.place[1]

    def _replace(self, idle: list[_Member], place: Place) -> None:
        """End one of some idle workers, one that no batch waits for if there is such, and start one elsewhere."""
        wanted = {_place(batch) for batch in self._backlog}
        old = next((member for member in idle if member.place not in wanted), idle[-1])
        idle.remove(old)
        self._end([old])
        self._start(place)

    def _start(self, place: Place) -> None:
        ours, theirs = self._server.Pipe()
        environment = self._visible.environment(place[0])
        arguments = (theirs, self._context, environment)
        process = self._server.Process(target=serve, args=arguments, name="quadrat-worker")  # type: ignore[attr-defined]  # every context has one
        process.start()
        theirs.close()
        member = _Member(process, ours, live_log(self._context, process.pid or 0), place)
        self._members.append(member)
        self._selector.register(ours, selectors.EVENT_READ, member)
        self._selector.register(process.sentinel, selectors.EVENT_READ, member)

    def _end(self, members: list[_Member], *, kill: bool = False) -> None:
        """End workers: those that wait for a batch by themselves."""
        for member in members:
            if kill or not member.ready:
                member.process.kill()
            else:
                with contextlib.suppress(OSError):
                    member.pipe.send(None)
        for member in members:
            member.process.join(JOIN_SECONDS)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            self._remove(member)

    def _remove(self, member: _Member) -> None:
        if member.gone:
            return
        member.gone = True
        self._members.remove(member)
        self._selector.unregister(member.pipe)
        self._selector.unregister(member.process.sentinel)
        member.pipe.close()
        with contextlib.suppress(OSError):
            member.log.unlink(missing_ok=True)
        progress.forget(progress.path_of(member.log))

    # --- what they say -------------------------------------------------------------------------------------------

    def _patience(self, timeout: float) -> float:
        """How long to wait: until the first time-out of a batch at most."""
        ends = [member.began + self._limit(member.batch) for member in self._members if member.batch]
        return max(0.0, min([timeout, *(end - time.monotonic() for end in ends)]))

    @staticmethod
    def _limit(batch: Batch) -> float:
        return batch.timeout * len(batch.orders) if batch.timeout else float("inf")

    def _listen(self, timeout: float) -> None:
        """Take what the workers say within some time, and notice the ones that are gone."""
        for key, _ in self._selector.select(timeout):
            member: _Member = key.data
            if member.gone:
                continue  # gone a moment ago, by the other of its two signs
            if not self._take(member) or key.fileobj is not member.pipe:
                self._bury(member)

    def _take(self, member: _Member) -> bool:
        """Take a worker's answers; False where there will be no more."""
        try:
            while member.pipe.poll():
                self._answer(member, member.pipe.recv())
        except (EOFError, OSError):
            return False
        return True

    def _answer(self, member: _Member, answer: Answer) -> None:
        if isinstance(answer, Ready):
            if answer.error:
                self._give_up(answer.error)
            member.ready = not answer.error
            self._stillborn = 0
        elif isinstance(answer, Progress):
            member.progress = answer
        elif member.batch is not None:
            if self.slots == 1:
                self._said += self._heard(member, whole=True)
            self._finish(member, answer)
            self._dispatch()

    def _finish(self, member: _Member, outcomes: list[Outcome], lost: str = "", detail: str = "") -> None:
        if member.batch is None:
            return
        log = b""
        if lost:
            with contextlib.suppress(OSError):
                log = member.log.read_bytes()
        self._ended.append(Finished(member.batch, outcomes, lost, detail, log))
        member.batch = member.progress = None

    def _bury(self, member: _Member) -> None:
        """A worker is gone: with it its batch."""
        self._take(member)
        if member.gone:
            return  # its last answer made it idle, and it had to make way
        member.process.join()
        how = _how_it_ended(member.process.exitcode)
        if member.batch is not None:
            if self.slots == 1:
                self._said += self._heard(member, whole=True)
            asked = member.process.exitcode in (-signal.SIGTERM, SERVER_GONE)
            self._finish(member, [], "ended" if asked else "killed", how)
        elif not member.ready:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                self._give_up(f"{how} while it started, {STILLBORN} times in a row")
        self._remove(member)

    def _stop_late_ones(self) -> None:
        now = time.monotonic()
        for member in list(self._members):
            batch = member.batch
            if batch is not None and now - member.began > self._limit(batch):
                member.process.kill()
                member.process.join()
                self._take(member)  # it may have made it in the last moment
                self._finish(member, [], "timeout", f"took longer than {batch.timeout:g} s")
                self._remove(member)

    def _give_up(self, why: str) -> None:
        """No worker can be started: everything that waits for one is told so."""
        self._ended += [Finished(batch, [], "broken", why) for batch in self._backlog]
        self._backlog.clear()

    def _heard(self, member: _Member, *, whole: bool = False) -> bytes:
        """What a worker's batch has printed since this was last asked; `whole` up to the last byte."""
        try:
            with member.log.open("rb") as file:
                file.seek(member.shown)
                data = file.read()
        except OSError:
            return b""
        data = data if whole else data[: whole_characters(data)]
        member.shown += len(data)
        return data


def _place(batch: Batch) -> Place:
    return batch.devices, part(batch.gpus) if batch.devices else 0


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = {"SIGKILL": " (out of memory, or killed by hand)", "SIGSEGV": " (a crash in compiled code)"}
        return f"the worker was killed by {name}{hint.get(name, '')}"
    return f"the worker ended with exit code {code}"
