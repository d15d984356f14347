"""Densities and detectors of one sweep: log p of normal samples and of anomalies, and ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from . import style


def log_prob_histograms(embeddings: xr.Dataset, path: Path) -> None:
    """log p(z | factors) of normal test samples against each kind of anomaly."""
    kinds, values = embeddings.kind.values, embeddings.log_prob_marginal.values
    test = embeddings.split.values == list(embeddings.split.attrs["names"]).index("test")
    names = [name for number, name in enumerate(embeddings.kind.attrs["names"]) if number and np.any(kinds == number)]
    low, high = np.quantile(values, [0.005, 1.0])
    bins = np.linspace(low, high, 50)
    with style.settings():
        figure = style.new(9.0, 2.5)
        grid = figure.subplots(1, max(1, len(names)), sharey=True, squeeze=False)[0]
        for axes, name in zip(grid, names or ["normal"], strict=True):
            clipped = np.clip(values, low, high)
            axes.hist(clipped[test], bins, density=True, color=style.PALE, label="normal")
            if names:
                number = list(embeddings.kind.attrs["names"]).index(name)
                axes.hist(clipped[kinds == number], bins, density=True, histtype="step", color=style.COLOURS[1])
            axes.set_title(style.kind_word(name) if names else "normal")
        grid[0].set_ylabel("density (1/nat)")
        place = (len(grid) - 1) // 2
        grid[place].set_xlabel(
            "log p(z | factors), label unknown (nats; the first bin has all below)", x=0.5 + 0.55 * (len(grid) > 1)
        )
        handles = [Line2D([], [], color=style.PALE, lw=6, label="normal test samples")]
        handles += [Line2D([], [], color=style.COLOURS[1], label="anomalies")] if names else []
        style.legend(figure, handles)
        style.write(figure, path)


def roc_curves(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """ROC curves of every detector for every kind of anomaly, averaged over seeds.

    Args:
        runs: of each seed, `detector` (D,), `scores` (D, N) and `anomaly` (N,), the kind of each sample, 0 for normal;
            `kind`, the names of kinds.
        path: of the figure.
    """
    detectors, kinds = list(runs[0]["detector"]), [str(name) for name in runs[0]["kind"]]
    grid_x = np.linspace(0, 1, 201)
    with style.settings():
        figure = style.new(9.0, 2.9)
        panels = figure.subplots(1, max(1, len(kinds)), sharey=True, squeeze=False)[0]
        for place, kind in enumerate(kinds):
            axes = panels[place]
            axes.plot([0, 1], [0, 1], color=style.GREY, lw=0.7, ls=":")
            for number, _ in enumerate(detectors):
                curves = [_roc(run["scores"][number], run["anomaly"], place, grid_x) for run in runs]
                axes.plot(grid_x, np.mean(curves, axis=0), **_look(number))
            axes.set_title(style.kind_word(kind))
            axes.set_aspect("equal")
            axes.set_xticks([0, 0.5, 1])
        panels[0].set_ylabel("true positive rate")
        panels[len(panels) // 2].set_xlabel("false positive rate")
        style.legend(figure, [Line2D([], [], label=name, **_look(n)) for n, name in enumerate(detectors)])
        style.write(figure, path)


def _look(number: int) -> dict[str, Any]:
    return {
        "color": style.COLOURS[number % len(style.COLOURS)],
        "linestyle": style.LINES[number // len(style.COLOURS) % len(style.LINES)],
    }


def _roc(scores: Any, kinds: Any, place: int, grid_x: Any) -> Any:
    """The ROC curve on a grid; place 0 is all kinds together."""
    chosen = (kinds == 0) | (place == 0) | (kinds == place)
    order = np.argsort(-scores[chosen], kind="stable")
    truth = kinds[chosen][order] > 0
    hits, alarms = np.cumsum(truth) / truth.sum(), np.cumsum(~truth) / (~truth).sum()
    return np.interp(grid_x, np.concatenate([[0], alarms]), np.concatenate([[0], hits]))
