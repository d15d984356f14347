"""A small graph as an SVG picture, without a program to draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

HEIGHT, GAP_X, GAP_Y, MARGIN = 46, 110, 34, 16
LETTER, SMALL = 8.2, 6.4  # how wide a letter of a name and of a label is, in pixels
EDGE = "#555555"


@dataclass(frozen=True)
class Box:
    """A node: its name, a line below it, its colour, and the column that it stands in."""

    name: str
    label: str
    colour: str
    column: int

    @property
    def width(self) -> float:
        """Wide enough for its texts, in pixels."""
        return max(len(self.name) * LETTER, len(self.label) * SMALL) + 20


def draw(boxes: Sequence[Box], edges: Sequence[tuple[str, str, str]], *, title: str) -> str:
    """The picture: boxes from left to right, arrows with what is said at them.

    Args:
        boxes: the nodes, each after those that it hangs on.
        edges: from, to, text.
        title: for readers of screens.
    """
    columns: dict[int, list[Box]] = {}
    for box in boxes:
        columns.setdefault(box.column, []).append(box)
    tallest = max(len(column) for column in columns.values())
    total = tallest * HEIGHT + (tallest - 1) * GAP_Y
    place: dict[str, tuple[float, float, float]] = {}
    left = float(MARGIN)
    for number in sorted(columns):
        column = columns[number]
        width = max(box.width for box in column)
        top = MARGIN + (total - len(column) * HEIGHT - (len(column) - 1) * GAP_Y) / 2
        for row, box in enumerate(column):
            place[box.name] = (left, top + row * (HEIGHT + GAP_Y), width)
        left += width + GAP_X
    # An arrow that passes over a column goes below everything, so that it crosses no box.
    over = [edge for edge in edges if _columns_between(boxes, edge) > 1]
    wide, high = left - GAP_X + MARGIN, total + 2 * MARGIN + 22 * len(over)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" '
            f'viewBox="0 0 {wide:.0f} {high:.0f}" font-family="Helvetica, Arial, sans-serif" role="img">'
        ),
        f"<title>{escape(title)}</title>",
        (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto">'
            f'<path d="M0,0 L8,4 L0,8 z" fill="{EDGE}"/></marker></defs>'
        ),
    ]
    for edge in edges:
        below = MARGIN + total + 22 * (over.index(edge) + 1) - 6 if edge in over else None
        parts += _arrow(place[edge[0]], place[edge[1]], edge[2], below)
    for box in boxes:
        x, y, width = place[box.name]
        middle = x + width / 2
        parts += [
            (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="6" fill="{box.colour}" '
                'stroke="#333333"/>'
            ),
            (
                f'<text x="{middle:.1f}" y="{y + 19:.1f}" text-anchor="middle" font-size="14" font-weight="bold">'
                f"{escape(box.name)}</text>"
            ),
            f'<text x="{middle:.1f}" y="{y + 36:.1f}" text-anchor="middle" font-size="11">{escape(box.label)}</text>',
        ]
    return "\n".join([*parts, "</svg>"])


def _columns_between(boxes: Sequence[Box], edge: tuple[str, str, str]) -> int:
    column = {box.name: box.column for box in boxes}
    return column[edge[1]] - column[edge[0]]


def _arrow(
    start: tuple[float, float, float], end: tuple[float, float, float], text: str, below: float | None
) -> list[str]:
    """One arrow; round the bottom of the picture where `below` says how deep."""
    x1, y1 = start[0] + start[2], start[1] + HEIGHT / 2
    x2, y2 = end[0], end[1] + HEIGHT / 2
    line = f'fill="none" stroke="{EDGE}" stroke-width="1.2" marker-end="url(#head)"'
    if below is None:
        middle = (x1 + x2) / 2
        path = f"M{x1:.1f},{y1:.1f} C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2 - 1:.1f},{y2:.1f}"
        at = (middle, (y1 + y2) / 2 - 5)
    else:
        from_x, to_x = start[0] + start[2] / 2, end[0] + end[2] / 2
        path = (
            f"M{from_x:.1f},{start[1] + HEIGHT:.1f} C{from_x:.1f},{below:.1f} {from_x:.1f},{below:.1f} "
            f"{from_x + 40:.1f},{below:.1f} L{to_x - 40:.1f},{below:.1f} C{to_x:.1f},{below:.1f} "
            f"{to_x:.1f},{below:.1f} {to_x:.1f},{end[1] + HEIGHT + 1:.1f}"
        )
        at = ((from_x + to_x) / 2, below - 5)
    parts = [f'<path d="{path}" {line}/>']
    if text:
        place = f'x="{at[0]:.1f}" y="{at[1]:.1f}"'
        parts.append(f'<text {place} text-anchor="middle" font-size="11" fill="{EDGE}">{escape(text)}</text>')
    return parts
