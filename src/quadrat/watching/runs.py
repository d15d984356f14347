"""One run: what it is, what came out or went wrong, what it stands on and what stands on it."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from quadrat.core.errors import StoreError
from quadrat.results.figures.charting import Across, Chart, Series, Upright
from quadrat.results.human import plain
from quadrat.results.logged import STEP, read
from quadrat.results.table import RUN
from quadrat.store import failures
from quadrat.store.index import Index
from quadrat.store.record import LOG_FILE, Record
from quadrat.watching.state import STATES, how_far
from quadrat.watching.watch import Look, Watch

LOG_BYTES = 64_000
"""The end of a log that is shown; the whole can be loaded."""
_LONGEST = 20_000
_MOST_POINTS = 2000
"""Points of a curve on a page, spread evenly."""
_MOST = 50
"""Runs that are listed of a gather, or that read a run."""


@dataclass(frozen=True)
class Found:
    """A run as it stands now: finished, failed, being made, or only planned."""

    id: str
    state: str
    record: Record | None
    failure: failures.Failure | None
    folder: Path | None
    log: Path | None


def find(watch: Watch, id: str) -> Found:
    """A run by its whole id.

    Raises:
        StoreError: for a run that is neither of the plan nor in the store.
    """
    look = watch.look()
    layout = watch.session.store.layout
    place = look.task_of(id)
    making = look.making.get(id)
    record = watch.session.store.newest(id) if watch.session.store.exists else None
    failure = failures.read(layout, id)
    if making is not None and making.folder.exists():
        return Found(id, "running", record, failure, making.folder, layout.live_log(making.owner, making.worker))
    if record is not None:
        folder = watch.session.store.folder(record)
        return Found(id, "finished", record, failure, folder, folder / LOG_FILE)
    if failure is not None:
        return Found(id, "failed", None, failure, None, layout.failure_log(id))
    if place is None:
        raise StoreError(f"there is no run '{id[:12]}' here", hint="it may be of another study or another store")
    state = STATES[look.codes[place[0]][place[1]]]
    return Found(id, "waiting" if state in ("finished", "running") else state, None, None, None, None)


def about(watch: Watch, id: str) -> dict[str, Any]:
    """Everything that a page says of a run, as JSON.

    Raises:
        StoreError: for a run that is neither of the plan nor in the store.
    """
    look, found = watch.look(), find(watch, id)
    record, failure, making = found.record, found.failure, look.making.get(id)
    known = record or failure
    planned = look.task_of(id)
    told: dict[str, Any] = {
        "run": id,
        "state": found.state,
        "task": known.task if known else planned[0] if planned else "",
        "params": _texts(known.params if known else _planned_params(watch, planned, id)),
        "chain": _texts(known.chain if known else {}),
        "metrics": _texts(record.scalars if record else {}),
        "artifacts": _artifacts(found) if record else [],
        "inputs": _inputs(known.inputs if known else _planned_inputs(look, planned)),
        "readers": _readers(look.index, id),
        "curves": [chart.told() for chart in curves(found)],
        "notes": [
            {key: plain(str(one.get(key, ""))) for key in ("author", "text")} for one in watch.session.store.notes(id)
        ],
        "log": log_of(found),
        "since": making.since if making else None,
        "worker": making.worker if making else "",
        "told": how_far(making.told) if making else "",
        "command": shlex.join(["quadrat", "show", id[:12], "--store", str(watch.session.store.root)]),
    }
    if record is not None:
        told["provenance"] = _provenance(watch, record)
    if failure is not None and record is None:
        told["failure"] = failure_told(failure)
    return told


def failure_told(failure: failures.Failure) -> dict[str, Any]:
    """A failure as JSON, without its log."""
    return {
        "run": failure.id,
        "task": failure.task,
        "kind": failure.kind,
        "message": cut(failure.message),
        "traceback": cut(failure.traceback),
        "tries": failure.tries,
        "seconds": failure.seconds,
        "host": failure.host,
        "at": failure.at,
        "rerun": failure.rerun,
    }


def log_of(found: Found, most: int = LOG_BYTES) -> str:
    """The end of what a run printed, as plain text: the live log of one that is being made."""
    if found.log is not None:
        try:
            with found.log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - most))
                text = plain(file.read(most).decode(errors="replace"))
        except OSError:
            pass
        else:
            return f"(the last {most:,} of {size:,} bytes)\n{text}" if size > most else text
    kept = found.record or found.failure
    return plain(kept.log) if kept is not None and found.state != "running" else ""


def curves(found: Found) -> list[Chart]:
    """What a run has logged, a chart for each name; of one that is being made what there is so far."""
    points = read(found.folder) if found.folder is not None else {}
    return [_curve(plain(name), dict(sorted(values.items()))) for name, values in points.items()]


def _curve(name: str, values: Mapping[int, float]) -> Chart:
    every = list(values)
    stride = -(-len(every) // _MOST_POINTS)
    steps = sorted({*every[::stride], every[-1]})
    numbers = tuple(values[step] if math.isfinite(values[step]) else None for step in steps)
    across = Across(STEP, STEP, tuple(map(float, steps)), None, log=False)
    return Chart(
        f"{name} against {STEP}", across, Upright(name, name, log=False), (Series("", numbers, None, None, ()),)
    )


def whole_id(watch: Watch, prefix: str) -> str:
    """The id of a run of the plan or the store by its first digits; no path, and no file, is looked for.

    Raises:
        StoreError: where none or several begin so.
    """
    text = prefix.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{1,32}", text):
        raise StoreError("that is no run id", hint="an id is 32 hexadecimal digits; the first few are enough")
    planned = {id.hex() for one in watch.look().plan.tasks.values() for id in one.ids}
    found = [id for id in planned if id.startswith(text)]
    if not found and watch.session.store.exists:
        return watch.session.store.resolve(text)
    if len(found) != 1:
        many = f"{len(found):,} runs begin" if found else "no run begins"
        raise StoreError(f"{many} with '{text}'", hint="say more digits" if found else "the table of runs has the ids")
    return found[0]


def difference(watch: Watch, one: str, other: str) -> dict[str, Any]:
    """In what two runs differ: parameters of them and of what they read, metrics, and what they were made with.

    Args:
        watch: the sweep.
        one: a run, by its id.
        other: another, by its first digits.

    Raises:
        StoreError: for a run that is neither of the plan nor in the store.
    """
    other = whole_id(watch, other)
    told = [about(watch, id) for id in (one, other)]
    parts = {}
    for part in ("chain", "params", "metrics", "provenance"):
        first, second = (each.get(part) or {} for each in told)
        names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
        parts[part] = [{"name": name, "one": first.get(name, "–"), "other": second.get(name, "–")} for name in names]
    return {"one": one, "other": other, "tasks": [each["task"] for each in told], **parts}


def cut(text: str) -> str:
    """A text for a page: plain, and not endless."""
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as a page shows them: numbers as numbers, everything else as text."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and value - value == 0 and abs(value) < 2**53:
            found[plain(name)] = value
        else:
            text = (
                value if isinstance(value, str) else str(value) if number else orjson.dumps(value, default=str).decode()
            )
            found[plain(name)] = cut(text)
    return found


def _planned_params(watch: Watch, place: tuple[str, int] | None, id: str) -> dict[str, Any]:
    """The parameters of a run that has no record yet: those of its row."""
    if place is None:
        return {}
    made = watch.table(place[0])
    rows = made.rows.filter(made.rows[RUN] == id).select(made.axes)
    return {name: value for name, value in rows.row(0, named=True).items() if value is not None} if len(rows) else {}


def _planned_inputs(look: Look, place: tuple[str, int] | None) -> dict[str, Any]:
    return look.plan.upstream_ids(*place) if place is not None else {}


def _inputs(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs that a run stands on, by argument."""
    found = []
    for name, given in inputs.items():
        ids = given if isinstance(given, list) else [] if given is None else [given]
        found.append({"name": name, "runs": ids[:_MOST], "count": len(ids)})
    return found


