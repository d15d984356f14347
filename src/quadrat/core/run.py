"""The handle that a task gets of the run it is in."""

from __future__ import annotations

import json
import math
import operator
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.core.identity import seed_for
from quadrat.core.result import Done, File

_NO_SEED = object()
CURVE_FILE = "curve.jsonl"
_FLUSH_CALLS, _FLUSH_SECONDS = 256, 1.0

_end_of_all: float | None = None


def end_by(when: float) -> None:
    """All runs of this process will be stopped, in seconds since 1970: their `time_left` says so from now on."""
    global _end_of_all
    _end_of_all = when


class Run:
    """What a task may do beside computing: make files, draw seeds, log curves, tell its progress.

    Tasks get one by declaring an argument `run: qd.Run`; tests make one with `quadrat.testing.fake_run`.

    Attributes:
        id: the run id, 32 hexadecimal digits.
        previous: with `extends=`, the nearest finished shorter run to continue from, else None.
        attempt: 1 for the first try, then 2, …
    """

    def __init__(
        self,
        id: str,
        folder: Path,
        scratch: Path,
        *,
        seed: Callable[[], Any] | None = None,
        previous: Done[Any, Any] | None = None,
        attempt: int = 1,
        deadline: float | None = None,
        on_progress: Callable[[float, float | None, str], None] | None = None,
    ) -> None:
        self.id = id
        self.previous = previous
        self.attempt = attempt
        self._folder = folder
        self._scratch = scratch
        self._seed = seed
        self._deadline = deadline
        self._on_progress = on_progress
        self._seeds: dict[str, int] = {}
        self._points: list[str] = []
        self._flushed = -math.inf

    def file(self, name: str) -> File:
        """A path inside the run to write an artifact to, its folders made.

        Raises:
            BadInput: for a name that would lie outside the run.
        """
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0].startswith("."):
            raise BadInput(f"'{name}' is no name for a file of a run", hint="a relative path such as 'weights.pt'")
        if path.parts[0] in ("run.json", "log.txt", CURVE_FILE):
            raise BadInput(f"'{name}' is a file that the run keeps itself", hint="choose another name")
        target = self._folder / path
        if len(path.parts) > 1:
            target.parent.mkdir(parents=True, exist_ok=True)
        return File(target)

    def seed(self, purpose: str) -> int:
        """A seed of 63 bits for one purpose ("init", "order"), from the `seed` parameter alone.

        Two runs that differ elsewhere share it: what is compared is compared with the same random numbers.

        Raises:
            BadInput: where neither the task nor what it reads has a parameter `seed`.
        """
        if self._seed is None:
            raise BadInput(
                f"the run asks for a seed ('{purpose}') but no parameter 'seed' is in reach",
                hint="give the task a parameter `seed: int = 0`",
            )
        if purpose not in self._seeds:
            self._seeds[purpose] = seed_for(purpose, self._seed())
        return self._seeds[purpose]

    def log(self, step: int, **values: float) -> None:
        """Add a point to the run's curves: `quadrat plot … -x step` draws them, also while the run goes on.

        Kept in `curve.jsonl`, one line for each call, on disk within a second or 256 calls. A step that is logged
        again, as by a run that was interrupted, replaces what it had.

        Args:
            step: what the horizontal axis counts: epochs, batches, samples.
            values: numbers by name; nan and infinities are kept. For names such as "val/acc" write **{"val/acc": 0.9}.

        Raises:
            BadInput: for a step that is no whole number, a value that is no number.
        """
        self._points.append(
            json.dumps({"step": _whole(step), **{name: _number(name, values[name]) for name in values}})
        )
        if len(self._points) >= _FLUSH_CALLS or time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the logged points to disk, where others can read them while the run goes on."""
        self._flushed = time.monotonic()
        if self._points:
            with (self._folder / CURVE_FILE).open("a", encoding="utf-8") as file:
                file.write("\n".join(self._points) + "\n")
            self._points.clear()

    @property
    def scratch(self) -> Path:
        """A folder that lives until the run is finished: a further attempt finds a killed one's checkpoints there."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    @property
    def time_left(self) -> float | None:
        """Seconds until the run is stopped, or None where it may take as long as it likes.

        For its time limit, with the machine that it runs on, or because that is wanted by others: look at it now and
        then, and write what a further attempt needs into `scratch` in time.
        """
        ends = [end for end in (self._deadline, _end_of_all) if end is not None]
        return max(0.0, min(ends) - time.time()) if ends else None

    @property
    def seeds(self) -> Mapping[str, int]:
        """The seeds that the run asked for, by purpose; recorded with it."""
        return self._seeds

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far the run is; shown beside the sweep's own progress, and on the live page.

        Args:
            done: how much is done: epochs, batches.
            total: of how much, where that is known.
            text: of what, in words.

        Raises:
            BadInput: for what is no number.
        """
        at = _counted("done", done)
        whole = None if total is None else _counted("total", total)
        if self._on_progress is not None:
            self._on_progress(at, whole, str(text))


def _whole(step: Any) -> int:
    try:
        return operator.index(step)
    except TypeError:
        raise BadInput(f"run.log: the step {step!r} is no whole number", hint="run.log(epoch, loss=…)") from None


def _counted(name: str, value: Any) -> float:
    """A number of progress: a whole one stays whole, of whichever library it is."""
    return operator.index(value) if hasattr(value, "__index__") else _number(name, value, "run.progress")


def _number(name: str, value: Any, verb: str = "run.log") -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{verb}: '{name}' is no number but {value!r:.60}", hint="one number for each name") from None
