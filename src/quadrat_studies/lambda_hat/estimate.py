"""From the chains of a run to its estimate of λ, with what says how far it can be trusted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quadrat import QuadratError

from .arviz_quietly import import_arviz

if TYPE_CHECKING:
    from .samplers.lanes import Chains, Floats

arviz = import_arviz()
LARGEST_R_HAT = 1.05
SMALLEST_ESS = 100.0
LARGEST_PARETO_K = 0.7


def llc_draws(chains: Chains, heat: float, loss0: float) -> Floats:
    """nβ(L_n(w) − L₀) of each draw (chains, draws); their mean is λ̂ (Lau et al. 2023, arXiv 2308.12108).

    Raises:
        QuadratError: a chain became NaN or infinite; the first such draw is told.
    """
    bad = ~np.isfinite(chains.loss)
    if bad.any():
        first = int(bad.any(axis=0).argmax())
        chain = int(bad[:, first].argmax())
        raise QuadratError(
            f"chain {chain + 1} of {len(bad)} became {chains.loss[chain, first]} at draw {first + 1} "
            f"of {bad.shape[1]} ({int(bad.any(axis=1).sum())} of {len(bad)} chains did)",
            hint="a smaller step_size",
        )
    return heat * (chains.loss - loss0)


def analyse(chains: Chains, heat: float, loss0: float) -> dict[str, Any]:
    """The numbers of `analysis.json`; None where there is none.

    `llc_sem` is the Monte Carlo standard error, `ess` the effective sample size of the mean, `r_hat` rank-normalised
    split r̂ (Vehtari et al. 2021, arXiv 1903.08008), by ArviZ; of a single chain between its halves. `converged` says
    r̂ ≤ 1.05 and ESS ≥ 100.

    Draws of a fitted q are independent, and there is no r̂. Whether q covers the posterior is told by the tail of the
    importance weights p/q in its place: `pareto_k` ≤ 0.7 (Yao et al. 2018, arXiv 1802.02538); and `llc_psis` is λ̂ with
    the draws so weighted.

    Args:
        chains: what was drawn.
        heat: nβ.
        loss0: L₀.

    Raises:
        QuadratError: a chain became NaN or infinite.
    """
    draws = llc_draws(chains, heat, loss0)
    std = float(draws.std(ddof=1))
    judged, is_sound = _of_independent(draws, chains) if "log_q" in chains.stats else _of_chains(draws, std)
    ess = judged["ess"]
    return {
        "llc_mean": float(draws.mean()),
        "llc_std": std,
        "llc_sem": std / math.sqrt(ess) if ess else None,
        "llc_min": float(draws.min()),
        "llc_max": float(draws.max()),
        **judged,
        "divergences": int(chains.diverging.sum()),
        "fge": float(chains.fge[:, -1].sum()),
        "fge_warmup": float(chains.fge_warmup),
        "walltime_sec": chains.seconds + chains.warmup_seconds,
        "warmup_sec": chains.warmup_seconds,
        "compile_sec": chains.compile_seconds,
        "converged": bool(is_sound and ess is not None and ess >= SMALLEST_ESS),
        "chains": int(draws.shape[0]),
        "draws": int(draws.shape[1]),
    }


def _of_chains(draws: Floats, std: float) -> tuple[dict[str, float | None], bool]:
    """ESS and r̂ of Markov chains, and whether r̂ is small; nothing is known of chains that never moved."""
    if std == 0:
        return dict.fromkeys(("ess", "ess_bulk", "ess_tail", "r_hat")), False
    ess, bulk, tail = (_number(arviz.ess(draws, method=name)) for name in ("mean", "bulk", "tail"))
    halves = draws if len(draws) > 1 else draws[:, : draws.shape[1] // 2 * 2].reshape(2, -1)
    r_hat = _number(arviz.rhat(halves))
    return {
        "ess": ess,
        "ess_bulk": bulk,
        "ess_tail": tail,
        "r_hat": r_hat,
    }, r_hat is not None and r_hat <= LARGEST_R_HAT


def _of_independent(draws: Floats, chains: Chains) -> tuple[dict[str, float | None], bool]:
    """The same of draws of a fitted q, with λ̂ by importance weights, and whether the tail of these is light."""
    size = float(draws.size)
    log_weights, shape = arviz.psislw((-chains.energy - chains.stats["log_q"]).ravel())
    weighted, k = _number(np.exp(log_weights) @ draws.ravel()), _number(shape)
    judged = {"ess": size, "ess_bulk": size, "ess_tail": size, "r_hat": None, "llc_psis": weighted, "pareto_k": k}
    return judged, k is not None and k <= LARGEST_PARETO_K


def write_analysis(values: Mapping[str, Any], file: Path) -> None:
    """Write `analysis.json`; there is no NaN in it."""
    file.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_trace(chains: Chains, heat: float, loss0: float, about: Mapping[str, Any], file: Path) -> None:
    """Write `trace.nc`, which ArviZ opens: posterior (llc, L, and params where kept) and sample_stats.

    Args:
        chains: what was drawn.
        heat: nβ.
        loss0: L₀.
        about: what to say of the run, as attributes of the group posterior.
        file: where to.
    """
    posterior = {"llc": heat * (chains.loss - loss0), "L": chains.loss}
    if chains.params is not None:
        posterior["w"] = chains.params
    stats = {"energy": chains.energy, "diverging": chains.diverging, "fge": chains.fge, **chains.stats}
    # ArviZ's own name for the step size of each draw is the same; `L` of MCLMC is no loss.
    stats = {("momentum_length" if name == "L" else name): np.asarray(value) for name, value in stats.items()}
    told = arviz.from_dict(posterior=posterior, sample_stats=stats)
    told.posterior.attrs.update({name: value for name, value in about.items() if value is not None})
    if chains.curve:
        import xarray

        told.add_groups(optimization=xarray.Dataset({name: ("step", value) for name, value in chains.curve.items()}))
    told.to_netcdf(str(file), engine="h5netcdf")


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
