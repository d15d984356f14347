"""`quadrat doctor` on a real SLURM: one probe job, what it finds, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cluster.conftest import Lab

QUADRAT = [sys.executable, "-m", "quadrat"]
STUDY = """
import quadrat as qd

study = qd.Study("tiny")


@study.task
def draw(seed: int = 0) -> dict:
    return {"x": seed}
"""
TEMPLATE = """
{% extends "slurm.sh.j2" %}
{% block directives %}
#SBATCH --nice=3
{% endblock %}
{% block environment %}
{{ super() }}
export TMPDIR=/var/tmp
{% endblock %}
"""


def doctor(lab: Lab, folder: Path, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Look at a store that is not there yet; afterwards neither it nor a job is there."""
    (folder / "tiny.py").write_text(STUDY)
    done = lab.run(*QUADRAT, "doctor", *options, "--store", "runs", cwd=folder, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert not (folder / "runs").exists()
    assert lab.queue() == []
    return done


def about_the_node(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.partition("\na node\n")[2]


def test_a_site_that_is_all_right(lab: Lab, tmp_path: Path) -> None:
    said = doctor(lab, tmp_path).stdout
    assert "FAIL" not in said
    heads = [line for line in said.splitlines() if not line.startswith(" ")]
    assert heads == ["this machine", "the store", "SLURM", "a node"]
    assert "cluster 'lab', SLURM " in said
    assert "partition main (the default): 3 of 3 nodes up, 8 cpus, 16.77 GB, 2 gpus each, 1-00:00:00 at most" in said
    assert "arrays of up to 1,001 elements" in said
    for line in (
        "the store is the same folder there: files and hard links are seen both ways",
        "the same Python as here",
        "the same quadrat ",
        "its clock agrees with this machine's",
        "the job knows that its time is up in 0:0",
    ):
        assert line in said


def test_with_what_a_study_says_of_its_site(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "site.sh.j2").write_text(TEMPLATE)
    options = ("tiny.py", "slurm.template=site.sh.j2", "--partition", "short", "--gpus", "2", "--json")
    told: dict[str, Any] = json.loads(doctor(lab, tmp_path, *options).stdout)
    assert told["ok"]
    assert told["node"]["job"]["partition"] == "short"
    assert told["node"]["devices"] == ["0", "1"]
    assert told["node"]["scratch"]["path"] == "/var/tmp"
    assert told["site"]["max_array"] == 1001
    assert {one["level"] for one in told["checks"]} <= {"ok", "warn"}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("slurm.python=/nonexistent/python", "has no such Python: there is no /nonexistent/python on n"),
        ("slurm.modules=[nope]", "told nothing: it is FAILED, exit code 127:"),
        ("slurm.options=[--bogus]", "SLURM takes no probe job: unrecognized option '--bogus'"),
    ],
)
def test_a_node_that_is_not_all_right(lab: Lab, tmp_path: Path, setting: str, told: str) -> None:
    said = about_the_node(doctor(lab, tmp_path, "tiny.py", setting, code=1))
    assert said.startswith("  FAIL  ")
    assert told in said
    assert "\n        → " in said


def test_a_store_that_the_nodes_do_not_see(lab: Lab, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    mount = "mount -t tmpfs none hidden"
    if lab.run("unshare", "--mount", "sh", "-c", mount, cwd=tmp_path, check=False).returncode:
        pytest.skip("a file system that only one process sees needs `unshare --mount`")
    script = f"{mount} && exec {sys.executable} -m quadrat doctor --store hidden"
    done = lab.run("unshare", "--mount", "sh", "-c", script, cwd=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    said = about_the_node(done)
    assert f" does not see {hidden}\n        → put the store on a file system that the nodes share" in said


def test_a_typing_error_is_told_at_once(lab: Lab, tmp_path: Path) -> None:
    done = doctor(lab, tmp_path, "--partition", "shrot", code=2)
    assert done.stderr.startswith("error: unknown partition 'shrot'\n  did you mean 'short'?")
    assert "asked for 9 gpus" in doctor(lab, tmp_path, "--gpus", "9", code=2).stderr


def test_a_queue_that_does_not_move(lab: Lab, tmp_path: Path) -> None:
    for node in ("n1", "n2", "n3"):
        lab.set_node(node, "drain")
    said = doctor(lab, tmp_path, "--wait", "1", code=1).stdout
    assert "0 of 3 nodes up" in said
    assert "is still PENDING after 1 s (" in said
    assert "wait longer with --wait" in said
    command = [*QUADRAT, "doctor", "--store", "runs"]
    with subprocess.Popen(command, cwd=tmp_path, env=lab.environment, stderr=subprocess.PIPE, stdout=-3) as process:
        lab.wait_until(lab.queue)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    assert lab.queue() == []
    assert not (tmp_path / "runs").exists()
