"""The figures of a sweep's page: λ̂ by target, its convergence, its work-normalised variance, its cost."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import estimates, style
from .estimates import Z95, Running
from .rows import Entry, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6
"""Targets that the figure of convergence shows."""
FORMATS = ("png", "pdf")
_WIDE = 7.0  # inches: two columns of a journal
_COLUMN = 30  # targets below each other
_TALLEST = 8.4  # inches, for the rows of a column: a page
_LINE = 0.135  # inches, of a target's name
_LOG = 30  # ratio of the largest to the least λ̂ from which on the axis is logarithmic
_LATE = 0.25  # of a run: what is before it does not set the range of an axis


def draw_all(runs: Sequence[Entry], traces: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Draw llc, convergence, work_variance and cost of `runs` (with their `traces`) as png and pdf into `folder`.

    Returns the paths by name: llc, llc_pdf and so on.

    Raises:
        BadInput: a trace cannot be read.
    """
    from matplotlib.figure import Figure

    along = [estimates.running(estimates.read(trace)) for trace in traces]
    pages: Mapping[str, Callable[[Figure], None]] = {
        "llc": lambda figure: _llc(figure, runs),
        "convergence": lambda figure: _convergence(figure, runs, along),
        "work_variance": lambda figure: _work_variance(figure, runs, along),
        "cost": lambda figure: _cost(figure, runs),
    }
    written: dict[str, Path] = {}
    with style.settings():
        for name, page in pages.items():
            figure = Figure(layout="constrained")
            page(figure)
            png, pdf = style.write(figure, folder / name, FORMATS)
            written |= {name: png, f"{name}_pdf": pdf}
    return written


def _order(runs: Sequence[Entry]) -> dict[str, int]:
    """The number of each series, which is its colour, line and marker."""
    return {name: i for i, name in enumerate(dict.fromkeys(run.series for run in runs))}


def _face(run: Entry, colour: str) -> str:
    return colour if run.converged else "white"


def _names(runs: Sequence[Entry], *, lines: bool) -> list[Any]:
    """The legend's series."""
    from matplotlib.lines import Line2D

    plain = {} if lines else {"linestyle": "none"}
    return [Line2D([], [], label=name, **(style.series(i) | plain)) for name, i in _order(runs).items()]


