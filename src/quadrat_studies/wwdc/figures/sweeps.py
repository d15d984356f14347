"""What the sweep shows: which factors are left in u, how well detectors do, and what active learning gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from ..params import FACTORS
from ..summary import CHANCE, LINEAR
from . import style

Rows = Sequence[Mapping[str, Any]]


def factor_scores(rows: Rows, *paths: Path) -> None:
    """The linear score of each factor in u, for each sweep: one mark for each seed, and the mean with its interval."""
    chosen = [row for row in rows if row["test"] == LINEAR and row["target"] in FACTORS]
    sweeps = list(dict.fromkeys(row["sweep"] for row in chosen))
    with style.settings():
        figure = style.new(9.0, 2.8)
        grid = figure.subplots(1, max(1, len(sweeps)), sharey=True, squeeze=False)[0]
        for axes, sweep in zip(grid, sweeps, strict=False):
            axes.axhspan(-1, CHANCE, color=style.PALE, lw=0)
            for row in (row for row in chosen if row["sweep"] == sweep):
                place, told = list(FACTORS).index(row["target"]), bool(row["told"])
                colour, marker = (style.COLOURS[0], "o") if told else (style.COLOURS[1], "D")
                axes.plot([place] * len(row["effects"]), row["effects"], marker, color=colour, ms=3, alpha=0.5, mew=0)
                if row["low"] is not None:
                    off = [[row["effect"] - row["low"]], [row["high"] - row["effect"]]]
                    axes.errorbar(place + 0.22, row["effect"], off, fmt=marker, color=colour, ms=4, capsize=2)
            axes.set_xticks(range(len(FACTORS)), list(FACTORS))
            axes.set_xlim(-0.5, len(FACTORS) - 0.3)
            axes.set_ylim(-0.2, 1)
            axes.set_title(sweep, fontsize=8)
        grid[0].set_ylabel("score of the factor in u\n(out-of-fold R²)")
        handles = [
            Line2D([], [], color=style.COLOURS[0], marker="o", ls="", label="told to the flow"),
            Line2D([], [], color=style.COLOURS[1], marker="D", ls="", label="not told"),
            Line2D([], [], color=style.PALE, lw=7, label=f"chance level (R² ≤ {CHANCE})"),
            Line2D([], [], color=style.GREY, marker="|", ls="-", label="mean, 95% t interval over seeds"),
        ]
        style.legend(figure, handles)
        style.write(figure, *paths)


def detection(rows: Rows, *paths: Path) -> None:
    """AUROC of every detector for every kind of anomaly, each sweep beside the others, with intervals."""
    kinds, detectors = (list(dict.fromkeys(row[key] for row in rows)) for key in ("kind", "detector"))
    sweeps = list(dict.fromkeys(row["sweep"] for row in rows))
    with style.settings():
        figure = style.new(9.0, 1.2 + 0.42 * max(3, len(detectors)))
        grid = figure.subplots(1, max(1, len(kinds)), sharey=True, sharex=True, squeeze=False)[0]
        for axes, kind in zip(grid, kinds, strict=False):
            axes.axvline(0.5, color=style.GREY, lw=0.7, ls=":")
            for row in (row for row in rows if row["kind"] == kind):
                number = sweeps.index(row["sweep"])
                height = detectors.index(row["detector"]) + 0.16 * (number - (len(sweeps) - 1) / 2)
                off = [[row["auroc"] - row["auroc_low"]], [row["auroc_high"] - row["auroc"]]]
                axes.errorbar(row["auroc"], height, xerr=np.abs(off), capsize=0, ms=3.5, lw=1, **_mark(number))
            axes.set_title(style.kind_word(kind), fontsize=8)
            axes.grid(axis="x", color=style.PALE, lw=0.5)
        grid[0].set_yticks(range(len(detectors)), detectors)
        grid[0].invert_yaxis()
        grid[len(grid) // 2].set_xlabel("AUROC (mean over seeds, 95% bootstrap interval over seeds and samples)")
        handles = [Line2D([], [], label=name, ls="", **_colour(number)) for number, name in enumerate(sweeps)]
        style.legend(figure, handles)
        style.write(figure, *paths)


def learning(rows: Rows, *paths: Path) -> None:
    """Average precision against the number of labels, for every strategy of active learning."""
    sweeps, strategies = (list(dict.fromkeys(row[key] for row in rows)) for key in ("sweep", "strategy"))
    with style.settings():
        figure = style.new(9.0, 2.8)
        grid = figure.subplots(1, max(1, len(sweeps)), sharey=True, squeeze=False)[0]
        for axes, sweep in zip(grid, sweeps, strict=False):
            for number, strategy in enumerate(strategies):
                own = [row for row in rows if row["sweep"] == sweep and row["strategy"] == strategy]
                x, mean, low, high = (np.array([row[key] for row in own]) for key in ("labels", "mean", "low", "high"))
                colour = style.COLOURS[number % len(style.COLOURS)]
                axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
                axes.plot(x, mean, color=colour, ls=style.LINES[number % len(style.LINES)])
            axes.set_title(sweep, fontsize=8)
            axes.set_xlabel("labels")
            axes.set_ylim(0, 1)
        grid[0].set_ylabel("average precision\non held-out samples")
        handles = [
            Line2D([], [], color=style.COLOURS[n % 7], ls=style.LINES[n % 4], label=style.word(name))
            for n, name in enumerate(strategies)
        ]
        style.legend(figure, handles)
        style.write(figure, *paths)


def _colour(number: int) -> dict[str, Any]:
    return {"color": style.COLOURS[number % len(style.COLOURS)], "marker": style.MARKERS[number % len(style.MARKERS)]}


def _mark(number: int) -> dict[str, Any]:
    return {"color": _colour(number)["color"], "fmt": _colour(number)["marker"]}
