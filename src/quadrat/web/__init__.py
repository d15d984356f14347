"""What pages in a browser are made of: charts, and libraries by others in `vendor`, never edited here."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def asset(name: str) -> str:
    """The text of a file of this folder, by its path in it: "charts.js", "vendor/uPlot.min.css"."""
    return (_HERE / name).read_text(encoding="utf-8")
