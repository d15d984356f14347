"""Trainings as every front door needs them: the loader, its batches, and the numbers of a finished one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from quadrat import BadInput

from .catalog.reading import Conditions, check_splits, conditions, pixels, rows
from .inference.encoding import Latents
from .params import Catalog, Tree
from .streams import generator, seed_of
from .training import loading
from .training.batches import Batches
from .training.fitting import Job


@dataclass(frozen=True)
class FlowData:
    """What a flow is trained on.

    Attributes:
        catalog: the samples.
        latents: of all of them.
        conditions: of all of them, without the factors that are dropped.
    """

    catalog: xr.Dataset
    latents: Latents
    conditions: Conditions


def flow_data(spec: Catalog, catalog: xr.Dataset, latents: Latents, drop: Sequence[str], tree: Tree) -> FlowData:
    """The data of a flow.

    Raises:
        BadInput: a factor that is not in the data, a context of another size, a split without samples.
    """
    check_splits(catalog, ("train", "val", "test"), "the catalog")
    given = (tree.get("flow") or {}).get("context")
    return FlowData(catalog, latents, conditions(catalog, spec, drop, given))


def prepare_vae(tree: Tree, seed: int, catalog: xr.Dataset, loggers: Sequence[Any] = ()) -> tuple[Job, Tree]:
    """The training of a VAE, and the tree that its checkpoint keeps.

    Raises:
        BadInput: as `loading.new` does; a split without samples.
    """
    check_splits(catalog, ("train", "val"), "the catalog")
    images = pixels(catalog)
    shape = tuple(images.shape[1:])
    loader = loading.new(tree, seed, shape)
    train, val = (images[rows(catalog, split)] for split in ("train", "val"))
    order = seed_of(seed, "order")
    batches = Batches([train], loader.batch_size, order), Batches([val], loader.batch_size)
    return Job(loader, *batches, loggers), loading.filled(tree, shape, None)


def prepare_flow(
    tree: Tree, seed: int, vae_ckpt: Path, data: FlowData, loggers: Sequence[Any] = ()
) -> tuple[Job, Tree]:
    """The training of a flow, and the tree that its checkpoint keeps.

    Raises:
        BadInput: as `loading.new` does; latents of another size than the flow's features.
    """
    image, size = tuple(data.catalog.image.shape[1:]), data.latents.mean.shape[1]
    context = data.conditions.values.shape[1]
    tree = loading.filled({**tree, "vae_ckpt_path": str(vae_ckpt)}, image, context)
    features = (tree.get("flow") or {}).get("features", size)
    if tree.get("size", size) != size or features != size:
        raise BadInput(
            f"the flow is for {features} features (size {tree.get('size', size)}), but the VAE has {size} latents",
            where="lightning_loader.flow.features",
            hint=f"write features: {size} and size: {size}, or train a VAE of that size",
        )
    loader = loading.new(tree, seed, image, context)
    loading.put(loader.vae, loading.vae_of(vae_ckpt).state_dict(), vae_ckpt)
    mean, std = data.latents.mean, data.latents.std
    train, val = (torch.from_numpy(rows(data.catalog, split)) for split in ("train", "val"))
    loader.standardise(mean[train], std[train])
    parts = [[each[chosen] for each in (mean, std, data.conditions.values)] for chosen in (train, val)]
    order = seed_of(seed, "order")
    return Job(loader, Batches(parts[0], loader.batch_size, order), Batches(parts[1], 4096), loggers), tree


@torch.no_grad()
def test_loss(loader: Any, data: FlowData, seed: int) -> float:
    """The mean of -log p(z | context) over the test samples (nats)."""
    chosen = torch.from_numpy(rows(data.catalog, "test"))
    mean, std = data.latents.mean[chosen], data.latents.std[chosen]
    z = mean + std * torch.randn(mean.shape, generator=generator(seed, "test-noise"))
    return -float(loader.eval().embed(z, data.conditions.values[chosen])[1].double().mean())
