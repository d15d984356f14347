"""Tables as HTML; whatever comes from users is escaped."""

from __future__ import annotations

from html import escape

from quadrat.results.human import Shown

_CELL = "text-align: {}; padding: 0.15em 0.7em; white-space: nowrap"


def table(shown: Shown, limit: int | None = None) -> str:
    """A table with its caption below.

    Args:
        shown: laid out for people.
        limit: so many rows at most; a line says how many there are more.
    """
    sides = ["right" if numeric else "left" for numeric in shown.numeric]
    rows = shown.rows if limit is None else shown.rows[:limit]
    head = _row("th", shown.columns, sides)
    body = "".join(_row("td", cells, sides) for cells in rows)
    lines = list(shown.caption)
    if len(rows) < len(shown.rows):
        lines.insert(0, f"{len(rows):,} of {len(shown.rows):,} rows")
    below = "".join(f'<div style="color: #666; font-size: 0.85em">{escape(line)}</div>' for line in lines)
    return f'<div style="overflow-x: auto"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>{below}'


def _row(tag: str, cells: list[str], sides: list[str]) -> str:
    filled = (
        f'<{tag} style="{_CELL.format(side)}">{escape(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(filled)}</tr>"
