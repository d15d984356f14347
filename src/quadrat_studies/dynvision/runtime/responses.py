"""Responses of a test in one file, written batch by batch, so that they are never all in memory.

The file is in the format of safetensors; `as_pt` makes one that `torch.load` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

_KINDS = {"float16": "F16", "float32": "F32"}
Array = NDArray[Any]


class ResponseFile:
    """A file of arrays whose first axis is filled from the beginning to the end.

    Args:
        path: the file.
        shapes: for each array its name, its whole shape and "float16" or "float32".
        about: further facts, kept as text.
    """

    def __init__(
        self, path: Path, shapes: Mapping[str, tuple[tuple[int, ...], str]], about: Mapping[str, object]
    ) -> None:
        header: dict[str, Any] = {"__metadata__": {name: json.dumps(value) for name, value in about.items()}}
        end = 0
        for name, (shape, kind) in shapes.items():
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            header[name] = {"dtype": _KINDS[kind], "shape": list(shape), "data_offsets": [end, end + size]}
            end += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + end)
        self._arrays = {
            name: np.memmap(path, kind, "r+", 8 + len(text) + header[name]["data_offsets"][0], shape)
            for name, (shape, kind) in shapes.items()
            if np.prod(shape)
        }
        self._filled = dict.fromkeys(shapes, 0)

    def append(self, name: str, values: Tensor) -> None:
        """Fill the next places of an array (values as many as there are, the rest of the shape as declared)."""
        if name in self._arrays:
            start = self._filled[name]
            self._arrays[name][start : start + len(values)] = values.detach().cpu().numpy()
            self._filled[name] = start + len(values)

    def close(self) -> None:
        """Write what is not yet written."""
        for array in self._arrays.values():
            array.flush()
        self._arrays.clear()


def read_responses(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays of a file, mapped into memory, and its further facts."""
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:  # type: ignore[no-untyped-call,unused-ignore]
        about = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 - it is no mapping


def as_pt(source: Path, target: Path) -> None:
    """Write responses as `torch.load` reads them: a dict of tensors by layer."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(source), target)
