"""What a node tells beside what is so here: each difference is one check, with what to do."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quadrat.examining import Level, here
from quadrat.examining.check import Check
from quadrat.examining.examination import describe
from quadrat.examining.nodes import compare
from quadrat.examining.probing import Probe
from quadrat.execution.slurm import probe
from quadrat.execution.slurm.site import Nodes, Partition, Site
from quadrat.store.layout import Layout

HERE = {
    "host": "login",
    "user": 1000,
    "python": "/env/bin/python",
    "version": "3.11.2",
    "quadrat": {"version": "1.0", "path": "/env/quadrat", "digest": "abc"},
    "packages": {"numpy": "2.1", "polars": "2.0"},
    "cpus": 8,
    "all_cpus": 8,
    "memory": 16 * 10**9,
    "devices": [],
    "device_kinds": [],
    "scratch": {"path": "/tmp", "writable": True, "free": 10**12},
}
NODE = {
    **HERE,
    "host": "n1",
    "cpus": 1,
    "token": "secret",
    "links": True,
    "clock_ahead": 0.2,
    "job": {"id": 7, "node": "n1", "cpus": 1, "memory": 500 * 10**6, "partition": "main", "left": 280.0},
}


class Sent(Probe):
    """A probe that was sent, and has answered."""

    def __init__(self, folder: Path, gpus: int = 0) -> None:
        self.folder, self.gpus = folder, gpus
        self.token, self.ahead, self.waited = "secret", 0.1, 1.0
        (folder / "linked-there").touch()


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    return Sent(tmp_path)


def found(sent: Sent, *path: str, value: Any = None) -> list[Check]:
    """The checks that are not well, after one thing of the node is otherwise."""
    node = copy.deepcopy(NODE)
    inner: Any = node
    for step in path[:-1]:
        inner = inner[step]
    if path:
        inner[path[-1]] = value
    return [one for one in compare(HERE, node, sent) if one.level is not Level.OK]


def test_a_node_that_is_as_here(sent: Sent) -> None:
    assert found(sent) == []


@pytest.mark.parametrize(
    ("path", "value", "level", "told"),
    [
        (("token",), "other", Level.FAIL, "it reads something else in the store's folder"),
        (("links",), "[Errno 1]", Level.FAIL, "hard links that the node makes do not work: [Errno 1]"),
        (("version",), "3.12.1", Level.WARN, "Python 3.12.1, /env/bin/python; here it is 3.11.2"),
        (("quadrat", "version"), "0.9", Level.FAIL, "quadrat 0.9, /env/quadrat; here it is 1.0"),
        (("quadrat", "digest"), "xyz", Level.FAIL, "its code differs from /env/quadrat here"),
        (
            ("packages",),
            {"numpy": "1.9", "jax": "3"},
            Level.WARN,
            "other packages: jax 3 (here missing), numpy 1.9 (here 2.1), polars missing (here 2.0)",
        ),
        (("user",), 0, Level.FAIL, "jobs run there as user 0, this is user 1000"),
        (("clock_ahead",), 60.1, Level.WARN, "its clock is 60.0 s ahead of this machine's"),
        (("clock_ahead",), -9.9, Level.WARN, "its clock is 10.0 s behind this machine's"),
        (("job",), None, Level.WARN, "SLURM does not tell jobs who they are"),
        (("job", "cpus"), 4, Level.FAIL, "the job has 4 cpus, but may use 1 only"),
        (("job", "left"), None, Level.WARN, "the job does not know when its time is up"),
        (("scratch", "writable"), False, Level.FAIL, "its folder for temporary files, /tmp, cannot be written"),
        (("scratch", "free"), 10**6, Level.WARN, "temporary files: /tmp, 1 MB free"),
    ],
)
def test_each_difference_is_told(sent: Sent, path: tuple[str, ...], value: Any, level: Level, told: str) -> None:
    (check,) = found(sent, *path, value=value)
    assert (check.about, check.level) == ("a node", level)
    assert told in check.text
    assert check.advice


def test_many_other_packages(sent: Sent) -> None:
    (check,) = found(sent, "packages", value={f"p{number}": "1" for number in range(30)})
    assert check.text.endswith("p14 1 (here missing) and 24 more")


def test_gpus_that_were_asked_for(tmp_path: Path) -> None:
    (check,) = found(Sent(tmp_path, gpus=2), "devices", value=["0"])
    assert check.text == "asked for 2 gpus: it sees GPUs: 0"
    assert found(Sent(tmp_path, gpus=1), "devices", value=["0"]) == []


def test_another_installation_is_no_harm_where_it_is_the_same(sent: Sent) -> None:
    assert found(sent, "python", value="/container/python") == []


# -- here


def well(checks: Iterator[Check]) -> list[str]:
    kept = list(checks)
    assert [one for one in kept if one.level is not Level.OK] == []
    return [one.text for one in kept]


def test_this_machine() -> None:
    facts = probe.facts()
    texts = well(here.machine(facts))
    assert f"Python {facts['version']}" in texts[0]
    assert facts["packages"]["numpy"]
    assert facts["cpus"] <= facts["all_cpus"]
    assert facts["quadrat"]["digest"] == probe.digest(Path(here.__file__).parents[1])


def test_a_store_that_is_not_there_yet(hostile_path: Path) -> None:
    layout = Layout(hostile_path / "deep" / "runs")
    with here.workplace(layout) as folder:
        texts = well(one for one in here.store(layout, folder) if "room for" not in one.text)
    assert ", not there yet" in texts[0]
    assert texts[1:] == [
        "hard links",
        "atomic renames: one that came first stays",
        next(text for text in texts if text.startswith("times of files are in order, ")),
        "its clock agrees with this machine's",
    ]
    assert list(hostile_path.iterdir()) == []


def test_what_a_file_system_may_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "rename", lambda *_: None)
    monkeypatch.setattr(probe, "clock_ahead", lambda _: -7.25)
    texts = [one.text for one in here.store(Layout(tmp_path), tmp_path) if one.level is not Level.OK]
    assert texts[:3] == [
        "no hard links here: Operation not permitted",
        "a renamed folder takes the place of one that is there",
        "this machine's clock is 7.2 s behind the file server's",
    ]


# -- the site


def test_a_site_is_described() -> None:
    nodes = (Nodes(2, 2, 64, 256 * 10**9, 4), Nodes(8, 5, 32, 128 * 10**9, 0))
    many = tuple(Partition(f"p{number}", nodes=nodes, max_time=3600) for number in range(20))
    site = Site("reef", "24.05.4", (Partition("main", True, None, None, nodes), *many), requeue=False)
    texts = [one.text for one in describe(site, "p3")]
    assert texts[:2] == [
        "cluster 'reef', SLURM 24.05.4",
        "partition p3: 7 of 10 nodes up, 64 cpus, 256 GB, 4 gpus at most, 1:00:00 at most",
    ]
    assert texts[2].startswith("partition main (the default): ")
    assert texts[2].endswith(", no time limit")
    assert "8 more partitions: `--json` has all" in texts
    (warned,) = [one for one in describe(site) if one.level is not Level.OK]
    assert warned.text == "no preemption; jobs are not requeued"


def test_a_site_without_what_it_takes() -> None:
    site = Site("reef", "24.05.4", (Partition("main", True, state="DOWN"),), max_array=0)
    told = [(one.level, one.text) for one in describe(site) if one.level is not Level.OK]
    assert [level for level, _ in told] == [Level.WARN, Level.FAIL]
    assert told[0][1].endswith("; it is DOWN")
    assert told[1][1] == "this site allows no job arrays"
