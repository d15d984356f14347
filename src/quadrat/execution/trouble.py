"""What went wrong, told: an exception as kind, one line, and the user's own frames."""

from __future__ import annotations

import errno
import os
import time
import traceback
from pathlib import Path

import pydantic_core

from quadrat.core.errors import QuadratError
from quadrat.execution.base import Context, Finished, Order
from quadrat.execution.capture import tail
from quadrat.store.failures import Failure
from quadrat.store.layout import Layout

NO_ROOM_BYTES = 1 << 16
_DEVICE_ERRORS = ("OutOfMemoryError", "XlaRuntimeError", "JaxRuntimeError")


class Told(Exception):
    """A failure that a batched form told of."""


def kind_of(error: BaseException) -> str:
    """The kind of failure that an exception is: "memory" or "error"."""
    return "memory" if isinstance(error, MemoryError) or _device_memory(error) else "error"


def one_line(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, QuadratError):
        return error.message
    text = _text(error)
    if isinstance(error, Told):
        return text
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def explanation(error: BaseException) -> str:
    """What is shown below the one line: the user's frames; for an error that explains itself, its hint."""
    if isinstance(error, Told):
        return ""
    if isinstance(error, QuadratError):
        return "\n".join(text for text in (error.where, error.hint) if text)
    return user_traceback(error)


def user_traceback(error: BaseException) -> str:
    """The traceback without our own frames."""
    ours = f"{Path(__file__).parent.parent}{os.sep}"
    try:
        shown = traceback.TracebackException.from_exception(error, limit=None)
        _drop_frames(shown, ours)
        return "".join(shown.format())
    except Exception as problem:  # noqa: BLE001  (an exception of the user's may break while it is shown)
        return f"{type(error).__name__} (which cannot be shown: {type(problem).__name__})\n"


def is_store_full(error: BaseException, layout: Layout) -> bool:
    """Whether the store could not be written, whichever way the task or a library noticed it; asked before cleaning up.

    Not so for a disk of the user's that is full, or a file of theirs that cannot be written.
    """
    inside = str(getattr(error, "filename", None) or "").startswith(str(layout.home))
    if isinstance(error, OSError) and inside:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if error.errno in (errno.EROFS, errno.EACCES):
            return not os.access(layout.runs, os.W_OK)
    if isinstance(error, OSError) and error.errno == errno.EDQUOT and error.filename is None:
        return True
    return _no_room(layout)


def _no_room(layout: Layout) -> bool:
    try:
        found = os.statvfs(layout.home)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < NO_ROOM_BYTES or (found.f_files > 0 and found.f_favail == 0)


def _drop_frames(shown: traceback.TracebackException, ours: str) -> None:
    kept = [frame for frame in shown.stack if not frame.filename.startswith(ours)]
    if kept:
        shown.stack = traceback.StackSummary.from_list(kept)
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _drop_frames(other, ours)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (an exception of the user's may break while it is shown)
        return ""


def _device_memory(error: BaseException) -> bool:
    """Whether an accelerator ran out of memory, whichever library says so."""
    return type(error).__name__ in _DEVICE_ERRORS and any(
        words in _text(error).lower() for words in ("memory", "resource_exhausted")
    )


def lost_run(study: str, task: str, order: Order, ended: Finished, context: Context) -> Failure:
    """The record of a run that went down with its worker."""
    return Failure(
        id=order.id,
        study=study,
        task=task,
        params=dict(pydantic_core.from_json(order.params)),
        kind="killed" if ended.lost in ("", "ended") else ended.lost,
        message=ended.detail or "the worker gave no answer",
        log=tail(ended.log),
        tries=order.tries + 1,
        at=time.time(),
        code=context.codes.get(task, ""),
        rerun=context.command.format(id=order.id[:12]),
        inputs=order.input_ids,
        group=order.group,
        plan=context.plan,
    )
