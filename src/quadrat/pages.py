"""Markdown that runs write, for studies: `study.section` puts it into the report.

from quadrat import pages

page.write_text(pages.table(["model", "accuracy"], [["A", "0.91"], ["B", "0.93"]], words=["model"]))
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from quadrat.results.human import markdown_table

__all__ = ["table"]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[str] = ()) -> str:
    """A table in Markdown.

    Args:
        columns: the headings.
        rows: the cells as they are to be read; whatever would end one is escaped.
        words: the columns that are no numbers, and go to the left.
    """
    return markdown_table(columns, rows, [name not in words for name in columns])
