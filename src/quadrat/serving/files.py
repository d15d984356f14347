"""Files that are sent: the page's own, by a list of their names; and artifacts, which never leave a run's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from quadrat.core.errors import StoreError
from quadrat.watching.runs import Found, log_of
from quadrat.web import asset

_HERE = Path(__file__).parent / "static"
_PAGE = "ui.html"
_OWN = (_PAGE, "ui.css", "main.js", "parts.js", "overview.js", "runs.js", "run.js", "compare.js", "failures.js")
_SHARED = {
    "uplot.js": "vendor/uPlot.iife.min.js",
    "uplot.css": "vendor/uPlot.min.css",
    "tabulator.js": "vendor/tabulator.min.js",
    "tabulator.css": "vendor/tabulator_simple.min.css",
    "charts.js": "charts.js",
}
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_IMAGES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".svg": "image/svg+xml",
}  # fmt: skip
_TEXTS = (".txt", ".log", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".md", ".toml")
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Artifacts are users' files: what one of them says, even an SVG, is not run."""
_MOST_LISTED = 500
_PART_BYTES = 1 << 18


def static(request: Request) -> Response:
    """A file of the page itself."""
    name = request.path_params.get("name", _PAGE)
    if name not in (*_OWN, *_SHARED):
        return PlainTextResponse("there is no such file\n", 404)
    return Response(_static(name), media_type=_TYPES[Path(name).suffix])


@lru_cache
def _static(name: str) -> str:
    return asset(_SHARED[name]) if name in _SHARED else (_HERE / name).read_text(encoding="utf-8")


def artifact(found: Found, name: str, inside: str = "") -> Response:
    """An artifact of a finished run: a file, or of a folder the names in it, or one of them.

    Raises:
        StoreError: for one that is not there, or lies outside the run's folder.
    """
    record, folder = found.record, found.folder
    if record is None or folder is None or found.state != "finished" or name not in record.artifacts:
        raise StoreError(f"run {found.id[:12]} has no artifact of this name")
    path = _within(folder, Path(record.artifacts[name].path) / inside)
    if path.is_dir():
        names = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file() and not one.is_symlink())[
            :_MOST_LISTED
        ]
        return Response(orjson.dumps(names), media_type="application/json")
    headers = {"Content-Security-Policy": _SANDBOX}
    kind = path.suffix.lower()
    shown: dict[str, Any] = {"filename": path.name, "headers": headers}
    if kind in _IMAGES:
        return FileResponse(path, media_type=_IMAGES[kind], content_disposition_type="inline", **shown)
    if kind in _TEXTS:
        return FileResponse(path, media_type="text/plain", content_disposition_type="inline", **shown)
    return FileResponse(path, media_type="application/octet-stream", **shown)


def log_file(found: Found) -> Response:
    """The whole log of a run, as text: of one that runs what is there now, however it grows."""
    headers = {"Content-Security-Policy": _SANDBOX}
    if found.log is None or not found.log.is_file():
        return PlainTextResponse(log_of(found), headers=headers)
    return StreamingResponse(_parts(found.log), media_type="text/plain; charset=utf-8", headers=headers)


def _parts(path: Path) -> Iterator[bytes]:
    """A file by parts, up to where it ends now."""
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0 and (part := file.read(min(left, _PART_BYTES))):
            left -= len(part)
            yield part


def _within(folder: Path, path: Path) -> Path:
    """A file in a run's folder.

    Raises:
        StoreError: where there is none, or it lies elsewhere, also by a link.
    """
    home = folder.resolve()
    try:
        whole = (home / path).resolve(strict=True)
    except (OSError, ValueError):
        raise StoreError("there is no such file in this run") from None
    if path.is_absolute() or ".." in path.parts or not whole.is_relative_to(home) or whole == home:
        raise StoreError("there is no such file in this run")
    return whole
