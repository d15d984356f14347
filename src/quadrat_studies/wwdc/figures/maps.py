"""Maps of embeddings: PCA and UMAP, coloured by what each sample was made with."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..catalog.reading import rows
from ..params import FACTORS
from ..streams import draws, seed_of
from . import style

_SHOWN = 1000


def latent_maps(embeddings: xr.Dataset, variable: str, path: Path) -> None:
    """Test samples in two dimensions by PCA and by UMAP (McInnes et al. 2018, arXiv 1802.03426), coloured by factor.

    Args:
        embeddings: the embeddings.
        variable: 'u' or 'z'.
        path: of the figure.
    """
    order = draws(0, "maps").permutation(rows(embeddings, "test"))[:_SHOWN]
    some = embeddings.isel(sample=order)
    x = some[variable].values.astype(np.float64)
    flat = {"PCA": _pca(x), "UMAP": _umap(x)}
    factors = embeddings.attrs["factors"]
    with style.settings():
        figure = style.new(9.0, 3.6)
        grid = figure.subplots(2, 1 + len(FACTORS))
        for row, (method, places) in enumerate(flat.items()):
            for column, name in enumerate(("label", *FACTORS)):
                axes = grid[row, column]
                shown = None
                if name == "label":
                    _digits(axes, places, some)
                else:
                    shown = _shades(axes, places, some[name].values)
                axes.set_xticks([])
                axes.set_yticks([])
                if row == 0:
                    said = variable == "u" and (" told" if name == "label" or name in factors else " not told")
                    axes.set_title(style.word(name) + (f":{said}" if said else ""), fontsize=8)
                if row == 1 and shown is not None:
                    figure.colorbar(shown, ax=axes, location="bottom", aspect=12, pad=0.02).ax.tick_params(labelsize=7)
            grid[row, 0].set_ylabel(f"{variable} by {method}")
        style.write(figure, path)


def _shades(axes: Any, places: Any, values: Any) -> Any:
    return axes.scatter(*places.T, c=values, s=2.5, cmap="viridis", linewidths=0)


def _digits(axes: Any, places: Any, some: xr.Dataset) -> None:
    """Each sample as the digit that it shows: no ten colours can be told apart by everybody."""
    labels = some.label.values
    for label in np.unique(labels):
        chosen = np.flatnonzero(labels == label)[:25]
        colour = style.COLOURS[int(label) % len(style.COLOURS)]
        axes.scatter(*places[chosen].T, marker=f"${label}$", s=13, color=colour, linewidths=0)


def _pca(x: Any) -> Any:
    from sklearn.decomposition import PCA

    return PCA(2, random_state=0).fit_transform(x)


def _umap(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its libraries' next versions; that a seed means one thread
        from umap import UMAP

        return UMAP(random_state=seed_of(0, "umap") % 2**31, n_jobs=1).fit_transform(x)
