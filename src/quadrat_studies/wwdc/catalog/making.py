"""Coloured, rotated and scaled digits with the factors that made them, as one xarray dataset.

Each digit is painted as `grey x (r, g, b)` on black, after a rotation by `angle` and a scaling by `scale` about its
centre. Samples of the splits train, val and test are normal; those of the split anomaly are of four kinds: a digit that
no normal sample shows, a colour and an angle outside the normal range, and normal samples that were corrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ..params import FACTORS, SPLITS, Catalog, Interval

KINDS = ("normal", "digit", "colour", "angle", "corrupted")
_ROUND = 1024  # images warped at once


def make(spec: Catalog, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> xr.Dataset:
    """The catalog of `spec` from grey images (N, h, w) uint8 with labels (N,).

    Splits are cut by source image, so that no digit is in two of them; each is drawn `copies` times, with other
    factors. Of the anomalies there are `spec.anomalies` of each kind.

    Returns:
        A dataset over `sample` with image (sample, channel, y, x) uint8, label, the factors r, g, b (in [0, 1]), angle
        (degrees, anticlockwise) and scale, and for each sample its split, its kind and the index of its source.
    """
    draws = np.random.default_rng(spec.seed)
    order = draws.permutation(len(images))[: spec.images or None]
    held_out = order[labels[order] == spec.held_out.label]
    normal = order[labels[order] != spec.held_out.label]
    parts = _cut(spec, normal)
    rows = [_rows(spec, split, "normal", np.repeat(part, spec.copies), draws) for split, part in parts.items()]
    count = spec.anomalies
    for kind in KINDS[1:]:
        pool = held_out if kind == "digit" else parts["test"]
        if len(pool):
            rows.append(_rows(spec, "anomaly", kind, draws.choice(pool, count), draws))
    table = {name: np.concatenate([one[name] for one in rows]) for name in rows[0]}
    painted = _paint(images[table["source"]], table, spec.size)
    spoilt = np.flatnonzero(table["kind"] == "corrupted")
    painted[spoilt] = _corrupt(painted[spoilt], draws)
    return _dataset(spec, painted, labels[table["source"]], table)


def _cut(spec: Catalog, normal: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    val, test = (round(share * len(normal)) for share in (spec.val_share, spec.test_share))
    return {"train": normal[val + test :], "val": normal[:val], "test": normal[val : val + test]}


def _rows(
    spec: Catalog, split: str, kind: str, source: np.ndarray[Any, Any], draws: np.random.Generator
) -> dict[str, np.ndarray[Any, Any]]:
    count = len(source)
    rows = {name: _uniform(draws, getattr(spec, name), count) for name in FACTORS}
    if kind == "colour":
        rows["r"] = _uniform(draws, spec.held_out.r, count)
    if kind == "angle":
        rows["angle"] = _uniform(draws, spec.held_out.angle, count) * draws.choice([-1, 1], count)
    filled = {"source": source.astype(np.int64), "split": np.full(count, split), "kind": np.full(count, kind)}
    return {name: column.astype(np.float32) for name, column in rows.items()} | filled


def _uniform(draws: np.random.Generator, between: Interval, count: int) -> np.ndarray[Any, Any]:
    return draws.uniform(between[0], between[1], count)


def _paint(grey: np.ndarray[Any, Any], table: Mapping[str, np.ndarray[Any, Any]], size: int) -> np.ndarray[Any, Any]:
    """Images (N, 3, size, size) uint8 of grey ones (N, h, w) uint8."""
    colours = torch.as_tensor(np.stack([table[name] for name in "rgb"], axis=1))
    turns = torch.deg2rad(torch.as_tensor(table["angle"])), torch.as_tensor(table["scale"])
    rounds = zip(torch.as_tensor(grey).split(_ROUND), *(each.split(_ROUND) for each in (*turns, colours)), strict=True)
    return np.concatenate([_warp(some, angle, scale, colour, size) for some, angle, scale, colour in rounds])


def _warp(grey: Tensor, angle: Tensor, scale: Tensor, colour: Tensor, size: int) -> np.ndarray[Any, Any]:
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    still = torch.zeros_like(cos)
    back = torch.stack([torch.stack([cos, -sin, still], 1), torch.stack([sin, cos, still], 1)], 1)
    grid = torch.nn.functional.affine_grid(back, [len(grey), 1, size, size], align_corners=False)
    warped = torch.nn.functional.grid_sample(grey[:, None].float(), grid, mode="bilinear", align_corners=False)
    painted: np.ndarray[Any, Any] = (warped * colour[:, :, None, None]).round().clamp(0, 255).byte().numpy()
    return painted


def _corrupt(images: np.ndarray[Any, Any], draws: np.random.Generator) -> np.ndarray[Any, Any]:
    """Every second image with Gaussian noise (s.d. a fifth of the range), the others with their middle blotted out."""
    spoilt = images.astype(np.float32)
    spoilt[::2] += draws.normal(0, 51, spoilt[::2].shape)
    low, high = images.shape[-1] // 4, images.shape[-1] * 3 // 4
    spoilt[1::2, :, low:high, low:high] = 0
    return spoilt.round().clip(0, 255).astype(np.uint8)


def _dataset(
    spec: Catalog, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], table: Mapping[str, np.ndarray[Any, Any]]
) -> xr.Dataset:
    variables: dict[str, Any] = {
        "image": (("sample", "channel", "y", "x"), images),
        "label": ("sample", labels.astype(np.int64), {"classes": spec.classes}),
    }
    variables |= {name: ("sample", table[name], {"units": unit}) for name, unit in FACTORS.items()}
    variables |= {
        "split": ("sample", np.array([SPLITS.index(one) for one in table["split"]], "i1"), {"names": list(SPLITS)}),
        "kind": ("sample", np.array([KINDS.index(one) for one in table["kind"]], "i1"), {"names": list(KINDS)}),
        "source": ("sample", table["source"]),
    }
    return xr.Dataset(
        variables,
        coords={"sample": np.arange(len(images)), "channel": list("rgb")},
        attrs={"title": "digits in colour, rotated and scaled", "definition": definition(spec)},
    )


def definition(spec: Catalog) -> str:
    """What a catalog was made from, as kept with it: a file with another one is not taken for it."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True)
