"""A run's handle for tests: a task is a plain function, and this is all that it needs to be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quadrat.core.result import Done
from quadrat.core.run import Run


def fake_run(
    folder: Path,
    *,
    seed: int | None = 0,
    previous: Done[Any, Any] | None = None,
    id: str = "0" * 32,
    attempt: int = 1,
) -> Run:
    """A handle that works as in a sweep, without a store.

    Args:
        folder: where its files go (pytest's `tmp_path`); made where it is missing.
        seed: the value of the run's parameter `seed`; None for a run without one.
        previous: for a task that extends, the shorter run to continue from.
        id: the run id that it tells.
        attempt: the attempt that it tells.

    Returns:
        A `qd.Run`: `run.file("x")` lies in `folder`, `run.scratch` in `folder/.scratch`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Run(
        id,
        folder,
        folder / ".scratch",
        seed=None if seed is None else lambda: seed,
        previous=previous,
        attempt=attempt,
    )
