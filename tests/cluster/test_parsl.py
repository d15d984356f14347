"""Pilots in a real SLURM: the numbers are those of this machine, and a job that is cancelled costs no run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quadrat.store.store import Store
from quadrat.testing.conformance import check_store

if TYPE_CHECKING:
    from cluster.conftest import Lab

pytest.importorskip("parsl", reason="pilots are Parsl's")
pytestmark = pytest.mark.slow

LONG_SECONDS = 180.0  # a lost pilot is noticed after six heartbeats, and another one comes up on a busy machine

SITE = """
provider:
  class: SlurmProvider
  exclusive: false
  cores_per_node: 2
  gpus_per_node: 2
  walltime: "00:05:00"
  max_blocks: 2
workers: 2
gpus: 2
address: 127.0.0.1
heartbeat: 3
"""

STUDY = """
import os, time
from pathlib import Path

import quadrat as qd

study = qd.Study("waits")
SIDE = Path(__file__).parent


class Wait(qd.Params):
    number: int = 0


class Waited(qd.Result):
    device: str
    node: str
    left: float


@study.task(gpus=1)
def wait(params: Wait, run: qd.Run) -> Waited:
    (SIDE / f"began-{params.number}-{os.getpid()}").touch()
    while not (SIDE / "go").exists():
        time.sleep(0.01)
    device, node = os.environ["CUDA_VISIBLE_DEVICES"], os.environ["SLURMD_NODENAME"]
    return Waited(device=device, node=node, left=run.time_left)
"""


def command(study: str | Path, store: Path, *arguments: str) -> list[str]:
    return [*[sys.executable, "-m", "quadrat", "run", str(study), "--store", str(store)], *arguments]


def records(store: Path) -> list[Any]:
    return list(Store(store).records())


def metrics(store: Path) -> dict[str, str]:
    return {record.id: json.dumps(record.metrics) for record in records(store)}


@pytest.fixture
def site(tmp_path: Path) -> list[str]:
    """The options that run a sweep in the lab."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE, encoding="utf-8")
    return ["--on", "parsl", "--profile", str(file)]


def test_mnist_fgsm_gives_the_same_metrics_as_here(lab: Lab, tmp_path: Path, site: list[str]) -> None:
    point = ["num_epochs=1", "dropout_prob=0", "seed=1,2"]
    here = tmp_path / "folder"
    here.mkdir()
    there = lab.run(*command("mnist_fgsm", tmp_path / "there", *point, *site, "-j", "2"), cwd=here)
    # Nothing of Parsl's own is left, neither here nor on the terminal.
    assert [
        line for line in there.stderr.splitlines() if not re.match(r"mnist_fgsm: |pilots: |\d+ of 7 done", line)
    ] == []
    assert list(here.iterdir()) == list((tmp_path / "there" / ".quadrat" / "live").iterdir()) == []
    lab.run(*command("mnist_fgsm", tmp_path / "here", *point, "--on", "inline"))
    assert metrics(tmp_path / "there") == metrics(tmp_path / "here") != {}
    check_store(tmp_path / "there")
    lab.wait_until(lambda: not lab.queue())


def test_a_cancelled_job_costs_no_run(lab: Lab, tmp_path: Path, site: list[str]) -> None:
    """Its runs begin again in another pilot; each worker of a node has its own device."""
    study = tmp_path / "waits.py"
    study.write_text(STUDY, encoding="utf-8")
    store = tmp_path / "runs"
    process = subprocess.Popen(
        command(study, store, "number=range(4)", *site), env=lab.environment, stderr=subprocess.PIPE, text=True
    )
    began = lambda: len(list(tmp_path.glob("began-*")))  # noqa: E731
    lab.wait_until(lambda: began() >= 4, LONG_SECONDS)
    jobs = lab.queue("%i")
    assert len(jobs) == 2
    lab.run("scancel", jobs[0])
    lab.wait_until(lambda: began() >= 6, LONG_SECONDS)
    (tmp_path / "go").touch()
    _, told = process.communicate(timeout=LONG_SECONDS)
    assert process.returncode == 0, told
    assert "begins again" in told
    assert len(records(store)) == 4
    assert {record.metrics["device"] for record in records(store)} == {"0", "1"}
    assert len({record.metrics["node"] for record in records(store)}) == 2
    assert all(0 < record.metrics["left"] < 300 for record in records(store))
    check_store(store)
    lab.wait_until(lambda: not lab.queue())


def test_an_unknown_partition_is_told_in_slurms_own_words(lab: Lab, tmp_path: Path, site: list[str]) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("  exclusive", "  partition: nowhere\n  exclusive"))
    done = lab.run(*command("mnist_fgsm", tmp_path / "runs", "--to", "data", *site), check=False)
    assert done.returncode == 2
    assert "invalid partition specified: nowhere" in done.stderr
    assert records(tmp_path / "runs") == []
