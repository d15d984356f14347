"""Figures of the seed averages: accuracy against dropout, and accuracy under attack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat import figures as style

from .report import INPUTS, OPTIONAL_INPUTS, Frame, Row, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("pdf", "svg", "png")
_LABELS = {
    "num_epochs": "epochs",
    "batch_size": "batch size",
    "hidden_size": "hidden units",
    "learning_rate": "learning rate",
    "dropout_prob": "dropout probability",
    "fgsm_epsilon": "attack strength ε",
    "dataset": "data",
    "attack_domain": "domain",
}
_UNIT = {"pixel": " (pixel range)", "normalised_clamp": " (normalised units)"}
_NOT_OF_TRAINING = ("fgsm_epsilon", "attack_domain")
_DOMAIN = {"pixel": "pixel", "normalised_clamp": "normalised clamp"}
_COLUMN, _HEIGHT, _LEGEND = 3.5, 2.6, 1.6  # inches: one column of a journal, and what a legend beside it takes
_INSIDE = 2  # series; more of them, or longer names, would make the legend cover the lines
_DODGE = 0.018  # of the x range: over which series are shifted apart so that error bars do not hide each other


def accuracy_figure(averages: Frame | Iterable[Row], stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Draw test accuracy against dropout, a line for each other setting that varies; write to `stem`.<format>.

    `averages` are rows of `report.seed_averages`. Error bars are standard deviations over seeds, left out where there
    is one seed only. Returns the paths.
    """
    # Rows that differ in the attack only repeat one training's accuracy.
    rows = {tuple(row.get(n) for n in _inputs() if n not in _NOT_OF_TRAINING): row for row in rows_of(averages)}
    return _draw(list(rows.values()), "dropout_prob", "test_acc", "test accuracy", stem, formats, _NOT_OF_TRAINING)


def attack_figure(averages: Frame | Iterable[Row], stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Draw the accuracy under attack against epsilon, or against dropout where there is one epsilon.

    Otherwise as `accuracy_figure`.
    """
    rows = rows_of(averages)
    x = "fgsm_epsilon" if len({row["fgsm_epsilon"] for row in rows}) > 1 else "dropout_prob"
    return _draw(rows, x, "fgsm_acc", "accuracy under attack", stem, formats)


def _inputs() -> tuple[str, ...]:
    return (*INPUTS, *OPTIONAL_INPUTS)


def _draw(
    rows: list[Row], x: str, metric: str, label: str, stem: Path, formats: Sequence[str], ignored: Sequence[str] = ()
) -> list[Path]:
    from matplotlib.figure import Figure

    varying = [n for n in _inputs() if n != x and n not in ignored and len({row.get(n) for row in rows}) > 1]
    series: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        series.setdefault(tuple(row.get(n) for n in varying), []).append(row)
    beside = len(varying) > 1 or len(series) > _INSIDE
    spread = max((row[x] for row in rows), default=0) - min((row[x] for row in rows), default=0)
    with style.settings():
        figure = Figure(figsize=(_COLUMN + _LEGEND * beside, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        for number, key in enumerate(sorted(series, key=lambda k: [(str(type(v)), v) for v in k])):
            points = sorted(series[key], key=lambda row: row[x])
            shift = _DODGE * spread * ((number + 0.5) / len(series) - 0.5)
            _line(axes, [row[x] + shift for row in points], points, metric, number, _name(varying, key))
        axes.set_xlabel(_x_label(x, rows))
        axes.set_ylabel(f"{label}\n(mean ± s.d., {_seeds(rows)})")
        axes.margins(x=0.06, y=0.08)
        if varying:
            where = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if beside else {"loc": "best"}
            title = ",\n".join(_LABELS[n] for n in varying) if beside else None
            axes.legend(title=title, alignment="left", handlelength=1.6, **where)
        return style.write(figure, stem, formats)


def _line(axes: Axes, x: list[float], points: list[Row], metric: str, number: int, name: str) -> None:
    deviations = [row[f"{metric}_std"] for row in points]
    axes.errorbar(
        x,
        [row[f"{metric}_avg"] for row in points],
        yerr=[0.0 if d is None else d for d in deviations] if any(d is not None for d in deviations) else None,
        label=name,
        color=style.COLOURS[number % len(style.COLOURS)],
        marker=style.MARKERS[number % len(style.MARKERS)],
        capsize=2.5,
        elinewidth=0.9,
    )


def _name(varying: Sequence[str], key: tuple[Any, ...]) -> str:
    if list(varying) == ["num_epochs"]:
        return f"{key[0]} epoch" if key[0] == 1 else f"{key[0]} epochs"
    return ", ".join(_DOMAIN.get(str(value), str(value)) for value in key)


def _x_label(x: str, rows: list[Row]) -> str:
    domains = {row.get("attack_domain") for row in rows}
    unit = _UNIT.get(str(next(iter(domains))), "") if x == "fgsm_epsilon" and len(domains) == 1 else ""
    return _LABELS[x] + unit


def _seeds(rows: list[Row]) -> str:
    counts = sorted({int(row["seeds"]) for row in rows})
    one = counts == [1]
    return f"{counts[0]} seed{'' if one else 's'}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]} seeds"
