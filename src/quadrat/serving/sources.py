"""Which sweeps are shown: those that were named, or the last request of every study in the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from quadrat.core.errors import QuadratError
from quadrat.core.loading import StudyRef, load_study
from quadrat.session import Request, Session
from quadrat.store.store import Store
from quadrat.watching import Watch

SCAN_SECONDS = 2.0


class Sources:
    """The sweeps of a page, by the names of their studies. For several threads.

    Args:
        store: where they are kept.
        sessions: what is shown; where there is none, what was run last of every study in the store, also of those
            that come later.
    """

    def __init__(self, store: Store, sessions: Sequence[Session] = ()) -> None:
        self.store = store
        self._scanning = threading.Lock()
        self._fixed = bool(sessions)
        self._watches = {one.study.name: Watch(one) for one in sessions}
        self._requests: dict[str, Path] = {}
        self._notes: dict[str, str] = {}
        self._next = 0.0

    def watches(self) -> dict[str, Watch]:
        """The sweeps, those that were run last first. While one thread looks for new ones, others get those known."""
        if not self._fixed and time.monotonic() >= self._next and self._scanning.acquire(blocking=not self._next):
            try:
                if time.monotonic() >= self._next:
                    self._scan()
                    self._next = time.monotonic() + SCAN_SECONDS
            finally:
                self._scanning.release()
        return self._watches

    def notes(self) -> dict[str, str]:
        """Why a study of the store cannot be shown, or what is to be known of one that is."""
        self.watches()
        return self._notes

    def _scan(self) -> None:
        newest: dict[str, tuple[Path, dict[str, Any]]] = {}
        for path in _by_time(self.store.layout.plans):
            told = _request(path)
            if told is not None and told["study"] not in newest:
                newest[told["study"]] = (path, told)
        watches, notes = dict(self._watches), dict(self._notes)
        for study, (path, told) in newest.items():
            if self._requests.get(study) != path:
                self._requests[study] = path
                notes.pop(study, None)
                try:
                    watches[study] = Watch(self._session(told))
                except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a study does as it is imported)
                    watches.pop(study, None)
                    what = str(error) if isinstance(error, QuadratError) else f"{type(error).__name__}: {error}"
                    notes[study] = f"the last request of '{study}' cannot be read: {what}"
            known = watches.get(study)
            if known is not None and not _agree(told.get("codes", {}), known.session.codes):
                notes[study] = f"the code of '{study}' was another when this page was started: start it again"
        self._watches = {study: watches[study] for study in newest if study in watches}
        self._notes = notes

    def _session(self, told: dict[str, Any]) -> Session:
        loaded = load_study(StudyRef(told["kind"], told["source"]))
        own = {str(path) for path in loaded.study.project_config}
        request = Request(
            overrides=tuple(told["overrides"]),
            config_files=tuple(Path(path) for path in told["config_files"] if path not in own),
            only=told.get("only"),
            to=told.get("to"),
            where=tuple(told.get("where", ())),
        )
        session = Session(loaded, self.store, request)
        session.plan()  # a request that cannot be read is told now
        return session


def _by_time(folder: Path) -> list[Path]:
    """The requests that were run, the last first."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    return [path for _, path in sorted(found, reverse=True)]


def _request(path: Path) -> dict[str, Any] | None:
    """A request that was kept; None for what is none, or lives in a process that is not this one."""
    try:
        told: Any = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    whole = isinstance(told, dict) and {"study", "kind", "source", "overrides", "config_files"} <= told.keys()
    return told if whole and told["kind"] in ("entry", "file") else None


def _agree(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(one[task] == other[task] for task in one.keys() & other.keys())
