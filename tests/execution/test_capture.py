"""What a run prints, byte by byte."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from quadrat.execution.capture import TAIL_BYTES, Tee, tail, whole_characters
from quadrat.execution.trouble import user_traceback


@given(st.text())
def test_text_is_cut_between_characters(text: str) -> None:
    data = text.encode()
    for end in range(len(data) + 1):
        part = data[:end]
        kept = whole_characters(part)
        part[:kept].decode()
        assert len(part) - kept < 4


@given(st.binary())
def test_bytes_that_are_no_text_are_not_held_back_for_ever(data: bytes) -> None:
    assert len(data) - whole_characters(data) < 4


def test_a_tail_begins_with_a_line() -> None:
    assert tail(b"short") == "short"
    text = "".join(f"line {number}\n" for number in range(2000))
    assert text.endswith(tail(text.encode()))
    assert tail(text.encode()).startswith("line ")
    assert len(tail(b"x" * 10_000)) == TAIL_BYTES


def test_a_tee_keeps_what_goes_through() -> None:
    stream, parts = io.StringIO(), []
    tee = Tee(stream, parts)
    print("said", file=tee, flush=True)
    assert stream.getvalue() == "".join(parts) == "said\n"
    assert tee.writable()
    assert not tee.isatty()


def test_a_capture_takes_what_is_new_and_forgets_at_a_new_batch(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from quadrat.execution.capture import Capture
answers = os.fdopen(os.dup(1), "w")
capture = Capture(Path(sys.argv[1]))
print("one"); os.write(2, b"two\\n")
answers.write(repr(capture.take()) + "\\n")
print("three", end="")
answers.write(repr(capture.take()) + repr(capture.take()) + "\\n")
capture.begin()
print("four \\udcff")
answers.write(repr(capture.take()) + "\\n")
"""
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", script, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["b'one\\ntwo\\n'", "b'three'b''", "b'four \\\\udcff\\n'"]
    assert log.read_bytes() == b"four \\udcff\n"


def test_a_traceback_without_our_frames() -> None:
    def theirs() -> None:
        Path("/nonexistent").stat()

    try:
        try:
            theirs()
        except OSError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        text = user_traceback(error)
    assert "in theirs" in text
    assert "outer" in text
