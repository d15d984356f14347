"""Pilots that do not start, that are lost, and that outlive nobody; how they are judged, and who gets which device.

That a run has the same guarantees in a pilot as in the pool is in `test_conformance.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from quadrat.core.errors import BadInput
from quadrat.core.resources import Resources
from quadrat.execution.devices import CUDA, Visible
from quadrat.execution.pilots import blocks, parts
from quadrat.execution.pilots.profile import Part, Profile
from quadrat.execution.pilots.remote import own_devices
from quadrat.testing.conformance import Sweep, check_store, wait_until

psutil = pytest.importorskip("psutil", reason="comes with Parsl")
QUICKLY = "heartbeat: 1\n"  # what is gone is noticed after six of them


def profile(folder: Path, *lines: str) -> list[str]:
    """A profile of pilots on this machine, with further keywords of the provider, as options of `quadrat run`."""
    file = folder / "site.yaml"
    text = "".join(f"  {line}\n" for line in lines)
    file.write_text(f"provider:\n  class: LocalProvider\n{text}{QUICKLY}", encoding="utf-8")
    return ["--profile", str(file), "-j", "1"]


def pilots(folder: Path) -> list[int]:
    """The process groups of a test's pilots, which name its folder in their command line."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if "process_worker_pool" in line and str(folder) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.add(os.getpgid(process.info["pid"]))
    return sorted(found)


def test_pilots_that_do_not_start_are_told_once(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, "number=range(4)", "--to", "make")
    options = profile(tmp_path, "init_blocks: 2", "max_blocks: 2", "worker_init: 'echo no such module >&2; exit 3'")
    done = sweep.run("parsl", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    first, *rest = done.stderr.partition("error: ")[2].splitlines()
    assert first == "LocalProvider started no pilot: exit code 3"
    assert rest[0].strip() == "no such module"
    folder = Path(rest[1].partition("are in ")[2])
    assert (folder / "parsl.log").is_file()
    assert sweep.records() == []
    assert pilots(tmp_path) == []
    assert sweep.run("inline").returncode == 0
    check_store(sweep.store)  # the next run has taken the logs away
    assert not folder.exists()


@pytest.mark.slow
def test_a_pilot_is_lost_and_then_the_sweep_is_killed(tmp_path: Path) -> None:
    """What the pilot was at begins again, without a word of the task about retries; no pilot outlives the sweep."""
    sweep = Sweep(tmp_path, "mode=wait", "--to", "make")
    process = sweep.start("parsl", *profile(tmp_path))
    for kill in (lambda pilot: os.killpg(pilot, signal.SIGKILL), lambda pilot: process.kill()):
        wait_until(lambda: any(sweep.side.glob("began-*")))
        next(sweep.side.glob("began-*")).unlink()
        (pilot,) = pilots(tmp_path)
        kill(pilot)
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: not blocks.group_is_alive(pilot))
    (sweep.side / "go").touch()
    assert sweep.run("inline").returncode == 0
    assert [record.attempt for record in sweep.records()] == [1]
    sweep.check()


class State:
    """What Parsl says of a pilot."""

    def __init__(self, name: str) -> None:
        self.state = self
        self.name = name


@pytest.mark.parametrize(
    ("states", "judged"),
    [
        ("", blocks.Judged(0, 0, 0, came=False)),
        ("PENDING RUNNING", blocks.Judged(2, 1, 0, came=False)),
        ("MISSING", blocks.Judged(0, 0, 1, came=False)),
        ("COMPLETED MISSING MISSING PENDING", blocks.Judged(1, 1, 2, came=True)),
        ("MISSING COMPLETED RUNNING", blocks.Judged(1, 0, 0, came=True)),
        ("MISSING SCALED_IN", blocks.Judged(0, 0, 1, came=False)),
    ],
)
def test_states_of_pilots(states: str, judged: blocks.Judged) -> None:
    assert blocks.judge({str(number): State(name) for number, name in enumerate(states.split())}) == judged


@pytest.mark.parametrize(
    ("workers", "gpus", "own"),
    [(2, 2, [["a"], ["b"]]), (1, 2, [["a", "b"]]), (4, 2, [["a"], ["b"], ["a"], ["b"]]), (2, 1, [["a"], ["a"]])],
)
def test_each_worker_of_a_node_has_its_devices(workers: int, gpus: int, own: list[list[str]]) -> None:
    visible = Visible(("a", "b"), (CUDA,))
    assert [list(own_devices(visible, rank, workers, gpus).names) for rank in range(workers)] == own


def test_a_node_with_fewer_devices_than_promised_is_refused() -> None:
    with pytest.raises(BadInput, match=r"gpus: 4.* has 1: a"):
        own_devices(Visible(("a",), (CUDA,)), 0, 4, 4)


def test_a_task_that_does_not_fit_a_worker_is_refused() -> None:
    site = Profile("site.yaml", Part("SlurmProvider"), workers=4, cpus=2, gpus=2, lines={("gpus",): 7})
    parts.check_tasks(site, 4, 2, {"fits": Resources(cpus=2, gpus=0.5)})
    with pytest.raises(BadInput, match="task 'wide' asks for 4 cpus, a worker has 2"):
        parts.check_tasks(site, 4, 2, {"wide": Resources(cpus=4)})
    with pytest.raises(BadInput, match=r"site.yaml:7: task 'deep' asks for 1 gpus, a worker has 0.5"):
        parts.check_tasks(site, 4, 2, {"deep": Resources(gpus=1)})


def test_without_parsl_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "parsl.py").write_text("raise ImportError('none here')\n", encoding="utf-8")
    sweep = Sweep(tmp_path, "--to", "make")
    done = subprocess.run(
        sweep.command("parsl"),
        env=sweep.environment | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'quadrat[parsl]'" in done.stderr
    assert not sweep.store.exists()
