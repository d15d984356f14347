"""What is made once for all workers of a session of pytest: sweeps that take long, for tests that look at them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def seen(folder: Path, pattern: str) -> list[Path]:
    """The files that a pattern fits, while others make and rename them: none where a folder goes as it is looked at."""
    try:
        return list(folder.glob(pattern))
    except FileNotFoundError:
        return []


def shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder for all workers of this session."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one worker fills by `make`; the others wait, and find it filled."""
    folder = shared(factory, name)
    with Path(folder, "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not Path(folder, "made").exists():
            Path(folder, "place").mkdir(exist_ok=True)
            make(folder / "place")
            Path(folder, "made").touch()
    return folder / "place"
