"""Tables for people: numbers that can be read, constant columns in a line of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from quadrat.results.aggregate import CONFIDENCE
from quadrat.results.table import RUN

if TYPE_CHECKING:
    import polars as pl

ID_DIGITS = 12
_DIGITS = 4
_LONGEST = 40
_NONE = "–"
_GAP = 2
"""Blanks between two columns of a table."""


@dataclass(frozen=True)
class Shown:
    """A table as text.

    Attributes:
        columns: the headings.
        numeric: for each column whether it is of numbers (and goes to the right).
        rows: the cells.
        caption: lines below it.
    """

    columns: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    caption: list[str]


def shown(frame: pl.DataFrame, axes: Sequence[str], averaged: Sequence[str] = (), choices: Sequence[str] = ()) -> Shown:
    """Lay a table out for people.

    Parameters are shown exactly, metrics with four significant digits; run ids by their first digits, which is enough
    for `quadrat show`. A column with one value in all rows goes to the caption, unless it is a metric of measured
    numbers; so do the options of a choice that only some of its values have (`sampler.jitter`, where `sampler.name` is
    hmc), as long as the choice tells them.

    Args:
        frame: the table.
        axes: its columns that are labels or parameters.
        averaged: the names that were averaged over: `<metric>_avg` and `<metric>_std` are then shown as one column.
        choices: the parameters that say which variant a tree is of (`sampler.name`).
    """
    left = [name for name in frame.columns if name in axes]
    folded = [name for name in frame.columns if _folds(frame, name, left)]
    caption = []
    if folded:
        caption.append("same in every row: " + ", ".join(f"{name}={short(exact(frame[name][0]))}" for name in folded))
    for choice in choices:
        if choice in left and choice not in folded:
            told = _told_by(choice, frame, left)
            caption += _by_choice(frame, choice, told)
            folded += told
    columns: list[tuple[str, bool, list[str]]] = []
    for name in frame.columns:
        if name in folded:
            continue
        if name == RUN:
            columns.append((name, False, [id[:ID_DIGITS] for id in frame[name].to_list()]))
        elif name in left or not frame.schema[name].is_float():
            columns.append(
                (name, frame.schema[name].is_numeric(), [short(exact(value)) for value in frame[name].to_list()])
            )
        else:
            columns.append((name, True, rounded(frame[name].to_list())))
    if averaged:
        columns = _joined(frame, columns)
        caption += _told(averaged, frame)
    rows = [list(cells) for cells in zip(*(cells for _, _, cells in columns), strict=True)]
    return Shown([name for name, _, _ in columns], [numeric for _, numeric, _ in columns], rows, caption)


def _folds(frame: pl.DataFrame, name: str, axes: Sequence[str]) -> bool:
    """Whether a column is worth no column."""
    if len(frame) < 2 or name == RUN or (name not in axes and frame.schema[name].is_float()):
        return False
    return frame[name].n_unique() == 1


def _told_by(choice: str, frame: pl.DataFrame, axes: Sequence[str]) -> list[str]:
    """The parameters of a choice's tree that some rows do not have and that the choice tells wherever they are."""
    tree = choice.rpartition(".")[0]
    return [
        name
        for name in axes
        if name.startswith(f"{tree}.")
        and 0 < frame[name].null_count() < len(frame)
        and len(frame.select(choice, name).unique()) == frame[choice].n_unique()
    ]


def _by_choice(frame: pl.DataFrame, choice: str, options: Sequence[str]) -> list[str]:
    """A line for each value of a choice that has options which are told by it."""
    lines = []
    for row in frame.select(choice, *options).unique(maintain_order=True).iter_rows(named=True):
        given = [f"{name}={short(exact(row[name]))}" for name in options if row[name] is not None]
        if given:
            lines.append(f"where {choice}={row[choice]}: " + ", ".join(given))
    return lines