def _readers(index: Index, id: str) -> list[dict[str, Any]]:
    """The finished runs that stand on a run."""
    found = []
    needle = id.encode()
    for row in index.mentioning(needle):
        raw = orjson.loads(index.raw(row))
        inputs = raw.get("inputs", {}).values()
        if any(id == one or (isinstance(one, list) and id in one) for one in inputs):
            found.append({"run": raw["id"], "task": raw["task"]})
            if len(found) == _MOST:
                break
    return found


def _artifacts(found: Found) -> list[dict[str, Any]]:
    record, folder = found.record, found.folder
    if record is None or folder is None:
        return []
    return [
        {"name": name, "path": one.path, "size": one.size, "gone": one.temp and not (folder / one.path).exists()}
        for name, one in record.artifacts.items()
    ]


def _provenance(watch: Watch, record: Record) -> dict[str, Any]:
    environment = watch.session.store.environment(record.environment)
    git = record.git.get("commit", "")[:12] + (" with uncommitted changes" if record.git.get("dirty") else "")
    return {
        "host": record.host,
        "process": record.pid,
        "started": record.started,
        "seconds": record.seconds,
        "processor seconds": record.cpu_seconds,
        "peak memory": record.peak_memory,
        "devices": ", ".join(record.devices),
        "version": record.version,
        "attempt": record.attempt,
        "code": record.code,
        "commit": git if record.git else "",
        "python": environment.get("python", ""),
        "platform": environment.get("platform", ""),
        "packages": len(environment.get("packages", {})),
        "seeds": ", ".join(f"{name}={value}" for name, value in record.seeds.items()),
        "continued from": record.continued,
    }
