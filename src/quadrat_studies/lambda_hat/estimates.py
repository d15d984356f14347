"""What a trace says along its way: the estimate of λ, its error, and the work that it took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quadrat import BadInput

from .arviz_quietly import import_arviz

Floats: TypeAlias = NDArray[np.float64]
Z95 = 1.959963984540054
"""Half-width of a normal 95 % interval in standard errors."""
_LOOKS = 48  # places along a run where its error is estimated: 0.3 ms each


@dataclass(frozen=True, eq=False)
class Trace:
    """A sampler run as `trace.nc` has it; arrays are (chain, draw) unless said otherwise.

    Attributes:
        sampler: its name.
        target_id: of the target that was sampled.
        llc: nβ(L_n(w) − L0) at each draw, dimensionless; its mean is λ̂.
        energy: the potential or the Hamiltonian, in nats; NaN where the sampler kept none.
        diverging: whether the transition to this draw diverged.
        fge: full-gradient equivalents of the chain up to this draw, warm-up not counted.
        seconds: of sampling, for the whole run.
        elbo: (step,) evidence lower bounds of a variational fit in nats, or None.
        elbo_fge: (step,) full-gradient equivalents up to that step, or None.
    """

    sampler: str
    target_id: str
    llc: Floats
    energy: Floats
    diverging: NDArray[np.bool_]
    fge: Floats
    seconds: float
    elbo: Floats | None = None
    elbo_fge: Floats | None = None

    @property
    def chains(self) -> int:
        """How many chains."""
        return len(self.llc)

    @property
    def draws(self) -> int:
        """How many draws of each chain."""
        return int(self.llc.shape[1])

    @cached_property
    def work(self) -> Floats:
        """(draw,) full-gradient equivalents of all chains together up to a draw."""
        return np.asarray(self.fge.sum(axis=0), dtype=float)

    @cached_property
    def clock(self) -> Floats:
        """(draw,) seconds of sampling up to a draw.

        Only the whole is measured, so it is spread in proportion to the work; without any work (a variational fit
        whose draws take no gradient), in proportion to the draws.
        """
        spent = self.work if self.work[-1] > 0 else np.arange(1.0, self.draws + 1)
        return np.asarray(self.seconds * spent / spent[-1], dtype=float)


@dataclass(frozen=True, eq=False)
class Running:
    """Estimates from the first draws of all chains, at some places along a run; arrays are (place,).

    Attributes:
        draws: how many draws of each chain were used.
        mean: λ̂, the mean of `llc` over them.
        mcse: Monte-Carlo standard error of `mean` by ArviZ: standard deviation / √ESS, the ESS over all chains
            (Vehtari et al. 2021). NaN for less than 4 draws and where a value is not finite.
        fge: full-gradient equivalents of all chains.
        seconds: of sampling.
    """

    draws: NDArray[np.int64]
    mean: Floats
    mcse: Floats
    fge: Floats
    seconds: Floats


def read(file: Path) -> Trace:
    """Read a `trace.nc`: an ArviZ InferenceData in netCDF.

    Straight from the file, which takes a sixth of the time of building an InferenceData.

    Raises:
        BadInput: the file cannot be read, or lacks a variable.
    """
    import h5netcdf  # type: ignore[import-untyped,import-not-found,unused-ignore]

    try:
        with h5netcdf.File(file, "r") as data:
            posterior, stats = data["posterior"], data["sample_stats"]
            llc = np.asarray(posterior["llc"][...], dtype=float)
            fit = data["optimization"] if "optimization" in data.groups else None
            return Trace(
                sampler=str(posterior.attrs["sampler"]),
                target_id=str(posterior.attrs["target_id"]),
                llc=llc,
                energy=_or(stats, "energy", np.full(llc.shape, np.nan)).astype(float),
                diverging=_or(stats, "diverging", np.zeros(llc.shape, dtype=bool)).astype(bool),
                fge=np.asarray(stats["fge"][...], dtype=float),
                seconds=float(posterior.attrs["walltime_sec"]),
                elbo=None if fit is None else np.asarray(fit["elbo"][...], dtype=float),
                elbo_fge=None if fit is None else np.asarray(fit["fge"][...], dtype=float),
            )
    except KeyError as error:
        missing = str(error.args[0]) if error.args else str(error)
        raise BadInput(f"the trace lacks something: {missing}", where=str(file)) from error
    except OSError as error:
        raise BadInput(f"cannot be read as a trace: {error}", where=str(file)) from error


def _or(group: object, name: str, default: NDArray[np.generic]) -> NDArray[np.generic]:
    variables = group.variables  # type: ignore[attr-defined]
    return np.asarray(variables[name][...]) if name in variables else default


def running(trace: Trace) -> Running:
    """The estimates along `trace`, at up to 48 places in geometric progression, the last draw among them."""
    first = min(4, trace.draws)
    draws = np.unique(np.geomspace(first, trace.draws, _LOOKS).round().astype(np.int64))
    with np.errstate(all="ignore"):  # a chain may have left for infinity
        total = np.cumsum(trace.llc.sum(axis=0))
    return Running(
        draws=draws,
        mean=total[draws - 1] / (draws * trace.chains),
        mcse=np.array([mcse(trace.llc[:, :count]) for count in draws]),
        fge=trace.work[draws - 1],
        seconds=trace.clock[draws - 1],
    )


def mcse(values: Floats) -> float:
    """Monte-Carlo standard error of the mean of `values` (chain, draw); NaN where ArviZ cannot tell."""
    if not _told(values):
        return np.nan
    return float(np.asarray(import_arviz().mcse(values)).item())  # an array of one value with some numpy


def ess(values: Floats) -> float:
    """Effective sample size of the mean of `values` (chain, draw); NaN where ArviZ cannot tell."""
    return float(import_arviz().ess(values, method="mean")) if _told(values) else np.nan


def bfmi(energy: Floats) -> Floats:
    """(chain,) Bayesian fraction of missing information (Betancourt 2016); NaN for constant or unknown energies."""
    if energy.shape[1] < 2:
        return np.full(len(energy), np.nan)
    with np.errstate(all="ignore"):
        return np.atleast_1d(np.asarray(import_arviz().bfmi(energy), dtype=float))


def with_error(value: float | None, half: float | None) -> str:
    """`value` ± `half`, both to the two leading digits of `half`; `value` to four digits where `half` is unknown."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if half is None or not math.isfinite(half):
        return f"{value:.4g}"
    if half == 0 or abs(value) >= 1e6 or half < 1e-6:
        return f"{value:.4g} ± {half:.2g}"
    places = max(0, 1 - math.floor(math.log10(float(f"{half:.1e}"))))
    return f"{value:.{places}f} ± {half:.{places}f}"


def _told(values: Floats) -> bool:
    """Whether ArviZ gives a number, instead of words on the standard error stream."""
    return values.shape[1] >= 4 and bool(np.isfinite(values).all())
