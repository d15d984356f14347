"""Embeddings: latents z, base coordinates u and log p(z | context) of samples, as one xarray dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from quadrat import BadInput

from ..catalog.reading import Conditions, check_splits, rows
from ..params import FACTORS
from ..streams import generator
from .encoding import Latents

_ROUND = 2048


@torch.no_grad()
def embed(
    flow: Any,
    catalog: xr.Dataset,
    latents: Latents,
    conditions: Conditions,
    splits: Sequence[str],
    seed: int,
    about: Mapping[str, Any],
) -> xr.Dataset:
    """Embed the samples of some splits.

    z is one draw from q(z | x) with noise that depends on the seed and the sample's place in the catalog alone. For
    samples whose label nobody knows, as in the search for anomalies, there is the density averaged over the labels of
    normal samples, log p(z | factors), and u under the most probable of them.

    Args:
        flow: a trained `LightningFlow`.
        catalog: the catalog.
        latents: of all its samples.
        conditions: of all its samples.
        splits: names of splits.
        seed: of the noise.
        about: what the attributes of the dataset say beside.

    Returns:
        A dataset over `sample` (the catalog's ids) with z and u (sample, latent), log_prob, u_marginal,
        log_prob_marginal, guess (the most probable label), label, the factors, kind, split and source.

    Raises:
        BadInput: a split that does not exist, or has no samples.
    """
    check_splits(catalog, splits, "the catalog")
    chosen = np.sort(np.concatenate([rows(catalog, split) for split in splits]))
    part = catalog.isel(sample=chosen)
    noise = torch.randn(latents.mean.shape, generator=generator(seed, "embed"))
    z = (latents.mean + latents.std * noise)[chosen]
    values = conditions.values[chosen]
    if not torch.isfinite(z).all():
        raise BadInput("the VAE gives latents that are not finite", hint="its training has diverged: lower its lr")
    u, log_prob = _rounds(flow, z, values)
    known = np.unique(catalog.label.values[rows(catalog, "train")])
    marginal = _marginal(flow, z, values, known, classes=int(catalog.label.attrs["classes"]))
    variables: dict[str, Any] = {name: (("sample", "latent"), each.numpy()) for name, each in (("z", z), ("u", u))}
    variables |= {"log_prob": ("sample", log_prob.numpy(), {"units": "nats"})}
    kept = part[["label", *FACTORS, "kind", "split", "source"]].drop_vars("channel", errors="ignore")
    attrs = {**about, "factors": list(conditions.factors), "splits": list(splits)}
    return xr.Dataset(variables, coords={"sample": part.sample}, attrs=attrs).assign(marginal).merge(kept)


def _rounds(flow: Any, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    pairs = [flow.embed(*some) for some in zip(z.split(_ROUND), context.split(_ROUND), strict=True)]
    u, log_prob = (torch.cat(each) for each in zip(*pairs, strict=True))
    return u, log_prob


def _marginal(
    flow: Any, z: Tensor, context: Tensor, known: np.ndarray[Any, Any], classes: int
) -> dict[str, tuple[Any, Any]]:
    every = []
    for label in known:
        said = context.clone()
        said[:, :classes] = torch.nn.functional.one_hot(torch.tensor(int(label)), classes)
        every.append(_rounds(flow, z, said))
    logs = torch.stack([log_prob for _, log_prob in every])
    best = logs.argmax(0)
    u = torch.stack([each for each, _ in every])[best, torch.arange(len(z))]
    averaged = torch.logsumexp(logs, 0) - float(np.log(len(known)))
    return {
        "u_marginal": (("sample", "latent"), u.numpy()),
        "log_prob_marginal": ("sample", averaged.numpy()),
        "guess": ("sample", known[best.numpy()]),
    }


def write(dataset: xr.Dataset, path: Any) -> None:
    """Keep embeddings as zarr, one file for each variable."""
    whole = {name: {"chunks": variable.shape} for name, variable in dataset.variables.items()}
    dataset.to_zarr(path, mode="w", zarr_format=2, encoding=whole, consolidated=True)


def open_embeddings(path: Any) -> xr.Dataset:
    """What `write` kept, in memory."""
    with xr.open_zarr(path, consolidated=True) as kept:
        loaded: xr.Dataset = kept.load()
        return loaded
