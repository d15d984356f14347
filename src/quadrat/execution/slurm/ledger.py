"""The ledger of submissions: what was handed to SLURM, and how far each element came. Folders in the store.

It is written before a job is handed over and after, so that a job whose number was lost can be found by its comment;
elements write into it when they begin and when they end, so that nobody has to ask `sacct`.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from quadrat.core.errors import StoreError
from quadrat.store.commit import disk_error
from quadrat.store.layout import SUBMISSION_FILE, Layout

SHARES = "shares.npz"


@dataclass(frozen=True)
class Array:
    """One job array of a submission.

    Attributes:
        number: its place in the submission; tasks: what its elements run.
        shares: the share of each element.
        after: the arrays of the submission, and others the job numbers, that it waits for.
        job: SLURM's number; None while it is not known.
        refused: it was not accepted, or given back: there is no job.
    """

    number: int
    tasks: tuple[str, ...]
    shares: tuple[int, ...]
    after: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    job: int | None = None
    refused: bool = False


@dataclass(frozen=True)
class Told:
    """What the ledger says of an element: `begun`, `ended`, or `boot` for one that failed before Python had begun.

    Attributes:
        code: the exit code, where it has ended; node: where it ran; at: when this was written.
        left: how many of its runs are neither finished nor failed; text: why.
    """

    state: str
    node: str = ""
    at: float = 0.0
    code: int | None = None
    left: int = 0
    text: str = ""
    counts: dict[str, int] = field(default_factory=dict)


class Submission:
    """One submission in a store.

    Args:
        folder: its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """Its name: "0003"."""
        return self.folder.name

    @cached_property
    def told(self) -> dict[str, Any]:
        """What its file says.

        Raises:
            StoreError: where it cannot be read.
        """
        try:
            return dict(orjson.loads((self.folder / SUBMISSION_FILE).read_bytes()))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the submission cannot be read: {error}", where=str(self.folder / SUBMISSION_FILE)
            ) from None

    @property
    def plan(self) -> str:
        """The name of the frozen plan that it runs."""
        return str(self.told["plan"])

    @property
    def study(self) -> str:
        """The study's name."""
        return str(self.told["study"])

    @cached_property
    def arrays(self) -> list[Array]:
        """Its job arrays."""
        found: list[Array] = []
        for one in self.told["arrays"]:
            values: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in one.items()
            }
            found.append(Array(**values))
        return found

    @cached_property
    def shares(self) -> dict[str, NDArray[np.int32]]:
        """For each task the share of each run of the plan, or -1."""
        with np.load(self.folder / SHARES) as found:
            return {name: found[name] for name in found.files}

    def runs_of(self, share: int) -> dict[str, NDArray[np.int64]]:
        """The places of the runs of a share."""
        return {name: np.flatnonzero(column == share) for name, column in self.shares.items()}

    @property
    def elements(self) -> Path:
        """What elements have said."""
        return self.folder / "elements"

    def script(self, number: int) -> Path:
        """The script of an array."""
        return self.folder / f"{number}.sh"

    def log(self, number: int, element: int) -> Path:
        """What an element has printed."""
        return self.folder / "logs" / f"{number}.{element}.log"

    def comment(self, number: int) -> str:
        """What SLURM keeps with the job, by which it is found again: store, submission and array."""
        return f"quadrat:{store_mark(self.folder.parents[2])}:{self.name}:{number}"

    def save(self) -> None:
        """Write its file anew."""
        data = {**self.told, "arrays": [asdict(one) for one in self.arrays]}
        _replace(self.folder / SUBMISSION_FILE, orjson.dumps(data, option=orjson.OPT_INDENT_2))

    def set_array(self, array: Array) -> None:
        """Change an array, and write that down."""
        self.arrays[array.number] = array
        self.save()

    def tell(self, number: int, element: int, told: Told) -> None:
        """Write down how far an element is."""
        _replace(self.elements / f"{number}.{element}.json", orjson.dumps(asdict(told)))

    def said(self, number: int, element: int) -> Told | None:
        """What an element has said last, or None where it has said nothing."""
        path = self.elements / f"{number}.{element}.json"
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Told(**orjson.loads(path.read_bytes()))
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Told("boot", **orjson.loads(path.with_suffix(".boot").read_bytes()))
        return None


def store_mark(home: Path) -> str:
    """A short mark of a store, for comments of jobs."""
    from quadrat.core.identity import digest

    return digest(os.fsencode(home)).hex()[:8]


def submissions(layout: Layout) -> list[Submission]:
    """The submissions of a store, oldest first."""
    try:
        names = os.listdir(layout.submissions)
    except FileNotFoundError:
        return []
    whole = sorted(name for name in names if re.fullmatch(r"\d{4,}", name))
    return [
        Submission(layout.submissions / name)
        for name in whole
        if (layout.submissions / name / SUBMISSION_FILE).is_file()
    ]


def begin(
    layout: Layout, plan: str, study: str, arrays: list[Array], shares: dict[str, NDArray[np.int32]], **told: Any
) -> Submission:
    """A new submission, written down before anything is handed over.

    Raises:
        StoreError: where the store cannot be written.
    """
    try:
        layout.submissions.mkdir(parents=True, exist_ok=True)
        folder = next(path for path in _numbers(layout) if _made(path))
        submission = Submission(folder)
        submission.elements.mkdir()
        (folder / "logs").mkdir()
        np.savez(folder / SHARES, **shares)  # type: ignore[arg-type]  # a name is no option of savez
        submission.__dict__["told"] = {"plan": plan, "study": study, "created": time.time(), **told, "arrays": []}
        submission.__dict__["arrays"] = arrays
        submission.save()
    except OSError as error:
        raise disk_error(error, layout) from None
    return submission


def _numbers(layout: Layout) -> Iterator[Path]:
    taken = [int(name) for name in os.listdir(layout.submissions) if name.isdecimal()]
    for number in range(max(taken, default=0) + 1, 1_000_000):
        yield layout.submissions / f"{number:04d}"


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False  # another process was quicker
    return True


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)
