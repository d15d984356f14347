"""The seven diagnostic figures of a sampler run, drawn from its trace.

Statistics are ArviZ's: rank-normalised and split ESS, MCSE (Vehtari et al. 2021), BFMI (Betancourt 2016), density
estimates. Ranks are those of all chains together, in bins, as Vehtari et al. (2021) draw them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import estimates, style
from .arviz_quietly import import_arviz
from .estimates import Z95, Floats, Running, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 150
_WIDE = 7.0  # inches: two columns of a journal
_SHOWN = 12  # chains drawn: more of them cannot be told apart
_MARKS = 14  # markers along a line
_DRAWN = 4000  # draws of a chain in a picture: there are no more dots across it
_CROSSES = 200  # divergences marked one by one; more of them would hide the draws
_FEW = 20  # draws; a density of less is the kernel's shape
_LOW_BFMI = 0.3  # below, energies are explored too slowly (Betancourt 2016)
_SETTLED = 0.05  # of a run: what is before it does not set the range of an axis


def draw(trace_file: Path, folder: Path) -> dict[str, Path]:
    """Draw the diagnostics of the run whose `trace.nc` is `trace_file` into `folder`.

    Writes trace, rank, energy, acf, running_llc, llc_convergence_combined and wnv as png at 150 dots per inch, and
    returns their paths under these names. Any number of chains and draws will do: a figure says so where its
    statistics do not exist (a constant trace, less than four draws). At most 12 chains are drawn apart; statistics
    are always of all. Takes about 1.5 s for 4 chains of 1000 draws, and imports of another 2 s once per process.

    Raises:
        BadInput: the trace cannot be read or lacks a variable.
    """
    trace = estimates.read(trace_file)
    along = estimates.running(trace)
    pages: Mapping[str, Callable[[Figure], None]] = {
        "trace": lambda figure: _trace(figure, trace),
        "rank": lambda figure: _rank(figure, trace),
        "energy": lambda figure: _energy(figure, trace),
        "acf": lambda figure: _acf(figure, trace),
        "running_llc": lambda figure: _running(figure, trace, along),
        "llc_convergence_combined": lambda figure: _convergence(figure, trace, along),
        "wnv": lambda figure: _wnv(figure, trace, along),
    }
    with style.settings():
        return {name: _page(page, trace, folder / name) for name, page in pages.items()}


def _page(page: Callable[[Figure], None], trace: Trace, stem: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDE, 3.0 + 0.12 * max(0, _shown(trace).stop - 6)), layout="constrained")
    figure.suptitle(_title(trace), x=0.01, ha="left", color=style.GREY, fontsize=8)
    page(figure)
    return style.write(figure, stem, ["png"], dpi=_DPI)[0]


def _title(trace: Trace) -> str:
    size = f"{_count(trace.chains, 'chain')} of {_count(trace.draws, 'draw')}"
    diverged = int(trace.diverging.sum())
    parts = [f"{trace.sampler} on {trace.target_id}", size, _count(diverged, "divergence")]
    if trace.chains > _SHOWN:
        parts.append(f"the first {_SHOWN} chains drawn")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shown(trace: Trace) -> range:
    return range(min(trace.chains, _SHOWN))


def _constant(values: Floats) -> bool:
    """Whether there is no variance, or one that is lost in the rounding of the numbers."""
    finite = values[np.isfinite(values)]
    return not finite.size or bool(np.ptp(finite) <= 1e-12 * np.abs(finite).max())


def _trace(figure: Figure, trace: Trace) -> None:
    from matplotlib.ticker import AutoLocator

    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[4, 1])
    step = -(-trace.draws // _DRAWN)
    at = np.arange(0, trace.draws, step)
    kde = import_arviz().kde
    for chain in _shown(trace):
        values = trace.llc[chain]
        look = style.series(chain) | {"linewidth": 0.6, "markersize": 3.5, "markeredgecolor": "white"}
        # Marks of the chains are shifted against each other, so that none is hidden for good.
        every = max(1, len(at) // _MARKS)
        left.plot(
            at + 1,
            values[at],
            alpha=0.85,
            label=f"chain {chain + 1}",
            markevery=(chain * every // trace.chains, every),
            markeredgewidth=0.4,
            **look,
        )
        finite = values[np.isfinite(values)]
        if finite.size >= _FEW and not _constant(values):
            grid, density = kde(finite)
            right.plot(density, grid, **style.line(chain))
    _divergences(left, trace)
    left.set(xlabel="draw", ylabel=r"$n\beta\,[L_n(w)-L_0]$ (dimensionless)")
    left.margins(x=0.01)
    _whole(left)
    right.set(xlabel="density", xticks=[])
    right.set_xlim(left=0)
    right.tick_params(labelleft=False)
    if not right.lines:
        style.say(right, "constant" if _constant(trace.llc) else "too few\ndraws")
        left.autoscale(axis="y")
        left.yaxis.set_major_locator(AutoLocator())  # shared with the panel that has none now
    style.legend(figure, left.get_legend_handles_labels()[0])


def _divergences(axes: Axes, trace: Trace) -> None:
    drawn = trace.diverging[: _shown(trace).stop]
    chains, draws = np.nonzero(drawn)
    if len(draws):
        label = f"divergence ({trace.diverging.sum()})"
        if len(draws) <= _CROSSES:
            look: dict[str, Any] = {"color": "black", "marker": "x", "s": 22, "linewidths": 1.1, "zorder": 5}
            axes.scatter(draws + 1, trace.llc[chains, draws], label=label, **look)
        # The rug shows them where the crosses lie among the lines.
        foot = np.full(len(draws), 0.012)
        rug: dict[str, Any] = {"marker": "|", "s": 40, "color": "black", "zorder": 5, "linewidths": 1.0}
        name = label if len(draws) > _CROSSES else None
        axes.scatter(draws + 1, foot, transform=axes.get_xaxis_transform(), label=name, **rug)


def _whole(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _rank(figure: Figure, trace: Trace) -> None:
    axes = figure.subplots()
    if _constant(trace.llc):
        style.say(axes, "All draws are equal: they have no ranks.")
        return
    from scipy.stats import rankdata

    names = [f"chain {chain + 1}" for chain in _shown(trace)]
    values = trace.llc
    if trace.chains == 1 and trace.draws > 1:  # alone its ranks are uniform; its halves may differ, as in split r-hat
        names = ["first half", "second half"]
        values = values[:, : trace.draws // 2 * 2].reshape(2, -1)
    ranks = rankdata(values, axis=None).reshape(values.shape)
    total, draws = values.size, values.shape[1]
    bins = int(np.clip(2 * draws ** (1 / 3), 2, 20))  # twice the cube root, as ArviZ
    edges = np.linspace(0.5, total + 0.5, bins + 1)
    expected = draws / bins
    noise = Z95 * np.sqrt(draws / bins * (1 - 1 / bins))
    counts = np.array([np.histogram(row, edges)[0] for row in ranks[: len(names)]])
    step = 1.15 * max(counts.max(), expected + noise)
    hatches = ("", "////", "....", "\\\\\\\\")
    for chain, heights in enumerate(counts):
        base = -chain * step  # chain 1 on top
        label = f"of independent draws: {expected:.3g} per bin (dashed), 95 % of bins" if not chain else None
        axes.fill_between(
            edges[[0, -1]],
            base + max(expected - noise, 0),
            base + expected + noise,
            color=style.BAND,
            lw=0,
            label=label,
        )
        axes.stairs(
            base + heights,
            edges,
            baseline=base,
            fill=True,
            facecolor=f"{style.COLOURS[chain % len(style.COLOURS)]}66",
            edgecolor=style.COLOURS[chain % len(style.COLOURS)],
            hatch=hatches[chain % len(hatches)],
            linewidth=0.8,
        )
        axes.plot(edges[[0, -1]], [base + expected] * 2, color=style.INK, linewidth=0.8, linestyle="--")
    axes.set_yticks([-chain * step for chain in range(len(names))], names)
    axes.set(xlabel=f"rank of the draw among all {total}", ylabel=f"draws per bin ({bins} bins)")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(-(len(counts) - 1) * step, step)
    style.legend(figure, axes.get_legend_handles_labels()[0])


def _energy(figure: Figure, trace: Trace) -> None:
    axes = figure.subplots()
    with np.errstate(all="ignore"):
        moves = np.diff(trace.energy, axis=1)
        centred = trace.energy - trace.energy.mean(axis=1, keepdims=True)
    if _constant(centred) or _constant(moves) or np.isfinite(moves).sum() < _FEW:
        style.say(axes, "The energy does not move, is not known, or is known for too few draws.")
        return
    kde = import_arviz().kde
    kinds: tuple[tuple[Floats, str, dict[str, Any]], ...] = (
        (centred, "marginal, $E_t-\\overline{E}$", {"color": style.COLOURS[0], "linestyle": "-"}),
        (moves, "transition, $E_t-E_{t-1}$", {"color": style.COLOURS[1], "linestyle": (0, (5, 1.5))}),
    )
    for values, label, look in kinds:
        finite = values[np.isfinite(values)]
        grid, density = kde(finite)
        axes.fill_between(grid, density, color=look["color"], alpha=0.25, linewidth=0)
        axes.plot(grid, density, label=label, linewidth=1.6, **look)
    if trace.diverging.any():
        at = centred[trace.diverging]
        foot = np.full(len(at), 0.02)
        cross: dict[str, Any] = {"marker": "x", "s": 22, "color": "black", "linewidths": 1.1}
        label = f"divergence ({len(at)}), at $E_t-\\overline{{E}}$"
        axes.scatter(at, foot, transform=axes.get_xaxis_transform(), label=label, **cross)
    axes.set(xlabel="energy (nats)", ylabel="density (1/nat)")
    axes.set_ylim(bottom=0)
    for chain, value in enumerate(estimates.bfmi(trace.energy)[: _shown(trace).stop]):
        low = f", below {_LOW_BFMI}" if value < _LOW_BFMI else ""
        axes.plot([], [], linestyle="none", label=f"chain {chain + 1}: BFMI {value:.2f}{low}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _acf(figure: Figure, trace: Trace) -> None:
    axes = figure.subplots()
    if trace.draws < 3 or _constant(trace.llc):
        style.say(axes, "Without variance there is no autocorrelation.")
        return
    correlation = np.full(trace.llc.shape, np.nan)
    for chain, values in enumerate(trace.llc):
        if np.isfinite(values).all() and not _constant(values):
            correlation[chain] = import_arviz().autocorr(values)
    noise = Z95 / np.sqrt(trace.draws)
    # As far as something is to be seen: three times beyond where the slowest chain is first within the noise.
    inside = [np.argmax(row < noise) or len(row) for row in correlation[: _shown(trace).stop]]
    last = int(min(max(20, 3 * max(inside)), trace.draws - 1))
    lags = np.arange(last + 1)
    axes.axhspan(-noise, noise, color=style.BAND, linewidth=0, label=f"95 % of white noise, ±{noise:.2f}")
    axes.axhline(0, color=style.INK, linewidth=0.7)
    for chain in _shown(trace):
        size = estimates.ess(trace.llc[[chain]])
        axes.plot(
            lags,
            correlation[chain, : last + 1],
            label=f"chain {chain + 1}: ESS {_number(size)}",
            markevery=max(1, last // _MARKS),
            **style.series(chain),
        )
    axes.set(xlabel="lag (draws)", ylabel="autocorrelation")
    axes.set_xlim(-0.01 * last, 1.01 * last)
    axes.plot([], [], linestyle="none", label=f"all chains: ESS {_number(estimates.ess(trace.llc))}")
    style.legend(figure, axes.get_legend_handles_labels()[0])


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "unknown"


def _running(figure: Figure, trace: Trace, along: Running) -> None:
    axes = figure.subplots()
    with np.errstate(all="ignore"):
        means = np.cumsum(trace.llc, axis=1) / np.arange(1, trace.draws + 1)
    at = np.arange(0, trace.draws, -(-trace.draws // _DRAWN))
    for chain in _shown(trace):
        every = max(1, len(at) // _MARKS)
        look = style.series(chain) | {"linewidth": 1.0}
        marks = (chain * every // trace.chains, every)
        axes.plot(at + 1, means[chain, at], label=f"chain {chain + 1}", markevery=marks, **look)
    _pooled(axes, along.draws, along)
    axes.set(xlabel="draws of each chain", ylabel=f"running {style.LLC}")
    settled = means[: _shown(trace).stop, int(_SETTLED * trace.draws) :]
    _fit(axes, along, settled)
    axes.margins(x=0.01)
    _whole(axes)
    style.legend(figure, axes.get_legend_handles_labels()[0])


def _pooled(axes: Axes, x: Any, along: Running) -> None:
    """The estimate of all chains with its band, on the axis `x`."""
    half = Z95 * along.mcse
    end = estimates.with_error(along.mean[-1], half[-1])
    look: dict[str, Any] = {"color": style.BAND, "linewidth": 0, "zorder": 1}
    axes.fill_between(x, along.mean - half, along.mean + half, label="95 % (±1.96 MCSE)", **look)
    mark = "o" if len(along.mean) == 1 else ""
    axes.plot(x, along.mean, color="black", linewidth=1.8, marker=mark, label=f"all chains: {end}", zorder=4)


def _fit(axes: Axes, along: Running, *others: Any) -> None:
    """A range of y that the first few draws do not blow up."""
    late = along.draws >= _SETTLED * along.draws[-1]
    half = np.nan_to_num(Z95 * along.mcse)
    limits = style.span([(along.mean - half)[late], (along.mean + half)[late], *others])
    if limits:
        axes.set_ylim(*limits)


def _convergence(figure: Figure, trace: Trace, along: Running) -> None:
    # A variational fit has its work in the optimisation, so the bound shows better than its independent draws whether
    # the work was enough; the draws have the other panel.
    fitted = trace.elbo is not None and trace.elbo_fge is not None and trace.elbo.size > 0
    left, right = figure.subplots(1, 2, sharey=not fitted)
    if fitted:
        _elbo(left, trace)
    else:
        _pooled(left, along.fge, along)
        left.set(xlabel=f"{style.FGE}, all chains", ylabel=style.LLC)
    # Seconds are in proportion to full-gradient equivalents: only the whole of a run is measured.
    _pooled(right, along.seconds, along)
    right.set(xlabel="sampling time (s)")
    for axes in (left, right):
        if axes.get_xscale() == "linear":
            axes.locator_params(axis="x", nbins=5)
    if fitted:
        right.set_ylabel(style.LLC)
    else:
        right.tick_params(labelleft=False)
    _fit(right, along)
    style.legend(figure, right.get_legend_handles_labels()[0])


def _elbo(axes: Axes, trace: Trace) -> None:
    elbo = np.asarray(trace.elbo)
    fge = np.asarray(trace.elbo_fge)
    kept = np.unique(np.geomspace(1, len(elbo), _DRAWN).astype(int)) - 1
    axes.plot(fge[kept], elbo[kept], color=style.COLOURS[0], linewidth=0.7)
    # The first steps are far below and would press the rest into a line: the axis begins ten times the range of the
    # second half below the best value.
    late = elbo[len(elbo) // 2 :][np.isfinite(elbo[len(elbo) // 2 :])]
    floor = late.max() - 10 * np.ptp(late) if late.size and np.ptp(late) else -np.inf
    seen = elbo >= floor
    limits = style.span([elbo[seen]])
    if limits:
        axes.set_ylim(*limits)
        start = fge[int(np.argmax(seen))]
        if 0 < start < fge[-1] / 20:
            axes.set_xscale("log")
            axes.set_xlim(left=0.8 * start)
    axes.set(xlabel=f"{style.FGE} of the fit", ylabel="ELBO (nats)")


def _wnv(figure: Figure, trace: Trace, along: Running) -> None:
    left, right = figure.subplots(1, 2)
    panels = (
        (left, along.fge, f"{style.FGE}, all chains", "MCSE² × FGE (FGE)"),
        (right, along.seconds, "sampling time (s)", "MCSE² × time (s)"),
    )
    for axes, work, xlabel, ylabel in panels:
        variance = along.mcse**2 * work
        known = np.isfinite(variance) & (variance > 0)
        if not known.any():
            why = "no work is counted" if not np.any(work > 0) else "no variance is known"
            style.say(axes, f"Nothing to draw: {why}.")
            continue
        look = style.series(0) | {"marker": "o", "markersize": 3.0}
        axes.plot(work[known], variance[known], label="along the run", **look)
        # The error of an estimate that converges at the rate 1/work has a constant product with the work.
        level = f"its last value, {variance[known][-1]:.3g}"
        axes.axhline(variance[known][-1], color=style.INK, linewidth=0.8, linestyle="--", label=level)
        axes.set_xscale("log")
        axes.set_yscale("log")
        # Whole decades, so that a level line looks level, and room above for the legend.
        low, high = np.log10(variance[known].min()), np.log10(variance[known].max())
        axes.set_ylim(10 ** np.floor(low), 10 ** (np.floor(high) + 1.6))
        style.decades(axes)
        axes.legend(loc="upper left")
        axes.set(xlabel=xlabel, ylabel=ylabel)
