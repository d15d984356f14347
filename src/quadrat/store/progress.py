"""How far runs are, as their workers tell: a small file beside the live log of each, for whoever watches the sweep."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

SUFFIX = ".progress"


def path_of(log: Path) -> Path:
    """The file that belongs to a worker's live log."""
    return log.with_name(f"{log.name.removesuffix('.log')}{SUFFIX}")


def tell(path: Path, told: Mapping[str, Any]) -> None:
    """Say how far a run is: numbers and texts. A store that cannot be written is no reason to fail."""
    partial = path.with_name(f"{path.name}.partial")
    with contextlib.suppress(OSError):
        partial.write_bytes(orjson.dumps(told))
        os.replace(partial, path)


def forget(path: Path) -> None:
    """The run is over."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def read(folder: Path) -> list[dict[str, Any]]:
    """What the workers of one owner last told; one mapping each."""
    found: list[Any] = []
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.endswith(SUFFIX):
                with contextlib.suppress(OSError, ValueError):
                    found.append(orjson.loads((folder / name).read_bytes()))
    return [one for one in found if isinstance(one, dict)]
