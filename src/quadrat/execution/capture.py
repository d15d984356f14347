"""What a run prints: kept in a file while it runs, so that it is there even when the worker is killed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TextIO

TAIL_BYTES = 4000


class Capture:
    """The output of this process, in one file per worker: what its current batch has printed.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)
        self._taken = 0
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stream.flush()
            os.dup2(self._handle, number)
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True, errors="backslashreplace")

    def begin(self) -> None:
        """A batch begins: forget what is there."""
        if self._length():
            os.ftruncate(self._handle, 0)
        self._taken = 0

    def take(self) -> bytes:
        """What was printed since the last call."""
        length = self._length()
        if length <= self._taken:
            return b""
        data = b""
        while part := os.pread(self._handle, length - self._taken - len(data), self._taken + len(data)):
            data += part
        self._taken = length
        return data

    def _length(self) -> int:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        return os.fstat(self._handle).st_size


class Tee(io.TextIOBase):
    """A text stream that also keeps what goes through it; for runs in this process.

    Args:
        stream: where the text goes.
        parts: where it is kept; several streams may share one list.
    """

    def __init__(self, stream: TextIO, parts: list[str]) -> None:
        self._stream = stream
        self._parts = parts

    def write(self, text: str) -> int:
        """Write and keep."""
        self._parts.append(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The file behind: what other processes print goes there, and is not kept."""
        return self._stream.fileno()


def tail(log: bytes) -> str:
    """The end of a log as text, cut at a line."""
    text = log[-TAIL_BYTES:].decode(errors="replace")
    return text if len(log) <= TAIL_BYTES else text.partition("\n")[2] or text


def whole_characters(data: bytes) -> int:
    """How many of these bytes are whole characters in UTF-8: the last one may not be there yet."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue  # a further byte of a character: look for its first
        wanted = 1 if byte < 0x80 else 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
        return len(data) if back >= wanted else len(data) - back
    return len(data)
