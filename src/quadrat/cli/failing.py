"""How failures are shown: grouped by cause, with the first of each in full."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quadrat.cli.common import say
from quadrat.core.words import plural

if TYPE_CHECKING:
    from quadrat.store.failures import Failure

SHOWN = 5


def show_failures(failures: Sequence[Failure], blocked: int) -> None:
    """Failures by cause, most frequent first."""
    from quadrat.store.failures import by_cause

    ordered = by_cause(failures)
    for cause in ordered[:SHOWN]:
        first = cause.first
        label = "" if first.kind == "error" else f" ({first.kind})"
        say(f"\nFAILED {plural(len(cause.ids), 'run')} of {first.task}{label}: {first.message}")
        show_one(first)
    if len(ordered) > SHOWN:
        say(f"\n… and {plural(len(ordered) - SHOWN, 'more cause')}: `quadrat logs RUN` shows each")
    if blocked:
        say(f"\n{plural(blocked, 'run')} that needed them did not run")


def show_one(failure: Failure) -> None:
    """One failure: parameters, the user's frames, the end of the log, how to rerun it alone."""
    params = ", ".join(f"{name}={value}" for name, value in {**failure.chain, **failure.params}.items())
    say(f"  run {failure.id[:12]}: {params}")
    for title, text in (("", failure.traceback), ("  it printed:", failure.log)):
        lines = text.rstrip().splitlines()
        if lines:
            shown = [title] if title else []
            shown += [f"    {line}" for line in lines[-20:]]
            print("\n".join(shown), file=sys.stderr)
    say(f"  rerun it alone: {failure.rerun}")
