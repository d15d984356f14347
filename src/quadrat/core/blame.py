"""Errors that a user's own code raises, told with their frames and without ours."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from quadrat.core.errors import BadInput, QuadratError

_OURS = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """Run a user's code; whatever it raises becomes one clear error.

    Args:
        what: what runs, as the error's first words: "the space of study 'x'".

    Raises:
        BadInput: with the file and line where it went wrong, and that line.
    """
    try:
        yield
    except QuadratError as error:
        error.where = error.where or _last_place(error)[0]
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises is told without our frames
        raise blamed(what, error) from None


def blamed(what: str, error: Exception) -> BadInput:
    """The error as one message with the last place in the user's own files."""
    where, line = _last_place(error)
    message = str(error)
    if isinstance(error, SyntaxError):
        where, line, message = f"{error.filename}:{error.lineno}", error.text, error.msg
    return BadInput(
        f"{what} fails: {type(error).__name__}: {message}", where=where, hint=line.strip() if line else None
    )


def _last_place(error: Exception) -> tuple[str | None, str | None]:
    """The last place in the user's own files that an error passed, and the line there."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [one for one in frames if not one.filename.startswith((f"{_OURS}/", "<frozen"))]
    own = [one for one in foreign if not one.filename.startswith(_LIBRARIES)] or foreign
    return (f"{own[-1].filename}:{own[-1].lineno}", own[-1].line) if own else (None, None)


def running_line(module: str) -> str | None:
    """File and line at which a module is at work now, below us on the stack; None where it is not."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else None
