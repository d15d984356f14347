"""Pilots of one sweep: asked for while there is work, counted, replaced, given back; in a thread: sites are slow."""

from __future__ import annotations

import contextlib
import logging
import math
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.execution.pilots import blocks, parts
from quadrat.execution.pilots.profile import Profile

FIRST_LOOK_SECONDS = 0.1
LOOK_SECONDS = 1.0
FIRST_POLL_SECONDS = 2.0
POLL_GROWTH = 1.5
STILLBORN = 3
UNANSWERED = 10
STOP_SECONDS = 30.0
# What every shell, template and format string on the way to a node leaves as it is.
PLAIN = re.compile(r"[A-Za-z0-9_./@:+,=-]+")


@dataclass(frozen=True)
class Demand:
    """What the sweep could use.

    Attributes:
        left: runs that are still to be done.
        full: whether more would be handed out, were there more workers.
    """

    left: int = 1
    full: bool = False


class Pilots:
    """Starts pilots, and keeps as many as there is work for.

    Args:
        profile: where they come from.
        home: the sweep's folder in the store for what lasts as long as it does.
        workers: on each node.
        wake: called when something has changed, in the thread of the pilots.

    Attributes:
        demand: what the sweep could use; to be kept up to date.
        trouble: why there will be no pilots, or "".
        ready: whether tasks can be submitted.
        workers, nodes: how many are there.
        expected: workers of one pilot.
        said: lines for the user.
    """

    def __init__(self, profile: Profile, home: Path, workers: int, wake: Callable[[], None]) -> None:
        self.demand = Demand()
        self.trouble = ""
        self.ready = False
        self.workers = 0
        self.nodes = 0
        self.said: list[str] = []
        self._profile = profile
        self._wake = wake
        self._ending = threading.Event()
        self._folder = _folder(profile, home)
        (self._folder / "scripts").mkdir(parents=True)
        self._provider = parts.make_provider(profile, self._folder / "scripts")
        self._htex = parts.make_executor(profile, self._provider, self._folder, workers)
        self.expected = workers * int(self._provider.nodes_per_block)
        self._managers: list[dict[str, Any]] = []
        self._worked = False
        self._poll_at = 0.0
        self._unanswered = 0
        self._interval = FIRST_POLL_SECONDS
        self._log: logging.Handler | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True, name="quadrat-pilots")

    def start(self) -> None:
        """Begin to ask for pilots, where that has not begun; returns at once."""
        if not self._thread.is_alive() and not self._ending.is_set():
            self._log = _log_to(self._folder / "parsl.log")
            self._thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called in a worker, when one is free. From one thread only.

        Raises:
            Exception: what has made Parsl give up.
        """
        future: Future[Any] = self._htex.submit(function, {}, *arguments)
        return future

    def stop(self) -> None:
        """End the pilots and all of Parsl, in bounded time; its logs are kept where the pilots were in trouble."""
        self._ending.set()
        if self._log is not None:
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                self.said.append(f"{self._profile.provider.name} did not answer: its jobs may still be there")
            logger = logging.getLogger("parsl")
            logger.removeHandler(self._log)
            logger.propagate = True
            self._log.close()
            self._log = None
        if not self.trouble:
            shutil.rmtree(self._folder, ignore_errors=True)

    # --- in the thread -------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        try:
            self._htex.start()
            self._ask_for(max(1, min(self._provider.init_blocks, self._useful())))
            self.ready = True
            self._wake()
            while not (self.trouble or self._ending.wait(LOOK_SECONDS if self._worked else FIRST_LOOK_SECONDS)):
                self._look()
        except Exception as error:  # noqa: BLE001  (whatever it is, the sweep must not wait for ever)
            self._give_up(f"{type(error).__name__}: {error}")
        finally:
            self._end()

    def _look(self) -> None:
        """See who is there; ask the site now and then, and when that has changed."""
        if self._htex.bad_state_is_set:
            self._give_up(str(self._htex.executor_exception))
            return
        code = self._htex.interchange_proc.poll()
        if code is not None:
            self._give_up(f"Parsl's interchange ended with exit code {code}")
            return
        self._managers = [one for one in self._htex.connected_managers() if one["active"] and not one["draining"]]
        workers = sum(one["worker_count"] for one in self._managers)
        if workers != self.workers:
            self.workers, self.nodes = workers, len(self._managers)
            self._worked = True
            self._interval = self._poll_at = 0.0
            self._say(f"pilots: {workers} workers on {self.nodes} {'node' if self.nodes == 1 else 'nodes'}")
        if time.monotonic() >= self._poll_at:
            self._poll_at = time.monotonic() + self._next_interval()
            self._ask_site()

    def _ask_site(self) -> None:
        """How the pilots are. One that works does so without an answer, too."""
        try:
            self._htex.poll_facade()
            self._balance(self._htex.status_facade)
            self._unanswered = 0
        except Exception as error:  # whatever a provider raises
            logging.getLogger("parsl").warning("the site does not answer", exc_info=True)
            self._unanswered += 1
            if self._unanswered >= UNANSWERED and not self.workers:
                self._give_up(f"{self._profile.provider.name} does not answer: {type(error).__name__}: {error}")

    def _next_interval(self) -> float:
        """Sites are asked often in the beginning, then as seldom as Parsl thinks fit for them."""
        grown = max(FIRST_POLL_SECONDS, self._interval * POLL_GROWTH)
        self._interval = min(grown, max(FIRST_POLL_SECONDS, self._provider.status_polling_interval))
        return self._interval

    def _balance(self, status: dict[str, Any]) -> None:
        """Ask for pilots that there is work for, give back those that there is none for; or give up."""
        found = blocks.judge(status)
        self._worked = self._worked or found.came
        if not found.alive and found.stillborn >= (STILLBORN if self._worked else 1):
            self._give_up(f"{self._profile.provider.name} started no pilot: {blocks.why(status)}")
            return
        need = self.demand
        useful = self._useful()
        least = max(1, int(self._provider.min_blocks))
        if found.stillborn < STILLBORN and self._worked and need.full and useful > found.alive:
            self._ask_for(useful - found.alive)
        elif found.stillborn < STILLBORN and not found.alive and need.left:
            self._ask_for(1)
        elif found.alive > max(useful, least):
            self._htex.scale_in_facade(found.alive - max(useful, least), max_idletime=0.0)
        elif not need.full and not found.waiting and (idle := min(len(self._idle()), found.alive - least)) > 0:
            self._htex.scale_in_facade(idle, max_idletime=float(self._profile.idle))

    def _useful(self) -> int:
        """How many pilots there is work for."""
        return min(int(self._provider.max_blocks), math.ceil(self.demand.left / self.expected))

    def _idle(self) -> set[str]:
        """The pilots that had nothing to do for long."""
        busy = {one["block_id"] for one in self._managers if one["tasks"] or one["idle_duration"] < self._profile.idle}
        return {one["block_id"] for one in self._managers} - busy

    def _ask_for(self, count: int) -> None:
        started = self._htex.scale_out_facade(count)
        self._interval = self._poll_at = 0.0
        if started:
            jobs = ", ".join(str(self._htex.blocks_to_job_id[block]) for block in started)
            self._say(f"pilots: asked for {count} (job {jobs})")

    def _say(self, line: str) -> None:
        if not self._profile.is_local:
            self.said.append(line)
        self._wake()

    def _give_up(self, why: str) -> None:
        self.trouble = f"{why}\n  Parsl's logs are in {self._folder}"
        self._wake()

    def _end(self) -> None:
        """End the pilots first: as long as the interchange is there, they are not taken for lost."""
        if not self.trouble:
            with contextlib.suppress(Exception):
                self._htex.poll_facade()
        gone = {block for block, one in self._htex.status_facade.items() if one.state.name in blocks.GONE}
        jobs = [job for block, job in self._htex.blocks_to_job_id.items() if block not in gone]
        left = blocks.cancel(self._provider, jobs, self._profile)
        if left:
            self.said.append(f"these jobs could not be cancelled, and may still run: {', '.join(map(str, left))}")
        with contextlib.suppress(Exception):
            self._htex.outgoing_q.zmq_socket.linger = 0  # or its end waits for an interchange that is gone
        with contextlib.suppress(Exception):
            self._htex.shutdown()


def _folder(profile: Profile, home: Path) -> Path:
    """Where scripts, keys and logs go: a path that no shell and no template on the way takes apart.

    Raises:
        BadInput: where the nodes would see no such folder.
    """
    inside = Path(profile.folder).absolute() / home.name if profile.folder else home / "pilots"
    if PLAIN.fullmatch(str(inside)):
        return inside
    if profile.is_local:
        made = Path(tempfile.mkdtemp(prefix="quadrat-pilots-"))
        if PLAIN.fullmatch(str(made)):
            return made
        shutil.rmtree(made)
    raise BadInput(
        f"the scripts of {profile.provider.name} cannot stand in {str(inside)!r}: batch systems take its path apart",
        where=profile.where("folder"),
        hint="write `folder: PATH` into the profile: one that the nodes see too, of letters, digits and _./@:+,=-",
    )


def _log_to(path: Path) -> logging.Handler:
    """Have Parsl's messages in a file, and nowhere else."""
    logger = logging.getLogger("parsl")
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return handler
