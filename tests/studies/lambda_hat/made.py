"""Made-up traces: chains of a known mean and autocorrelation, in the files that sampler runs write."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("h5netcdf", reason="needs the extra jax")

from quadrat_studies.lambda_hat.arviz_quietly import import_arviz

SECONDS = 3.0


def chains(count: int = 4, draws: int = 200, *, mean: float = 7.5, rho: float = 0.5, seed: int = 0) -> NDArray[Any]:
    """(chain, draw): autoregressive chains of order 1 with standard deviation 2."""
    noise = np.random.default_rng(seed).normal(size=(count, draws))
    for draw in range(1, draws):
        noise[:, draw] = rho * noise[:, draw - 1] + np.sqrt(1 - rho**2) * noise[:, draw]
    return np.asarray(mean + 2 * noise)


def write_trace(file: Path, llc: NDArray[Any], *, sampler: str = "hmc", diverging: int = 0, **stats: Any) -> Path:
    """Write `llc` as a trace.nc, with `diverging` divergences spread over it; `stats` replace sample statistics."""
    diverged = np.isin(np.arange(llc.size), np.linspace(0, llc.size - 1, diverging).round())
    energy = 20 + llc + np.random.default_rng(1).normal(size=llc.shape)
    work = np.cumsum(np.full(llc.shape, 10.0), axis=1)
    kept = {"energy": energy, "diverging": diverged.reshape(llc.shape), "fge": work} | stats
    attrs = {"sampler": sampler, "target_id": "tgt_0123456789ab", "L0": 0.1, "n": 100, "walltime_sec": SECONDS}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="More chains", category=UserWarning)  # some tests have few draws
        data = import_arviz().from_dict(
            posterior={"llc": llc, "L": llc / 100},
            sample_stats={name: value for name, value in kept.items() if value is not None},
            posterior_attrs=attrs,
        )
    if sampler == "vi":
        import xarray

        step = np.arange(1.0, 501.0)
        fit = {"elbo": ("step", -40 - 1e5 * np.exp(-step / 20)), "fge": ("step", 4 * step)}
        data.add_groups({"optimization": xarray.Dataset(fit)})
    file.parent.mkdir(parents=True, exist_ok=True)
    data.to_netcdf(str(file))
    return file
