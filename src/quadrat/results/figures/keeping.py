"""Figures as files, each with what it was made from: the command, and the runs behind it."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from quadrat.core.errors import BadInput, unknown
from quadrat.results.figures.style import UNDATED, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("pdf", "png", "svg")
_SIGN = "quadrat-figure:"
_TEXT = re.compile(rb"quadrat-figure:([A-Za-z0-9+/=]+);")  # closed: a checksum may follow at once
_KEYS = {"pdf": "Keywords", "png": "Quadrat", "svg": "Description"}


@dataclass(frozen=True)
class Source:
    """What a figure was made from.

    Attributes:
        command: that makes it again.
        store: the folder of the store, as it was named.
        study, task: whose runs are shown.
        runs: their ids, 32 hexadecimal digits each.
    """

    command: str
    store: str
    study: str
    task: str
    runs: Sequence[str]


def save(figure: Figure, output: Path, source: Source | None = None) -> None:
    """Write a figure; its suffix says the format. The same numbers give the same bytes.

    Args:
        figure: drawn in this style.
        output: a .pdf, .png or .svg.
        source: kept in the file's metadata, compressed; `source_of` reads it.

    Raises:
        BadInput: for another suffix, or a file that cannot be written.
    """
    kind = output.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise unknown("kind of figure", output.suffix, [f".{one}" for one in KINDS])
    metadata: dict[str, Any] = dict(UNDATED.get(kind, {}))
    if source is not None:
        metadata[_KEYS[kind]] = f"{_SIGN}{base64.b64encode(zlib.compress(orjson.dumps(asdict(source)), 9)).decode()};"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with settings():
            figure.savefig(output, format=kind, dpi=300, metadata=metadata)
    except OSError as error:
        raise BadInput(f"'{output}' cannot be written: {error.strerror}") from None


def source_of(path: Path) -> Source | None:
    """What a figure in a file was made from; None for any other file."""
    if path.suffix.lower().removeprefix(".") not in KINDS:
        return None
    found = _TEXT.search(path.read_bytes())
    if found is None:
        return None
    try:
        return Source(**orjson.loads(zlib.decompress(base64.b64decode(found[1]))))
    except (ValueError, zlib.error, TypeError):
        return None
