"""Loaders: made anew from their tree, or from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from quadrat import BadInput

from ..instantiating import make
from ..params import Tree
from ..streams import seed_of

Shape = tuple[int, ...]


def new(tree: Tree, seed: int, image: Shape, context: int | None = None) -> Any:
    """A loader with fresh weights.

    What the data decide is filled in where the tree leaves it out: the shape of an image, the size of the context, and
    the latent size of the networks.

    Args:
        tree: the tree `lightning_loader`.
        seed: of the weights, and of all that training draws.
        image: channels, height, width.
        context: numbers that a flow is conditioned on.

    Raises:
        BadInput: a target that does not import or does not take what the tree gives.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "init"))
        loader = make(filled(tree, image, context), "lightning_loader")
    loader.seed = seed
    return loader


def filled(tree: Tree, image: Shape, context: int | None) -> Tree:
    """A tree with what the data decide."""
    tree = dict(tree)
    known: dict[str, Tree] = {"vae": {"size": tree.get("size"), "image": list(image)}, "flow": {"context": context}}
    for part, values in known.items():
        if isinstance(tree.get(part), Mapping):
            given = {name: value for name, value in tree[part].items() if value is not None}
            tree[part] = {**{name: value for name, value in values.items() if value is not None}, **given}
    return tree


def load(path: Path) -> Any:
    """The loader that a checkpoint was made from, with its weights, ready to be asked.

    Raises:
        BadInput: no file there, or one that is no checkpoint of this study.
    """
    kept = read(path)
    loader = make(kept["lightning_loader"], "lightning_loader")
    put(loader, kept["state_dict"], path)
    return loader.eval().requires_grad_(False)


def put(module: Any, state: Mapping[str, Any], path: Path) -> None:
    """Put weights into a module.

    Raises:
        BadInput: they are of another one.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise BadInput(
            f"the checkpoint is of another model: {str(error).splitlines()[-1].strip()}",
            where=str(path),
            hint="a checkpoint fits the model.yaml that it was trained with",
        ) from None


def read(path: Path) -> dict[str, Any]:
    """What a checkpoint holds."""
    if not path.is_file():
        raise BadInput("there is no checkpoint", where=str(path))
    try:
        kept: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        kept["lightning_loader"], kept["state_dict"]
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes torch say
        raise BadInput(f"this is no checkpoint of wwdc: {error}", where=str(path)) from None
    return kept


def vae_of(path: Path) -> Any:
    """The network of a VAE's checkpoint."""
    return load(path).vae