def _hollow(runs: Sequence[Entry]) -> list[Any]:
    """The legend's word for hollow marks, where there are some."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": style.GREY, "markerfacecolor": "white"}
    return [] if all(run.converged for run in runs) else [Line2D([], [], label="not converged", **look)]


def _wrapped(name: str, width: int) -> str:
    """Lines of at most `width` characters, broken after commas only."""
    whole = name.replace(" ", "\N{NO-BREAK SPACE}").replace(",\N{NO-BREAK SPACE}", ", ")
    return "\n".join(textwrap.wrap(whole, width)).replace("\N{NO-BREAK SPACE}", " ")


def _limits(runs: Sequence[Entry]) -> tuple[float, float] | None:
    """Of the axis of λ̂: around the intervals of converged runs, or of all where none has converged."""
    chosen = [run for run in runs if run.converged] or [run for run in runs if math.isfinite(run.llc)]
    return style.span([[run.llc - run.half, run.llc + run.half, run.llc] for run in chosen], margin=0.08)


def _llc(figure: Figure, runs: Sequence[Entry]) -> None:
    order, names = _order(runs), {run.target: run.name for run in runs}
    columns = -(-len(names) // _COLUMN)
    rows = -(-len(names) // columns)
    labels = {target: _wrapped(name, 24 if columns > 1 else 44) for target, name in names.items()}
    lines = max((label.count("\n") + 1 for label in labels.values()), default=1)
    height = min(max(0.2, 0.1 + 0.11 * len(order), 0.06 + _LINE * lines), _TALLEST / rows)
    figure.set_size_inches(_WIDE, 1.0 + max(height * rows, 0.8))
    panels = figure.subplots(1, columns, sharex=True, squeeze=False)[0]
    limits = _limits(runs)
    counted = [run.llc for run in runs if run.converged]
    ratio = max(counted) / min(counted) if counted and min(counted) > 0 else 1.0
    if ratio > _LOG:
        limits = min(counted) / 1.5, max(counted) * 1.5
    small = 8.0 if height > 0.3 else 6.5
    for column, axes in enumerate(panels):
        here = list(names)[column * rows : (column + 1) * rows]
        for place, target in enumerate(here):
            if place % 2:
                axes.axhspan(place - 0.5, place + 0.5, color="#F0F0F0", linewidth=0, zorder=0)
            for run in runs:
                if run.target == target:
                    shift = (order[run.series] - (len(order) - 1) / 2) * 0.76 / len(order)
                    _point(axes, run, place + shift, order[run.series], limits, 2.6 if height < 0.3 else 4.0)
        axes.set_yticks(range(len(here)), [labels[target] for target in here], fontsize=small)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(style.LLC)
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        axes.set_axisbelow(True)
    if ratio > _LOG:
        panels[0].set_xscale("log")
    if limits:
        panels[0].set_xlim(*limits)
    style.legend(figure, _names(runs, lines=False) + _hollow(runs))


def _point(axes: Axes, run: Entry, y: float, series: int, limits: tuple[float, float] | None, size: float) -> None:
    look = style.series(series)
    face = _face(run, look["color"])
    if limits and not limits[0] <= run.llc <= limits[1]:  # NaN too: it has no place, and is not drawn
        if math.isfinite(run.llc):
            low = run.llc < limits[0]
            mark = {
                "marker": "<" if low else ">",
                "color": look["color"],
                "markerfacecolor": face,
                "markersize": size + 1,
            }
            axes.plot([limits[0] if low else limits[1]], [y], clip_on=False, zorder=4, **mark)  # type: ignore[arg-type,unused-ignore]
        return
    if not math.isfinite(run.llc):
        return
    error: dict[str, Any] = {"elinewidth": 0.8, "capsize": 0.5 * size, "capthick": 0.8, "xerr": [run.half]}
    axes.errorbar(
        [run.llc],
        [y],
        fmt="none" if not look["marker"] else look["marker"],
        color=look["color"],
        markerfacecolor=face,
        markersize=size,
        markeredgewidth=0.8,
        zorder=3,
        **(error if math.isfinite(run.half) else {}),
    )


def _work(run: Entry, along: Running) -> Any:
    """FGE along a run; for a fit whose draws take no gradient, that of the fit."""
    return along.fge if np.any(along.fge > 0) else along.fge + number(run.row, "fge_warmup")


def _convergence(figure: Figure, runs: Sequence[Entry], along: Sequence[Running]) -> None:
    order, names = _order(runs), {run.target: run.name for run in runs}
    shown = list(names)[:PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure.set_size_inches(_WIDE if columns > 1 else 4.5, 0.8 + 2.1 * rows)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes, target in zip(panels, shown, strict=False):
        late = []
        here = [(run, look) for run, look in zip(runs, along, strict=True) if run.target == target]
        for run, path in here:
            _way(axes, run, path, order[run.series])
            if run.converged or not any(other.converged for other, _ in here):
                settled = path.draws >= _LATE * path.draws[-1]
                half = np.nan_to_num(Z95 * path.mcse)
                late += [(path.mean - half)[settled], (path.mean + half)[settled]]
        limits = style.span(late, margin=0.25)
        if limits:
            axes.set_ylim(*limits)
        axes.set_xscale("log")
        style.decades(axes)
        axes.set_title(_wrapped(names[target], 36), fontsize=7.5)
    for axes in panels[len(shown) :]:
        axes.remove()
    if len(names) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(names)} targets", x=0.01, ha="left", color=style.GREY)
    # As the label of panels (of three in a row, the middle one): one of the figure would lie in the legend's place.
    lowest = panels[(rows - 1) * columns : len(shown)]
    for axes in lowest[1:2] if len(lowest) > 2 else lowest:
        axes.set_xlabel(f"{style.FGE}, all chains", fontsize=None if columns < 3 else 8)
    figure.supylabel(f"running {style.LLC}", fontsize=9)
    style.legend(figure, _names(runs, lines=True) + _hollow(runs))


def _way(axes: Axes, run: Entry, along: Running, series: int) -> None:
    """The running estimate of a run, with its band and a mark at its end."""
    look, work = style.series(series), _work(run, along)
    known = np.isfinite(along.mean) & (work > 0)
    if not known.any():
        return
    x, mean, half = work[known], along.mean[known], Z95 * along.mcse[known]
    pale = 1.0 if run.converged else 0.45
    axes.fill_between(x, mean - half, mean + half, color=look["color"], alpha=0.15 * pale, linewidth=0)
    axes.plot(x, mean, color=look["color"], linestyle=look["linestyle"], alpha=pale)
    end = {"color": look["color"], "marker": look["marker"], "markerfacecolor": _face(run, look["color"])}
    axes.plot(x[-1:], mean[-1:], zorder=4, **end)


def _work_variance(figure: Figure, runs: Sequence[Entry], along: Sequence[Running]) -> None:
    order = _order(runs)
    figure.set_size_inches(5.0, 4.2)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends = []
    alpha = float(np.clip(12 / len(runs), 0.25, 0.9))
    for run, path in zip(runs, along, strict=True):
        look, work = style.series(order[run.series]), _work(run, path)
        known = np.isfinite(path.mcse) & (path.mcse > 0) & (work > 0) & (path.draws >= min(20, path.draws[-1]))
        if not known.any():
            continue
        x, y = work[known], path.mcse[known] ** 2
        axes.plot(x, y, color=look["color"], linestyle=look["linestyle"], linewidth=0.8, alpha=alpha)
        mark = {"color": look["color"], "marker": look["marker"], "markerfacecolor": _face(run, look["color"])}
        axes.plot(x[-1:], y[-1:], zorder=4, **mark)
        ends.append(x[-1] * y[-1])
    if ends:
        _guides(axes, ends)
    else:
        style.say(axes, "No run has a variance.")
    axes.set(xlabel=f"{style.FGE}, all chains", ylabel=r"MCSE² of $\hat{\lambda}$ (dimensionless)")
    style.legend(figure, [*_names(runs, lines=True), *(_guide_key() if ends else ()), *_hollow(runs)])


def _guide_key() -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=style.GREY, linestyle=":", linewidth=0.8, label="constant MCSE² × FGE (FGE)")]


def _guides(axes: Axes, products: Sequence[float]) -> None:
    """Lines of constant work-normalised variance through the decades of `products`, with their value at the edge."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    right, bottom = right * 1.5, bottom / 2.0  # room for the values
    low, high = math.floor(math.log10(min(products))), math.ceil(math.log10(max(products)))
    for power in range(low, high + 1, max(1, (high - low) // 5)):
        value = 10.0**power
        axes.plot(
            [left, right], [value / left, value / right], color=style.GREY, linestyle=":", linewidth=0.8, zorder=1
        )
        # Where the line leaves the picture on its lower right.
        x, y = (right, value / right) if value / right >= bottom else (value / bottom, bottom)
        if y > top or x < left:
            continue
        inside = {"xytext": (3, 0), "va": "center"} if x == right else {"xytext": (2, 3), "va": "bottom"}
        place: dict[str, Any] = inside | {
            "textcoords": "offset points",
            "ha": "left",
            "fontsize": 7,
            "color": style.GREY,
        }
        axes.annotate(f"$10^{{{power}}}$", (x, y), annotation_clip=False, **place)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _cost(figure: Figure, runs: Sequence[Entry]) -> None:
    order = _order(runs)
    figure.set_size_inches(_WIDE, 1.3 + 0.42 * len(order))
    panels = figure.subplots(1, 2, sharey=True)
    kinds = (("walltime_sec", "warmup_sec", "ESS per second (1/s)"), ("fge", "fge_warmup", "ESS per FGE"))
    for axes, (work, warmup, label) in zip(panels, kinds, strict=True):
        axes.set_xscale("log")
        drawn = []
        for name, i in order.items():
            mine = [run for run in runs if run.series == name]
            look = style.series(i)
            for place, run in enumerate(mine):
                rate, whole = run.rate(work), run.rate(work, warmup)
                if not rate > 0:
                    continue
                y = i + (0.5 * (place + 0.5) / len(mine) - 0.25 if len(mine) > 1 else 0.0)  # side by side
                axes.plot([whole, rate], [y, y], color=look["color"], linewidth=0.6, alpha=0.6, zorder=2)
                mark = {"color": look["color"], "marker": look["marker"], "markerfacecolor": _face(run, look["color"])}
                axes.plot([rate], [y], markersize=4, markeredgewidth=0.8, zorder=3, **mark)
                drawn += [rate, whole]
            counted = [run.rate(work) for run in mine if run.converged and run.rate(work) > 0]
            if counted:
                axes.plot([float(np.median(counted))] * 2, [i - 0.38, i + 0.38], color="black", linewidth=1.6, zorder=4)
        if not drawn:
            style.say(axes, "no work is counted")
        style.decades(axes)
        axes.set(xlabel=label)
        axes.grid(axis="x", color="#DDDDDD", linewidth=0.5)
        axes.set_axisbelow(True)
    panels[0].set_yticks(list(order.values()), list(order))
    panels[0].set_ylim(len(order) - 0.5, -0.5)
    style.legend(figure, _cost_key() + _hollow(runs))


def _cost_key() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color="black", linewidth=1.6, label="median of converged runs"),
        Line2D([], [], color=style.GREY, linewidth=0.6, label="down to: warm-up counted too"),
    ]
