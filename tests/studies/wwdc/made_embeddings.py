"""Embeddings whose truth is known: what u depends on is chosen, and where the anomalies lie."""

from __future__ import annotations

import numpy as np
import xarray as xr

from quadrat_studies.wwdc.params import FACTORS

SPLITS = ["train", "val", "test", "anomaly"]
KINDS = ["normal", "digit", "colour"]


def embeddings(
    count: int = 400, *, dims: int = 4, leak: float = 0.0, anomalies: int = 0, far: float = 3.0, seed: int = 0
) -> xr.Dataset:
    """Standard normal u, with a share `leak` of the factor b in its first dimension; half train, half test.

    Args:
        count: normal samples.
        dims: dimensions of u and z.
        leak: 0 for u that knows nothing, 1 for a first dimension that is b itself.
        anomalies: samples of each of two kinds, `far` standard deviations away.
        far: how far.
        seed: of everything.
    """
    random = np.random.default_rng(seed)
    total = count + 2 * anomalies
    u = random.standard_normal((total, dims))
    factors = {name: random.standard_normal(total) for name in FACTORS}
    u[:, 0] = np.sqrt(1 - leak**2) * u[:, 0] + leak * factors["b"]
    kind = np.repeat([0, 1, 2], [count, anomalies, anomalies])
    u[kind > 0] += far / np.sqrt(dims)
    split = np.where(kind > 0, 3, np.where(np.arange(total) % 2, 2, 0))
    log_prob = -0.5 * np.square(u).sum(1)
    variables = {
        **{name: (("sample", "latent"), u.astype(np.float32)) for name in ("u", "z", "u_marginal")},
        **dict.fromkeys(("log_prob", "log_prob_marginal"), ("sample", log_prob)),
        **{name: ("sample", values) for name, values in factors.items()},
        "label": ("sample", random.integers(0, 4, total)),
        "kind": ("sample", kind, {"names": KINDS}),
        "split": ("sample", split, {"names": SPLITS}),
    }
    attrs = {"seed": seed, "factors": ["r", "g"], "splits": SPLITS}
    return xr.Dataset(variables, coords={"sample": np.arange(total)}, attrs=attrs)
