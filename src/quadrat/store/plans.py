"""Frozen plans in a store: a folder each, made whole by one rename, named by a hash of what is in it, never changed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from quadrat.core.errors import StoreError
from quadrat.core.identity import digest
from quadrat.store.commit import disk_error
from quadrat.store.layout import Layout

TOLD = "plan.json"
ARRAYS = "rows.npz"
CODE = "code"


def keep(
    layout: Layout,
    told: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    code: bytes,
    write_code: Callable[[Path], None],
) -> str:
    """Keep a frozen plan; returns its name. The same plan with the same code is kept once.

    Args:
        layout: of the store.
        told: what JSON holds of it.
        arrays: its columns.
        code: a hash of the study's code.
        write_code: makes the snapshot of the code in a folder.

    Raises:
        StoreError: where the store cannot be written.
    """
    data = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    columns = [f"{name}\0".encode() + arrays[name].tobytes() for name in sorted(arrays)]
    name = digest(b"".join([b"quadrat.plan.1;", data, *columns, code])).hex()[:16]
    folder = layout.frozen(name)
    if (folder / TOLD).is_file():
        return name
    partial = folder.with_name(f".{name}~{secrets.token_hex(4)}")
    try:
        (partial / CODE).mkdir(parents=True)
        write_code(partial / CODE)
        np.savez(partial / ARRAYS, **dict(arrays))  # type: ignore[arg-type]  # a name is no option of savez
        (partial / TOLD).write_bytes(data)
        with contextlib.suppress(OSError):  # somebody else may have made the same one this moment
            os.rename(partial, folder)
        if not (folder / TOLD).is_file():
            os.rename(partial, folder)
    except OSError as error:
        raise disk_error(error, layout) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return name


def told(layout: Layout, name: str) -> dict[str, Any]:
    """What JSON holds of a frozen plan.

    Raises:
        StoreError: where there is none of that name.
    """
    try:
        return dict(orjson.loads((layout.frozen(name) / TOLD).read_bytes()))
    except (OSError, ValueError) as error:
        raise StoreError(f"the frozen plan cannot be read: {error}", where=str(layout.frozen(name))) from None


def arrays(layout: Layout, name: str) -> dict[str, NDArray[Any]]:
    """The columns of a frozen plan.

    Raises:
        StoreError: where they cannot be read.
    """
    try:
        with np.load(layout.frozen(name) / ARRAYS) as found:
            return {key: found[key] for key in found.files}
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"the frozen plan cannot be read: {error}", where=str(layout.frozen(name))) from None


def code(layout: Layout, name: str) -> Path:
    """The snapshot of the study's code of a frozen plan."""
    return layout.frozen(name) / CODE