def short(text: str) -> str:
    """A text that is too long for a cell, without its middle."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 + 1 :]}"


_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


def plain(text: str) -> str:
    """What a program printed, for a page: without the codes of a terminal; other control characters as symbols.

    Of a line that was written over (a progress bar, by a carriage return) the last state is kept.
    """
    lines = _ESCAPES.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).translate(_CONTROLS)


def exact(value: Any) -> str:
    """A value as short as it can be without losing anything."""
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:g}"
        return text if float(text) == value or math.isnan(value) else repr(value)
    return str(value)


def rounded(values: Sequence[float | None]) -> list[str]:
    """Numbers of one column with four significant digits in the largest, and as many decimals in all of them.

    Columns that span many magnitudes, or are very large or small, are written with exponents.
    """
    finite = [abs(value) for value in values if value is not None and math.isfinite(value) and value != 0]
    if not finite:
        return [exact(value) for value in values]
    most, least = max(finite), min(finite)
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(most)))
    if most >= 1e7 or most < 1e-3 or least < 10.0 ** (1 - decimals):
        return _written(values, f".{_DIGITS}g")
    while decimals and all(round(value, decimals) == round(value, decimals - 1) for value in finite):
        decimals -= 1
    return _written(values, f".{decimals}f")


def _written(values: Sequence[float | None], how: str) -> list[str]:
    return [exact(value) if value is None or not math.isfinite(value) else format(value, how) for value in values]


def with_errors(means: Sequence[float | None], stds: Sequence[float | None]) -> list[str]:
    """Means and standard deviations of one column: "0.9094 ± 0.0020", with as many decimals in all of them.

    The smallest deviation has two significant digits where that gives the largest mean no more than five.
    """
    small = [std for std in stds if std is not None and math.isfinite(std) and std > 0]
    large = [abs(mean) for mean in means if mean is not None and math.isfinite(mean) and mean != 0]
    if not small or not large:
        return _written(means, f".{_DIGITS}g")
    wanted, most = 1 - math.floor(math.log10(min(small))), math.floor(math.log10(max(large)))
    how = f".{max(0, min(wanted, _DIGITS - most))}f" if -4 <= most < 7 else f".{_DIGITS - 1}e"
    pairs = zip(_written(means, how), _written(stds, how), stds, strict=True)
    return [mean if std is None else f"{mean} ± {text}" for mean, text, std in pairs]


def _joined(frame: pl.DataFrame, columns: Sequence[tuple[str, bool, list[str]]]) -> list[tuple[str, bool, list[str]]]:
    """The columns with mean and standard deviation of each metric as one, and without the intervals."""
    found = []
    names = set(frame.columns)
    for name, numeric, cells in columns:
        metric = name.removesuffix("_avg")
        if metric != name and f"{metric}_std" in names:
            found.append((metric, True, with_errors(frame[name].to_list(), frame[f"{metric}_std"].to_list())))
        elif not any(name == f"{metric}{end}" for end in ("_std", "_ci95") for metric in _metrics(names)):
            found.append((name, numeric, cells))
    return found


def _metrics(names: set[str]) -> list[str]:
    return [name.removesuffix("_avg") for name in names if name.endswith("_avg")]


def _told(averaged: Sequence[str], frame: pl.DataFrame) -> list[str]:
    single = [name for name in frame.columns if name.endswith("_std") and frame[name].null_count() == len(frame) > 0]
    text = f"mean ± sample standard deviation over {', '.join(averaged)}"
    if not single:
        text += f"; {CONFIDENCE:.0%} intervals: --format csv"
    return [text]


def markdown(table: Shown) -> str:
    """A table in Markdown (as GitHub reads it), its caption below."""
    return markdown_table(table.columns, table.rows, table.numeric) + "".join(f"\n{line}\n" for line in table.caption)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Cells in Markdown (as GitHub reads it).

    Args:
        columns: the headings.
        rows: the cells; whatever would end one is escaped.
        numeric: for each column whether it goes to the right.
    """

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    every = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in [columns, *rows]]
    widths = [max(3, *(len(row[place]) for row in every)) for place in range(len(columns))]
    padded = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        for row in every
    ]
    rule = ["-" * (width - 1) + ":" if right else "-" * width for width, right in zip(widths, numeric, strict=True)]
    return "\n".join([line(padded[0]), line(rule), *map(line, padded[1:])]) + "\n"


def text(table: Shown, *, width: int | None = None, limit: int | None = None) -> str:
    """A table as plain text for a terminal.

    Args:
        table: the table.
        width: columns of the terminal; as wide as it takes where it is not said. Headings are broken at their
            underscores to fit into it; where that is not enough, lines are longer: nothing is cut.
        limit: the most rows that are shown; how many are not is said below.
    """
    if not table.rows:
        return "\n".join(["(no rows)", *table.caption]) + "\n"
    rows = table.rows if limit is None else table.rows[:limit]
    cells = [max(cell_len(row[place]) for row in rows) for place in range(len(table.columns))]
    widths = [max(wide, cell_len(name)) for wide, name in zip(cells, table.columns, strict=True)]
    headings = [[name] for name in table.columns]
    if width is not None and sum(widths) + _GAP * (len(widths) - 1) > width:
        headings = [_broken(name, wide) for name, wide in zip(table.columns, cells, strict=True)]
        widths = [max(wide, *map(cell_len, lines)) for wide, lines in zip(cells, headings, strict=True)]
    tall = max(map(len, headings))
    above = [[""] * (tall - len(lines)) + lines for lines in headings]
    lines = [_line(row, widths, table.numeric) for row in zip(*above, strict=True)]
    lines.append("─" * (sum(widths) + _GAP * (len(widths) - 1)))
    lines += [_line(row, widths, table.numeric) for row in rows]
    if len(rows) < len(table.rows):
        lines.append(f"… {len(table.rows) - len(rows):,} more rows: --format csv has all of them")
    return "\n".join([*lines, "", *table.caption] if table.caption else lines) + "\n"


def _broken(name: str, width: int) -> list[str]:
    """A heading in lines, broken behind underscores and dots where it is wider than its cells."""
    lines = [""]
    for piece in re.findall(r"[^_.]*[_.]|[^_.]+$", name):
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, numeric, strict=True):
        blank = " " * (width - cell_len(cell))
        padded.append(blank + cell if right else cell + blank)
    return (" " * _GAP).join(padded).rstrip()
