"""A store: the folder that holds finished runs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from quadrat.core.errors import StoreError, nearest
from quadrat.core.finished import Finished
from quadrat.store import failures, index, packing
from quadrat.store.commit import disk_error
from quadrat.store.layout import FORMAT, Layout
from quadrat.store.record import Record


class Store:
    """A store on disk. Opening reads nothing and makes nothing; `prepare` makes the folders before the first run.

    Args:
        root: the folder.

    Raises:
        StoreError: where it is no store, or was made by a newer version.
    """

    def __init__(self, root: Path | str) -> None:
        self.layout = Layout(Path(root).absolute())
        self._index: index.Index | None = None
        self._check_format()

    @property
    def root(self) -> Path:
        """The folder."""
        return self.layout.root

    @property
    def exists(self) -> bool:
        """Whether there is a store already."""
        return self.layout.format_file.exists()

    def _check_format(self) -> None:
        if self.layout.root.exists() and not self.layout.root.is_dir():
            raise StoreError("the store is a file, not a folder", where=str(self.root))
        try:
            found = orjson.loads(self.layout.format_file.read_bytes())["format"]
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_error(error, self.layout) from None
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                "the store's format file cannot be read", where=str(self.layout.format_file), hint="is this a store?"
            ) from None
        if not isinstance(found, int) or found > FORMAT:
            raise StoreError(
                f"the store has format {found}, this Quadrat knows formats up to {FORMAT}",
                where=str(self.root),
                hint="it was made by a newer version: upgrade with `pip install -U quadrat`",
            )

    def prepare(self) -> None:
        """Make the store's folders, and check that they can be written.

        Raises:
            StoreError: where they cannot.
        """
        try:
            self.layout.make()
            if not self.exists:
                partial = self.layout.home / f".format.{os.getpid()}"
                partial.write_bytes(orjson.dumps({"format": FORMAT}))
                os.replace(partial, self.layout.format_file)
            else:
                probe = self.layout.leases / f".probe.{os.getpid()}"
                probe.write_bytes(b"x" * 64)
                probe.unlink()
        except OSError as error:
            raise disk_error(error, self.layout) from None

    def refresh(self, *, write: bool = True) -> index.Index:
        """The index as the folders are now; `write` keeps it on disk for the next command."""
        known = self._index
        if known is None or (len(known.unpacked) and packing.stamp_of(self.layout) != known.stamp):
            known = packing.load(self.layout)  # also where somebody else has saved what is not packed here
        self._index, changed = index.refresh(self.layout, known, keep=write)
        if changed and write:
            packing.save(self.layout, self._index)
        return self._index

    @property
    def index(self) -> index.Index:
        """The index as it was last read."""
        return self._index if self._index is not None else self.refresh(write=False)

    def look_at(self, ids: Iterable[bytes]) -> Finished:
        """What the store holds of some runs; `index` has only these afterwards."""
        wanted = {id.hex() for id in ids}
        self._index = index.of(self.layout, wanted)
        failed = failures.failed_ids(self.layout)
        return self._index.finished(frozenset(id for id in failed if id.hex() in wanted), self.accepted())

    def finished(self, *, write: bool = False) -> Finished:
        """What a plan needs to know of the store."""
        if not self.exists:
            return Finished.empty()
        found = self.refresh(write=write)
        return found.finished(failures.failed_ids(self.layout), self.accepted())

    def find(self, id: str) -> Record | None:
        """The record of a finished run by its whole id, or None."""
        return self.newest(id)

    def newest(self, id: str) -> Record | None:
        """The newest valid attempt of a run, read from its folder."""
        shard = self.layout.shard(id[:2])
        try:
            attempts = [
                parsed[1] for name in os.listdir(shard) if (parsed := Layout.run_name(name)) and parsed[0] == id
            ]
        except FileNotFoundError:
            return None
        for attempt in sorted(attempts, reverse=True):
            with contextlib.suppress(OSError, ValueError, TypeError):
                return Record.load(self.layout.run(id, attempt))
        return None

    def folder(self, record: Record) -> Path:
        """The folder of a finished run."""
        return self.layout.run(record.id, record.attempt)

    def _behind(self, path: Path) -> str | None:
        """The run that a file is an artifact of: it lies in its folder, or is a link to it."""
        with contextlib.suppress(OSError, ValueError):
            parts = path.resolve(strict=True).relative_to(self.layout.runs.resolve()).parts
            parsed = [found for part in parts[1:2] if (found := Layout.run_name(part))]
            return parsed[0][0] if parsed else None
        if not path.is_file():
            return None
        size = path.stat().st_size
        for record in self.records():
            for artifact in record.artifacts.values():
                if artifact.size == size:
                    with contextlib.suppress(FileNotFoundError):  # a temporary one that is gone
                        if path.samefile(self.folder(record) / artifact.path):
                            return record.id
        return None

    def resolve(self, prefix: str) -> str:
        """The whole id of a finished or failed run, from the first digits of it, or from a file of it or a view.

        Raises:
            StoreError: where none or several begin so, or the file is of no run.
        """
        if os.path.lexists(prefix) and (linked := self._behind(Path(prefix))):
            return linked
        text = prefix.lower()
        if not text or set(text) - set("0123456789abcdef") or len(text) > 32:
            raise StoreError(
                f"'{prefix}' is no run id", hint="an id is 32 hexadecimal digits; the first few are enough"
            )
        shards = [text[:2]] if len(text) >= 2 else [name for name in os.listdir(self.layout.runs) if name[0] == text]
        names: set[str] = set()
        for shard in shards:
            with contextlib.suppress(FileNotFoundError):
                names |= {
                    parsed[0] for name in os.listdir(self.layout.shard(shard)) if (parsed := Layout.run_name(name))
                }
        names |= {one.hex() for one in failures.failed_ids(self.layout)}
        found = sorted(name for name in names if name.startswith(text))
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(name[: len(text) + 4] for name in found[:6])
            raise StoreError(
                f"{len(found)} runs begin with '{prefix}'", where=str(self.root), hint=f"say more: {listed}"
            )
        near = nearest(text, [name[: len(text)] for name in names])
        hint = f"did you mean '{near}'?" if near else "`quadrat plan STUDY --list` shows the ids of a plan"
        raise StoreError(f"no run begins with '{prefix}'", where=str(self.root), hint=hint)

    def records(self) -> Iterator[Record]:
        """The newest record of every finished run."""
        found = self.index
        for row in range(len(found)):
            yield found.record(row)

    def accepted(self) -> dict[str, set[str]]:
        """For "task:fingerprint" the older fingerprints that were declared to be as good."""
        try:
            raw = orjson.loads(self.layout.accepted.read_bytes())
        except (OSError, ValueError):
            return {}
        return {key: set(values) for key, values in raw.items()}

    def accept(self, task: str, code: str, others: set[str]) -> None:
        """Declare runs made by older code to be as good as those of the present one."""
        known = self.accepted()
        known.setdefault(f"{task}:{code}", set()).update(others)
        self._replace(self.layout.accepted, {key: sorted(values) for key, values in known.items()})

    def note(self, id: str, text: str, author: str) -> None:
        """Add a note to a run."""
        line = orjson.dumps({"id": id, "text": text, "author": author, "at": time.time()}) + b"\n"
        try:
            with open(self.layout.notes, "ab", buffering=0) as file:
                file.write(line)
        except OSError as error:
            raise disk_error(error, self.layout) from None

    def notes(self, id: str) -> list[dict[str, Any]]:
        """The notes on a run, oldest first."""
        try:
            lines = self.layout.notes.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                one = orjson.loads(line)
                if one["id"] == id:
                    found.append(one)
        return found

    def quarantine(self, id: str) -> list[Path]:
        """Set a run aside, every attempt of it, torn ones too: it is kept, but finished no more.

        Raises:
            StoreError: where the store cannot be written.
        """
        moved: list[Path] = []
        try:
            self.layout.quarantine.mkdir(parents=True, exist_ok=True)
            for name in os.listdir(self.layout.shard(id[:2])):
                parsed = Layout.run_name(name)
                if parsed and parsed[0] == id:
                    target = self.layout.quarantine / f"{name}.{int(time.time())}"
                    os.rename(self.layout.shard(id[:2]) / name, target)
                    moved.append(target)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise disk_error(error, self.layout) from None
        self.refresh()
        return moved

    def set_aside(self) -> list[str]:
        """The runs in quarantine as "<id>.<attempt>"."""
        try:
            names = os.listdir(self.layout.quarantine)
        except FileNotFoundError:
            return []
        return [name.rpartition(".")[0] for name in names]

    def keep_environment(self, packages: Mapping[str, Any]) -> str:
        """Keep the provenance of an environment, once; returns the name that records refer to it by."""
        from quadrat.core.identity import digest

        data = orjson.dumps(packages, option=orjson.OPT_SORT_KEYS)
        name = digest(data).hex()[:16]
        path = self.layout.environments / f"{name}.json"
        if not path.exists():
            self._replace(path, packages)
        return name

    def environment(self, name: str) -> dict[str, Any]:
        """The provenance of an environment by its name; empty where it is lost."""
        try:
            found = orjson.loads((self.layout.environments / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return dict(found)

    def keep_plan(self, request: Mapping[str, Any]) -> str:
        """Keep a request that is run; returns the name that records refer to it by."""
        from quadrat.core.identity import digest

        name = digest(orjson.dumps(request, option=orjson.OPT_SORT_KEYS, default=str)).hex()[:16]
        path = self.layout.plans / f"{name}.json"
        try:
            os.utime(path)  # the newest of a study's requests is the one that was run last
        except OSError:
            self._replace(path, request)
        return name

    def _replace(self, path: Path, value: Any) -> None:
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            partial.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise disk_error(error, self.layout) from None
