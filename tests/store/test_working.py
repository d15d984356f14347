"""Who is at work on a store, as a reader sees it: told from files alone, and nothing is changed by looking."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quadrat.store import progress
from quadrat.store.claims import Claims
from quadrat.store.commit import stage
from quadrat.store.layout import Layout
from quadrat.store.lease import Lease
from quadrat.store.store import Store
from quadrat.store.working import at_work

RUN, OTHER = "ab" + "0" * 30, "cd" + "1" * 30


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty store."""
    store = Store(tmp_path)
    store.prepare()
    return store.layout


@pytest.fixture
def lease(layout: Layout) -> Iterator[Lease]:
    """This process's own."""
    made = Lease(layout)
    yield made
    made.release()


def there(layout: Layout) -> dict[str, int]:
    """Everything in the store; a living lease is renewed meanwhile."""
    return {str(one): one.stat().st_ino for one in layout.home.rglob("*")}


def test_a_living_owner_with_what_it_makes(layout: Layout, lease: Lease) -> None:
    claims = Claims(layout, lease)
    assert claims.take(RUN)
    assert claims.take(OTHER)
    folder = stage(layout, RUN, lease.owner, layout.nonce("node-7", 4711))
    log = layout.live_log(lease.owner, "node-7-4711")
    log.parent.mkdir(parents=True)
    progress.tell(progress.path_of(log), {"id": RUN, "task": "fit", "done": 3, "total": 10, "text": "epochs"})
    before = there(layout)
    (owner,) = at_work(layout)
    assert owner.alive
    assert owner.pid == os.getpid()
    assert sorted(owner.claimed) == sorted([RUN, OTHER])
    (making,) = owner.making
    assert (making.id, making.worker, making.folder) == (RUN, "node-7-4711", folder)
    assert making.since > 1e9
    assert making.told["done"] == 3
    assert there(layout) == before


def test_an_owner_that_is_gone_is_told_as_such_and_left_alone(layout: Layout, lease: Lease) -> None:
    told = json.loads(lease.path.read_text())
    gone = layout.leases / "node-1-x"
    gone.write_text(json.dumps({**told, "start": "another process had this number"}))
    before = there(layout)
    owners = at_work(layout)
    assert [owner.alive for owner in owners] == [True, False]
    assert there(layout) == before
    assert gone.exists()


def test_an_owner_elsewhere_is_alive_as_long_as_it_renews_its_lease(layout: Layout) -> None:
    elsewhere = layout.leases / "far-1-x"
    elsewhere.write_text(json.dumps({"host": "far", "machine": "other", "pid": 1, "start": "1", "slurm": {"JOB": "7"}}))
    (owner,) = at_work(layout)
    assert owner.alive
    assert owner.slurm == {"JOB": "7"}
    os.utime(elsewhere, (1e9, 1e9))
    (owner,) = at_work(layout)
    assert not owner.alive


def test_torn_and_foreign_files_are_passed_over(layout: Layout) -> None:
    (layout.leases / "torn").write_text('{"host": "a')
    (layout.leases / "list").write_text("[]")
    (layout.claims / f"{RUN}.1").write_text("no link to any lease")
    (layout.shard("ab") / f".{RUN}~gone~").mkdir()
    assert at_work(layout) == []
    assert at_work(Layout(layout.root / "nowhere")) == []


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        (f".{RUN}~owner~node-1-2-{int(1.5e18):x}", ("node-1-2", 1.5e9)),
        (f".{RUN}~owner~abcd1234", ("", 0.0)),
        (f".{RUN}~owner~node-1-zz", ("", 0.0)),
        (RUN, ("", 0.0)),
    ],
)
def test_the_name_of_a_staging_folder_says_who_makes_it(name: str, maker: tuple[str, float]) -> None:
    assert Layout.staging_maker(name) == maker


def test_a_host_with_tildes_breaks_no_name(layout: Layout) -> None:
    folder = stage(layout, RUN, "owner", layout.nonce("a~b", 7))
    assert layout.staging_owner(folder.name) == "owner"
    assert layout.staging_maker(folder.name)[0] == "a-b-7"
