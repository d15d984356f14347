"""Imported once by the fork server: loads the study and the modules that it names, so that every worker starts warm."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal

PRELOAD_VARIABLE = "QUADRAT_PRELOAD"

if PRELOAD_VARIABLE in os.environ:
    # This is the server. Ctrl-C is the main process's to handle; one that is still importing must not die of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


loaded_codes: dict[str, str] = {}
"""The fingerprints of the tasks' code as it was when this process loaded it; empty where it loaded none."""


def preload() -> None:
    """Load what the environment asks for. What does not load is met again in the worker, where somebody can be told."""
    from quadrat.core.fingerprint import fingerprints
    from quadrat.core.loading import StudyRef, load_study
    from quadrat.execution import threads, worker  # noqa: F401  (for the workers)

    raw = json.loads(os.environ.pop(PRELOAD_VARIABLE, "{}"))
    threads.load_generators()
    for name in raw.get("preload", ()):
        _import(name)
    study = raw.get("study")
    if study:
        with contextlib.suppress(Exception, SystemExit):
            loaded_codes.update(fingerprints(load_study(StudyRef(**study)).study))
    for name in raw.get("modules", ()):
        _import(name)


def _import(name: str) -> None:
    with contextlib.suppress(Exception, SystemExit):
        importlib.import_module(name)


preload()
