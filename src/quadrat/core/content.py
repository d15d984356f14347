"""Checksums of files: what a user's file is known by, and what an artifact is checked against."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from quadrat.core.errors import BadInput


def sha256(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's file names and contents in sorted order, as 64 hexadecimal digits."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for part in sorted(part for part in path.rglob("*") if part.is_file()):
        whole.update(f"{part.relative_to(path).as_posix()}\0{sha256(part)}\n".encode())
    return whole.hexdigest()


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())


def content_digest(path: Path) -> str:
    """The checksum of a file that a user gives as a parameter; read once for each (path, size, mtime, inode)."""
    try:
        stat = path.stat()
    except OSError as error:
        raise BadInput(f"there is no file '{path}'", hint=error.strerror) from None
    return _cached(Path(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=4096)
def _cached(path: Path, _size: int, _mtime: int, _inode: int) -> str:
    return sha256(path)
