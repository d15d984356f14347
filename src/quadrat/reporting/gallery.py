"""Images that runs made, small enough to be mailed."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrat.results.human import exact
from quadrat.results.table import RUN, Table
from quadrat.store.store import Store

KINDS = (".png", ".jpg", ".jpeg", ".webp")
_WIDTH = 480
_MOST = 60
_LARGEST = 40_000_000
"""Pixels: what is larger is not opened."""


@dataclass(frozen=True)
class Picture:
    """An image: the artifact, the run, what sets the run apart, a small copy as a data address, and its path."""

    artifact: str
    run: str
    told: str
    address: str
    path: str


def pictures(store: Store, records: Sequence[Mapping[str, Any]], made: Table) -> list[Picture]:
    """The images among the artifacts of a task's runs, at most 60, spread over the runs."""
    wanted = [
        (name, raw, artifact["path"])
        for raw in records
        for name, artifact in raw.get("artifacts", {}).items()
        if str(artifact["path"]).lower().endswith(KINDS)
    ]
    step = -(-len(wanted) // _MOST) or 1
    rows = {row[RUN]: row for row in made.rows.iter_rows(named=True)}
    varying = made.varying()
    found = []
    for name, raw, path in wanted[::step]:
        file = store.layout.run(raw["id"], raw["attempt"]) / path
        address = _small(file)
        if address:
            row = rows.get(raw["id"], {})
            told = ", ".join(f"{one}={exact(row[one])}" for one in varying if row.get(one) is not None)
            found.append(Picture(name, raw["id"], told, address, str(file)))
    return found


def _small(file: Path) -> str | None:
    """A copy of at most 480 pixels in width, as a data address; None for what cannot be opened."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height > _LARGEST:
                return None
            small = opened.convert("RGBA" if opened.mode in ("P", "LA", "RGBA") else "RGB")
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    if small.width > _WIDTH:
        small = small.resize((_WIDTH, max(1, round(small.height * _WIDTH / small.width))), Image.Resampling.LANCZOS)
    kept = io.BytesIO()
    small.save(kept, "WEBP", quality=82)
    return f"data:image/webp;base64,{base64.b64encode(kept.getvalue()).decode()}"
