"""The error for a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

from quadrat import BadInput, suggest


def unknown(kind: str, given: object, known: Iterable[str], where: str) -> BadInput:
    """The error for a model, an argument, a loader and the like that does not exist; it names the nearest.

    Args:
        kind: what it would be.
        given: its name.
        known: the names that there are.
        where: the setting or argument that says it.
    """
    return BadInput(f"there is no {kind} '{given}'", where=where, hint=suggest(str(given), known))
