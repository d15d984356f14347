"""What runs in a pilot's worker: a pool of one warm process, which does the work.

So a run that kills its process, hangs in compiled code or prints much is met here as on the user's own machine: by the
same code. A worker of Parsl's that is killed takes its task with it, has no time-outs, and keeps no output apart.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.execution.base import Batch, Context, Finished, Outcome, Progress
from quadrat.execution.devices import Visible, visible_devices
from quadrat.execution.pilots.profile import BEGAN_VARIABLE
from quadrat.execution.pool import PoolExecutor
from quadrat.store import progress
from quadrat.store.layout import Layout

LOOK_SECONDS = 1.0

_pool: PoolExecutor | None = None
_owner = ""


@dataclass(frozen=True)
class Answer:
    """How a batch ended; the batch itself need not travel back.

    Attributes:
        number: of the batch.
        outcomes, lost, detail, log: as in `Finished`.
    """

    number: int
    outcomes: Sequence[Outcome]
    lost: str = ""
    detail: str = ""
    log: bytes = b""


@dataclass(frozen=True)
class Setting:
    """What a worker must know.

    Attributes:
        context: what all runs of the session have in common.
        paths: where the user's process looks for modules.
        workers: on each node.
        gpus: devices of each node, to be given to them.
        walltime: the seconds that a pilot has, where that is known: runs are told how much is left.
    """

    context: Context
    paths: tuple[str, ...]
    workers: int = 1
    gpus: int = 0
    walltime: float | None = None


def work(setting: Setting, batches: Sequence[Batch]) -> list[Answer]:
    """Do some batches, one after the other.

    Raises:
        BadInput: where the node has fewer devices than the profile says.
    """
    pool = _ready(setting)
    answers: list[Answer] = []
    for batch in batches:
        pool.submit(replace(batch, devices=tuple(range(math.ceil(batch.gpus)))) if setting.gpus else batch)
        ended: list[Finished] = []
        while not ended:
            ended = pool.wait(LOOK_SECONDS)
        answers += [Answer(one.batch.number, one.outcomes, one.lost, one.detail, one.log) for one in ended]
    return answers


def _ready(setting: Setting) -> PoolExecutor:
    """The pool of this process, made for the first batch of a session."""
    global _pool, _owner
    if _pool is None or _owner != setting.context.owner:
        if _pool is not None:
            _pool.stop(kill=True)
        sys.path[:0] = [path for path in setting.paths if path not in sys.path]
        rank = int(os.environ.get("PARSL_WORKER_RANK", "0"))
        visible = own_devices(visible_devices(), rank, setting.workers, setting.gpus) if setting.gpus else None
        began = os.environ.get(BEGAN_VARIABLE)
        deadline = float(began) + setting.walltime if began and setting.walltime else None
        _pool = PoolExecutor(replace(setting.context, deadline=deadline), 1, visible)
        _owner = setting.context.owner
    return _pool


def own_devices(visible: Visible, rank: int, workers: int, gpus: int) -> Visible:
    """The devices of one of a node's workers: its part of them, or one that it shares with others.

    Raises:
        BadInput: where there are fewer than there should be.
    """
    names = visible.names
    if len(names) < gpus:
        there = f"{len(names)}: {', '.join(names)}" if names else "none"
        raise BadInput(f"the profile says `gpus: {gpus}`, and {socket.gethostname()} has {there}")
    each = gpus // workers
    own = names[rank * each : (rank + 1) * each] if each else names[rank % gpus : rank % gpus + 1]
    return Visible(own, visible.variables)


class Told:
    """How far the running runs are, as their workers tell.

    Args:
        context: what all runs of the session have in common.
    """

    def __init__(self, context: Context) -> None:
        self._folder = Layout(Path(context.store)).live_logs(context.owner)
        self._last = 0.0
        self._known: list[Progress] = []

    def now(self) -> list[Progress]:
        """What they last told; looked up once a second."""
        if time.monotonic() - self._last < LOOK_SECONDS:
            return self._known
        self._last = time.monotonic()
        self._known = []
        for told in progress.read(self._folder):
            with contextlib.suppress(TypeError):
                self._known.append(Progress(**told))
        return self._known
