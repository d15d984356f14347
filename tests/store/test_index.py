"""The index is a cache: after any sequence of changes it says what the folders say."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quadrat.store.commit import commit, stage
from quadrat.store.layout import Layout
from quadrat.store.record import Record
from quadrat.store.store import Store

IDS = [f"{number % 3:02x}" + f"{number:030x}" for number in range(12)]


def put(layout: Layout, id: str, attempt: int = 1, value: float = 0.0) -> Record:
    """Commit a run."""
    staging = stage(layout, id, "me", f"{attempt}{os.urandom(3).hex()}")
    record = Record(
        id, "study", "task", 1, attempt, {"x": 1}, {}, [], {"value": value}, {}, digest=f"{hash(value) & 0xFFFF:032x}"
    )
    kept, _ = commit(layout, staging, record)
    return kept


def tear(folder: Path) -> None:
    """What a power loss may do to a run."""
    (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:20])


class IndexMachine(RuleBasedStateMachine):
    """Commits, removals, torn records, other processes, lost and stale indexes."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "runs")
        self.store.prepare()
        self.model: dict[str, dict[int, float | None]] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(id=st.sampled_from(IDS), value=st.floats(0, 1), torn=st.booleans())
    def commit_next(self, id: str, value: float, torn: bool) -> None:
        attempts = self.model.setdefault(id, {})
        kept = put(self.store.layout, id, max(attempts, default=0) + 1, value)
        attempts[kept.attempt] = value
        if torn:
            tear(self.store.folder(kept))
            attempts[kept.attempt] = None

    @rule(id=st.sampled_from(IDS), value=st.floats(0, 1))
    def lose_the_race(self, id: str, value: float) -> None:
        """Committing a name that is taken keeps what is there; a torn one is passed over."""
        attempts = self.model.setdefault(id, {})
        kept = put(self.store.layout, id, 1, value)
        whole = [attempt for attempt, known in sorted(attempts.items()) if known is not None]
        free = 1
        while free in attempts and attempts[free] is None:
            free += 1
        if free in attempts:
            assert kept.attempt == free == whole[0]
        else:
            attempts[free] = value
        assert kept.attempt == free

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(id for id, attempts in self.model.items() if attempts)))
        attempt = data.draw(st.sampled_from(sorted(self.model[id])))
        shutil.rmtree(self.store.layout.run(id, attempt))
        del self.model[id][attempt]
        Store(self.store.root).refresh()  # as whatever removes runs does: another may get the same name

    @rule()
    def look(self) -> None:
        self.store.refresh()

    @rule()
    def forget_what_is_in_memory(self) -> None:
        self.store = Store(self.store.root)

    @rule()
    def delete_the_index(self) -> None:
        shutil.rmtree(self.store.layout.index, ignore_errors=True)
        self.store = Store(self.store.root)

    @rule(name=st.sampled_from(["manifest.json", "light", "pack"]), size=st.integers(0, 50))
    def damage_the_index(self, name: str, size: int) -> None:
        for path in self.store.layout.index.glob(f"{name}*"):
            path.write_bytes(path.read_bytes()[:size])
        self.store = Store(self.store.root)

    @rule()
    def another_process_replaces_the_index(self) -> None:
        put(self.store.layout, "f" * 32, 1)
        self.model.setdefault("f" * 32, {}).setdefault(1, 0.0)
        Store(self.store.root).refresh()
        for path in self.store.layout.index.glob("pack-*"):
            if path.name != json.loads((self.store.layout.index / "manifest.json").read_bytes())["pack"]:
                path.unlink()

    @invariant()
    def says_what_the_folders_say(self) -> None:
        found = self.store.refresh(write=len(self.model) % 2 == 0)
        wanted = {}
        for id, attempts in self.model.items():
            whole = {attempt: value for attempt, value in attempts.items() if value is not None}
            if whole:
                wanted[id] = (max(whole), whole[max(whole)])
        records = [found.record(row) for row in range(len(found))]
        assert {record.id: (record.attempt, record.metrics["value"]) for record in records} == wanted
        assert found.ids() == sorted(wanted)
        for text in (*(one.encode() for one in IDS[:4]), b'"study"', b"nowhere"):
            assert found.mentioning(text) == [row for row in range(len(found)) if text in found.raw(row)]


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)


def test_a_copy_without_index_or_empty_folders_works(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    store.prepare()
    for id in IDS:
        put(store.layout, id)
    store.refresh()
    copy = tmp_path / "copy"
    for path in store.root.rglob("*"):
        if path.is_file() and store.layout.index not in path.parents:
            target = copy / path.relative_to(store.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    moved = Store(copy)
    assert len(moved.refresh()) == len(IDS)
    moved.prepare()
    put(moved.layout, "ab" * 16)
    assert len(moved.refresh()) == len(IDS) + 1
