"""SLURM's commands as functions, and what a site is, against a real one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quadrat.core.errors import ClusterError
from quadrat.execution.slurm import client, site

if TYPE_CHECKING:
    from cluster.conftest import Lab


@pytest.fixture
def slurm(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab, for this process too."""
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, lab.environment[name])
    return lab


def write(folder: Path, command: str) -> Path:
    script = folder / "it's a script.sh"
    script.write_text(f"#!/bin/sh\n#SBATCH --output=/dev/null\n{command}\n")
    return script


def indices(queued: list[client.Queued], state: str) -> list[int]:
    return sorted(index for one in queued if one.state == state for part in one.elements for index in part)


def test_an_array_from_its_queue_to_its_end(slurm: Lab, tmp_path: Path) -> None:
    script = write(tmp_path, "exec sleep 300")
    comment = "plan|share\nnext"
    array = client.submit(script, hold=True, extra=["--array=0-999%2", f"--comment={comment}"])
    other = client.submit(script, dependency=f"afterany:{array}")
    found = {one.array: one for one in client.queue()}
    assert found.keys() == {array, other}
    held = found[array]
    assert (held.count, held.throttle, held.state, held.reason) == (1000, 2, "PENDING", "JobHeldUser")
    assert held.comment == comment
    assert found[other].dependency.startswith(f"afterany:{array}")

    odd = range(1, 1000, 2)
    client.cancel(client.elements_of(array, odd))
    assert indices(client.queue(), "PENDING") == list(range(0, 1000, 2))
    client.release([array])
    slurm.wait_until(lambda: indices(client.queue(), "RUNNING") == [0, 2])
    running = next(one for one in client.queue() if one.state == "RUNNING")
    end = client.end_time(running.job)
    assert end is not None
    assert 3500 < end - time.time() <= 3601
    client.hold([f"{array}_998"])
    client.requeue(running.job)
    client.cancel([array, other])
    slurm.wait_until(lambda: client.queue() == [])
    assert {one.state for one in client.queue(finished=True) if one.array == array} == {"CANCELLED"}
    client.cancel([array])  # once more does no harm


def test_what_slurm_refuses(slurm: Lab, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="invalid partition specified: nope; Batch job submission failed") as error:
        client.submit(write(tmp_path, "true"), extra=["--partition=nope"])
    assert error.value.where == str(tmp_path / "it's a script.sh")
    with pytest.raises(ClusterError, match="Invalid job id specified"):
        client.requeue(99_999_999)


def test_what_the_site_is(slurm: Lab) -> None:
    found = site.detect()
    assert (found.name, found.max_array, found.requeue, found.kills_invalid) == ("lab", 1001, True, False)
    names = {one.name: (one.count, one.usable, one.cpus, one.gpus) for one in found.partitions}
    assert names == dict.fromkeys(("main", "short", "urgent"), (3, 3, 8, 2))
    assert found.choose() == (found.partitions[0],)
    found.check(cpus=8, gpus=2, memory=16_000 * site.MEBIBYTE, walltime=86400)
    slurm.set_node("n2", "drain")
    assert site.detect().partitions[0].usable == 2
