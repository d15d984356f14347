"""`quadrat studies`: which studies are installed."""

from __future__ import annotations

from quadrat.cli.common import JsonOption, answer, table


def studies(as_json: JsonOption = False) -> None:
    """List the installed studies.

    Examples:
      quadrat studies
    """
    from quadrat.core.loading import entry_points

    found = entry_points()
    if as_json:
        answer(found)
    else:
        table(["study", "where"], [[name, target] for name, target in sorted(found.items())])
