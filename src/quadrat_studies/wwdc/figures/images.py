"""Images: what the VAE makes of them, and what the flow draws on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from ..catalog.reading import pixels, rows
from ..params import Catalog
from ..streams import draws, generator
from . import style

_COLUMNS = 10
_HUES = {
    "red": (1, 0.3, 0.3),
    "yellow": (1, 1, 0.3),
    "green": (0.3, 1, 0.3),
    "cyan": (0.3, 1, 1),
    "blue": (0.3, 0.3, 1),
}
_DIGIT = 3


@torch.no_grad()
def reconstructions(vae: Any, catalog: xr.Dataset, path: Path) -> None:
    """Test images and anomalies, each above what the VAE makes of it."""
    kinds = list(catalog.kind.attrs["names"])
    random = draws(0, "reconstructions")
    chosen = {"normal": random.permutation(rows(catalog, "test"))[:_COLUMNS]}
    for number, kind in enumerate(kinds[1:], start=1):
        chosen[kind] = random.permutation(np.flatnonzero(catalog.kind.values == number))[:_COLUMNS]
    chosen = {kind: places for kind, places in chosen.items() if len(places)}
    images = pixels(catalog)
    with style.settings():
        figure = style.new(7.0, 1.5 * len(chosen))
        grid = figure.subplots(2 * len(chosen), _COLUMNS, squeeze=False)
        for row, (kind, places) in enumerate(chosen.items()):
            shown = images[places]
            made = vae.decode(vae.encode(shown)[0])
            for column in range(_COLUMNS):
                for offset, batch in enumerate((shown, made)):
                    axes = grid[2 * row + offset, column]
                    axes.axis("off") if column >= len(places) else style.picture(axes, batch[column].numpy())
            name = "normal" if kind == "normal" else style.kind_word(kind)
            grid[2 * row, 0].set_title(f"{name}: images, and the VAE's reconstructions below")
        style.write(figure, path)


@torch.no_grad()
def samples(flow: Any, spec: Catalog, factors: tuple[str, ...], path: Path) -> None:
    """What the flow draws on request: a colour in each row, an angle in each column, from the same u everywhere."""
    angles = np.linspace(*spec.angle, 7)
    contexts = [_context(spec, factors, hue, float(angle)) for hue in _HUES.values() for angle in angles]
    u = torch.randn(1, flow.size, generator=generator(0, "samples")).expand(len(contexts), -1) * 0.7
    images = flow.vae.decode(flow.sample(u, torch.stack(contexts))).numpy()
    with style.settings():
        figure = style.new(5.2, 3.9)
        grid = figure.subplots(len(_HUES), len(angles))
        for number, image in enumerate(images):
            row, column = divmod(number, len(angles))
            style.picture(grid[row, column], image)
            if row == len(_HUES) - 1:
                grid[row, column].set_xlabel(f"{angles[column]:.0f}°".replace("-", "−"))
            if column == 0:
                grid[row, column].set_ylabel(list(_HUES)[row], rotation=0, ha="right", va="center")
        untold = [style.word(name) for name in ("r", "g", "b", "angle") if name not in factors]
        figure.suptitle(
            f"digit {_DIGIT} on request" + (f"; not told: {', '.join(untold)}" if untold else ""), fontsize=9
        )
        figure.supxlabel("requested angle", fontsize=9)
        figure.supylabel("requested colour", fontsize=9)
        style.write(figure, path)


def _context(spec: Catalog, factors: tuple[str, ...], hue: tuple[float, float, float], angle: float) -> torch.Tensor:
    asked = dict(zip("rgb", hue, strict=True)) | {"angle": angle, "scale": sum(spec.scale) / 2}
    values = torch.zeros(spec.classes + len(factors))
    values[_DIGIT] = 1
    for place, name in enumerate(factors):
        low, high = getattr(spec, name)
        values[spec.classes + place] = (asked[name] - (low + high) / 2) / ((high - low) / 2 or 1)
    return values
