"""What can go wrong by a user's hand, each with where it is and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class QuadratError(Exception):
    """Base of every error that Quadrat raises on purpose; shown without a traceback.

    Attributes:
        message: what was wrong, one sentence.
        where: file, line or key where it is, or None.
        hint: what to write or do instead, or None.
        exit_code: what the command line returns for it.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.hint}" if self.hint else text


class BadInput(QuadratError):
    """The request cannot be understood or cannot hold: nothing was run and nothing written."""

    exit_code = 2


class DeclarationError(BadInput):
    """A study is declared in a way that cannot work (a cycle, two tasks of one name, a bad type)."""


class ConfigError(BadInput):
    """A configuration file or an override is wrong."""


class StoreError(QuadratError):
    """The store cannot be read or written (newer format, no permission, full disk)."""

    exit_code = 2


class ClusterError(QuadratError):
    """A cluster's scheduler is not there, does not answer, or refuses; in its own words where it has some."""

    exit_code = 2


class RunFailed(QuadratError):
    """A run that somebody asked to load or to run by itself did not finish."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be, or None where nothing is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def suggest(name: str, known: Iterable[str]) -> str:
    """The hint for a name that does not exist: the nearest one, else what there is, twelve names at most."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else f"known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def unknown(kind: str, name: str, known: Sequence[str], *, where: str | None = None) -> BadInput:
    """The error for a name that does not exist: names the nearest one, else lists what there is."""
    known = [one for one in known if one != name]
    hint = suggest(name, sorted(known)) if known else f"there is no {kind} here"
    return BadInput(f"unknown {kind} '{name}'", where=where, hint=hint)
