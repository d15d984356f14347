"""A store: what it refuses, what it finds wrong, what it deletes, and what it never does."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from quadrat.core.content import sha256
from quadrat.core.errors import BadInput, StoreError
from quadrat.store import failures
from quadrat.store.commit import commit, discard_attempts, stage
from quadrat.store.failures import Failure
from quadrat.store.record import Artifact, Record
from quadrat.store.store import Store
from quadrat.store.upkeep import leftovers, remove, verify
from quadrat.store.views import link, view_name

RUN = "ab" * 16
OTHER = "abcd" + "0" * 28


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "runs")
    made.prepare()
    return made


def put(store: Store, id: str = RUN, attempt: int = 1, text: str = "hello") -> Record:
    staging = stage(store.layout, id, "me", os.urandom(4).hex())
    file = staging / "file.txt"
    file.write_text(text)
    artifact = Artifact("file.txt", len(text), sha256(file))
    record = Record(
        id, "s", "t", 1, attempt, {}, {}, [], {"x": 1}, {"file": artifact}, "0" * 32, started=float(attempt)
    )
    return commit(store.layout, staging, record)[0]


def problems(store: Store) -> list[str]:
    return [f"{Path(one.path).name} {one.what}" for _, one in verify(store.layout) if one is not None]


# --- commits ---------------------------------------------------------------------------------------------------------


def test_the_first_to_commit_wins(store: Store) -> None:
    first = put(store, text="first")
    second = put(store, text="second")
    assert second == first
    assert (store.folder(first) / "file.txt").read_text() == "first"
    assert [path.name for path in store.layout.shard("ab").iterdir()] == [f"{RUN}.1"]


def test_a_torn_run_is_not_finished_and_is_made_again_as_the_next_attempt(store: Store) -> None:
    folder = store.folder(put(store))
    (folder / "run.json").write_bytes(b'{"id": "ab')
    assert store.newest(RUN) is None
    assert len(store.refresh()) == 0
    assert store.index.torn == [str(folder)]
    assert "torn" in problems(store)[0]
    again = put(store)
    assert again.attempt == 2
    assert store.newest(RUN) == again
    assert len(store.refresh()) == 1
    assert problems(store) == [], "what was replaced is nobody's loss"
    assert [one.kind for one in leftovers(store.layout)] == ["replaced attempt"]


def test_a_commit_to_a_full_disk_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="No space"):
            put(store)
    assert store.newest(RUN) is None
    discard_attempts(store.layout, RUN, "me")
    assert list(store.layout.shard("ab").iterdir()) == []


def test_a_record_is_read_as_it_was_written(store: Store) -> None:
    record = replace(put(store), nonfinite={"y": "nan"}, metrics={"y": None}, length=2.0, seeds={"init": 2**62})
    assert Record.from_json(record.to_json()) == record
    assert str(record.scalars["y"]) == "nan"


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 99}', "newer version"),
        ('{"form', "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": "x"}', "x"),
    ],
)
def test_a_store_of_another_kind_is_refused(store: Store, text: str, message: str) -> None:
    store.layout.format_file.write_text(text)
    with pytest.raises(StoreError, match=message):
        Store(store.root)


def test_a_store_that_is_a_file_or_lies_below_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError):
        Store(tmp_path / "file" / "below").prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written(store: Store) -> None:
    store.layout.leases.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        store.prepare()


def test_opening_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    assert not store.exists
    assert len(store.finished().high) == 0
    assert list(tmp_path.iterdir()) == []


# --- verify, gc, quarantine ------------------------------------------------------------------------------------------


def test_verify_finds_what_is_missing_truncated_or_changed(store: Store) -> None:
    folder = store.folder(put(store))
    file = folder / "file.txt"
    assert problems(store) == []
    for content, what in ((b"hell", "is truncated"), (b"hello!", "has grown"), (b"jello", "checksum")):
        file.write_bytes(content)
        assert what in problems(store)[0]
    assert [one for _, one in verify(store.layout, checksums=False) if one] == []
    file.unlink()
    assert problems(store) == ["file.txt is missing"]
    (folder / "run.json").unlink()
    assert problems(store) == ["run.json is missing"]


def test_verify_does_not_miss_a_temporary_file_that_has_gone(store: Store) -> None:
    record = put(store)
    folder = store.folder(record)
    temp = replace(record, artifacts={"file": replace(record.artifacts["file"], temp=True)})
    (folder / "run.json").write_bytes(temp.to_json())
    (folder / "file.txt").unlink()
    assert problems(store) == []


def test_gc_shows_first_and_deletes_what_it_showed(store: Store) -> None:
    put(store)
    put(store, attempt=2, text="again")
    (store.layout.home / "live" / "gone-1-2").mkdir(parents=True)
    (store.layout.scratch(RUN) / "x").mkdir(parents=True)
    stage(store.layout, OTHER, "gone-1-2", "n")
    shown = list(leftovers(store.layout))
    assert sorted(one.kind for one in shown) == [
        "live log of a dead process",
        "replaced attempt",
        "scratch of a finished run",
        "staging of a dead process",
    ]
    assert all(one.path.exists() for one in shown), "finding deletes nothing"
    for one in shown:
        remove(one)
    assert list(leftovers(store.layout)) == []
    newest = store.newest(RUN)
    assert newest is not None
    assert newest.attempt == 2
    assert problems(store) == []


def test_quarantine_keeps_the_run_but_it_is_finished_no_more(store: Store) -> None:
    record = put(store)
    store.refresh()
    (target,) = store.quarantine(record.id)
    assert (target / "file.txt").read_text() == "hello"
    assert store.newest(RUN) is None
    assert len(store.refresh()) == 0
    assert store.set_aside() == [f"{RUN}.1"], "so that its attempt is not used again"


# --- ids, notes, failures --------------------------------------------------------------------------------------------


def test_an_id_is_known_by_its_first_digits(store: Store) -> None:
    put(store)
    put(store, OTHER)
    assert store.resolve("abab") == RUN
    assert store.resolve("ABCD") == OTHER
    for prefix, message in (
        ("ab", "2 runs begin"),
        ("a", "2 runs begin"),
        ("ff", "no run begins"),
        ("xy", "no run id"),
        ("", "no run id"),
    ):
        with pytest.raises(StoreError, match=message):
            store.resolve(prefix)


def test_notes_survive_a_torn_line(store: Store) -> None:
    store.note(RUN, "good", "me")
    with store.layout.notes.open("ab") as file:
        file.write(b'{"id": "ab\n')
    store.note(RUN, "better", "me")
    store.note(OTHER, "else", "me")
    assert [one["text"] for one in store.notes(RUN)] == ["good", "better"]


def test_a_failure_is_read_as_it_was_written(store: Store) -> None:
    failure = Failure(RUN, "s", "t", {"x": float("inf")}, "error", "no luck", log="said", tries=2)
    failures.write(store.layout, failure, b"all that was said")
    assert failures.failed_ids(store.layout) == {bytes.fromhex(RUN)}
    assert store.layout.failure_log(RUN).read_bytes() == b"all that was said"
    before = failures.stamps(store.layout)
    found = failures.read(store.layout, RUN)
    assert found is not None
    assert (found.message, found.tries) == ("no luck", 2)
    failures.write(store.layout, failure)
    assert failures.stamps(store.layout) != before, "a record that is written anew is told from the old one"
    assert not store.layout.failure_log(RUN).exists()
    (store.layout.failures / f".{RUN}.json.77").touch()
    failures.forget(store.layout, RUN)
    assert failures.failed_ids(store.layout) == frozenset()
    assert failures.read(store.layout, RUN) is None


# --- views -----------------------------------------------------------------------------------------------------------


def test_a_view_is_the_file_itself(store: Store, tmp_path: Path) -> None:
    source = store.folder(put(store)) / "file.txt"
    target = tmp_path / "views" / "a b" / "x.txt"
    assert link(source, target, 1.0, tmp_path / "aside")
    assert not link(source, target, 1.0, tmp_path / "aside"), "it is there"
    assert target.samefile(source)
    assert not target.is_symlink()
    newer = store.folder(put(store, attempt=2, text="newer")) / "file.txt"
    assert link(newer, target, 2.0, tmp_path / "aside")
    assert target.read_text() == "newer"
    assert source.read_text() == "hello"
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_a_view_on_another_file_system_is_a_symbolic_link(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    source = store.folder(put(store)) / "file.txt"
    target = tmp_path / "view.txt"
    monkeypatch.setattr(os, "link", other_device)
    assert link(source, target, 1_000_000_000.0, tmp_path / "aside")
    assert target.is_symlink()
    assert target.lstat().st_mtime == 1_000_000_000.0
    assert not link(source, target, 1_000_000_000.0, tmp_path / "aside")


def test_a_view_that_cannot_be_made_leaves_nothing(store: Store, tmp_path: Path) -> None:
    source = store.folder(put(store)) / "file.txt"
    (tmp_path / "taken" / "by" / "a folder").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        link(source, tmp_path / "taken" / "by", 1.0, tmp_path / "aside")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["by"]


def test_names_of_views() -> None:
    values = {"seed": 7, "target.id": "0123456789abcdef", "name": "a/b"}
    assert view_name("t_{target.id:.6}/{name}_{seed:04d}.pt", values) == "t_012345/a_b_0007.pt"
    with pytest.raises(BadInput, match="does not take its values"):
        view_name("{name:04d}", values)
    with pytest.raises(BadInput, match="longer than"):
        view_name("{name}", {"name": "x" * 300})


# --- provenance ------------------------------------------------------------------------------------------------------


def test_an_environment_is_kept_once(store: Store) -> None:
    name = store.keep_environment({"python": "3.11", "packages": {"b": "1", "a": "2"}})
    assert store.keep_environment({"packages": {"a": "2", "b": "1"}, "python": "3.11"}) == name
    assert store.environment(name)["packages"] == {"a": "2", "b": "1"}
    assert store.environment("lost") == {}
    assert len(list(store.layout.environments.iterdir())) == 1
    plan = store.keep_plan({"study": "s", "overrides": ["x=1"]})
    assert json.loads((store.layout.plans / f"{plan}.json").read_bytes())["study"] == "s"


def test_accepted_code_adds_up(store: Store) -> None:
    store.accept("t", "new", {"old"})
    store.accept("t", "new", {"older"})
    assert store.accepted() == {"t:new": {"old", "older"}}
