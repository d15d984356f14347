"""Fetch one file, all of it or nothing."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from quadrat import BadInput

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A file that a data set is published as.

    Attributes:
        file: its name.
        urls: where it is, the first that answers with the right content wins; none for one that is made by hand.
        md5: of its content, None where it is not known.
        repacked: whether copies that were compressed anew are as good: then only a download is compared with `md5`.
    """

    file: str
    urls: tuple[str, ...] = ()
    md5: str | None = None
    repacked: bool = False


def fetch(archive: Archive, folder: Path, *, timeout: float = 30.0) -> Path:
    """The path of the archive in `folder`, where it is downloaded to if it is not there yet.

    Args:
        archive: what to fetch.
        folder: made if missing.
        timeout: in seconds, for each wait for the network.

    Raises:
        BadInput: not there and not to be had, or another content than published; says what to put where.
    """
    path = folder / archive.file
    if path.exists():
        if not archive.repacked:
            _check(path, archive)
        return path
    failures = []
    for url in archive.urls:
        try:
            _download(url, path, archive.md5, timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {error}")
        else:
            return path
    raise BadInput(
        "; ".join([f"there is no file '{archive.file}', and it cannot be downloaded", *failures]),
        where=str(folder),
        hint=f"put {archive.file} there by hand, or set QUADRAT_DATA to the folder that has it",
    )


def _check(path: Path, archive: Archive) -> None:
    if archive.md5 is None:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != archive.md5:
        raise BadInput(
            f"damaged, or not the published file (md5 {found}, not {archive.md5})",
            where=str(path),
            hint="delete it to have it downloaded again",
        )


def _download(url: str, path: Path, md5: str | None, timeout: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    partial = Path(name)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(handle, "wb") as stream, urllib.request.urlopen(url, timeout=timeout) as answer:
            expected = answer.headers.get("Content-Length")
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                stream.write(chunk)
        size = partial.stat().st_size
        if expected is not None and size != int(expected):
            raise ValueError(f"ended after {size} of {expected} bytes")
        if md5 is not None and digest.hexdigest() != md5:
            raise ValueError(f"another content than published (md5 {digest.hexdigest()}, not {md5})")
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
