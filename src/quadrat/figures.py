"""The style of figures, for studies: what `quadrat plot` draws looks the same.

from quadrat import figures

with figures.settings():
    figure = figures.new(4.2, 3.1)
    figure.add_subplot().plot(x, y, **figures.series(0))
figures.write(figure, run.file("curve"), ["pdf", "png"])
"""

from quadrat.results.figures.style import (
    COLOURS,
    COLUMN,
    FORMATS,
    GREY,
    INK,
    LINES,
    MARKERS,
    PALE,
    SEQUENTIAL,
    TALL,
    WIDE,
    legend,
    line,
    new,
    note,
    say,
    series,
    settings,
    shades,
    slanted,
    styled,
    wrapped,
    write,
)

__all__ = [
    "COLOURS",
    "COLUMN",
    "FORMATS",
    "GREY",
    "INK",
    "LINES",
    "MARKERS",
    "PALE",
    "SEQUENTIAL",
    "TALL",
    "WIDE",
    "legend",
    "line",
    "new",
    "note",
    "say",
    "series",
    "settings",
    "shades",
    "slanted",
    "styled",
    "wrapped",
    "write",
]
