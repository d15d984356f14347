"""What a run prints: kept in a file while it runs, so that it is there even when the worker is killed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TextIO

TAIL_BYTES = 4000


class Capture:
    """The output of this process, in one file per worker.

    Args:
        path: the file; None leaves the output alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._handle: int | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(self._handle, number)
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)

    def take(self) -> bytes:
        """What was printed since the last call."""
        if self._handle is None:
            return b""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        length = os.fstat(self._handle).st_size
        if not length:
            return b""
        data = os.pread(self._handle, length, 0)
        os.ftruncate(self._handle, 0)
        return data


class Tee:
    """A text stream that also keeps what goes through it; for runs in this process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Write and keep."""
        self._parts.append(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._stream.isatty()

    def take(self) -> bytes:
        """What was written since the last call."""
        text = "".join(self._parts)
        self._parts.clear()
        return text.encode(errors="replace")


def tail(log: bytes) -> str:
    """The end of a log as text, cut at a line."""
    text = log[-TAIL_BYTES:].decode(errors="replace")
    return text if len(log) <= TAIL_BYTES else text.partition("\n")[2]
