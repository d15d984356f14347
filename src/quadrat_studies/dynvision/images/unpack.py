"""Archives into class folders, and nothing outside of them."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from quadrat import BadInput

from .folders import is_image

Place = Callable[[tuple[str, ...]], tuple[str, str] | None]
"""From the parts of a member's name to its class and file name; None for a member that is not wanted."""


def unpack(archive: Path, into: Path, place: Place) -> None:
    """Write the images of a tar or zip file to `into`/<class>/<file>, as `place` says.

    Raises:
        BadInput: the archive is damaged or cut off, or a member's name would lead out of the folder or is a link.
    """
    made: set[str] = set()
    with _readable(archive):
        for name, content in _members(archive):
            parts = _parts(name, archive)
            found = place(parts) if is_image(parts[-1]) else None
            if found is None:
                continue
            if _parts("/".join(found), archive) != found:
                raise BadInput(f"'{found[0]}' is no name of a class", where=str(archive))
            folder = into / found[0]
            if found[0] not in made:
                folder.mkdir(parents=True, exist_ok=True)
                made.add(found[0])
            with (folder / found[1]).open("wb") as target:
                shutil.copyfileobj(content, target)


def read_members(archive: Path, names: set[str]) -> dict[str, bytes]:
    """The content of members of a tar or zip file, by the last part of their name.

    Raises:
        BadInput: one is missing, or the archive is damaged.
    """
    found = {}
    with _readable(archive):
        for name, content in _members(archive):
            last = _parts(name, archive)[-1]
            if last in names:
                found[last] = content.read()
    if missing := sorted(names - found.keys()):
        raise BadInput(f"not in the archive: {', '.join(missing)}", where=str(archive))
    return found


def below(subset: str, depth: int) -> Place:
    """Members `…/<subset>/<class>/…/<file>` with `depth` parts below the subset; others are not wanted."""

    def place(parts: tuple[str, ...]) -> tuple[str, str] | None:
        if len(parts) <= depth or parts[-depth - 1] != subset:
            return None
        return parts[-depth], parts[-1]

    return place


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadInput(f"the member '{name}' would be written outside of the folder", where=str(archive))
    return path.parts


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names of the files in it, in their order, each with its content, which is to be read before the next."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                if not entry.is_dir():
                    with packed.open(entry) as content:
                        yield entry.filename, content
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdir():
                continue
            file = tar.extractfile(member) if member.isreg() else None
            if file is None:
                raise BadInput(f"the member '{member.name}' is no regular file", where=str(archive))
            yield member.name, file


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise BadInput(
            f"damaged or cut off ({error})", where=str(archive), hint="delete it, and put a whole one in its place"
        ) from error
