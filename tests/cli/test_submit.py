"""`quadrat submit` where there is no SLURM, or a false one: what it says, and that nothing is written."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = """
import quadrat as qd

study = qd.Study("small")

@study.task(cpus=2, walltime="10m")
def make(number: int = 0) -> dict:
    return {"value": number}

@study.task
def use(make: qd.Done) -> dict:
    return {"value": make.result["value"] + 1}
"""


class Shell:
    """A folder with a study, and a path that has nothing but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        (folder / "study.py").write_text(STUDY, encoding="utf-8")

    def command(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def submit(self, *arguments: str, code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from quadrat.cli import main; main()", "submit", "study.py", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.bin), "HOME": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_without_slurm_it_says_so_and_pretend_works(shell: Shell) -> None:
    said = shell.submit("number=1,2", code=2).stderr
    assert said.count("error:") == 1
    assert "--pretend" in said
    told = json.loads(shell.submit("number=1,2", "--pretend", "--json", code=0).stdout)
    assert (told["runs"], [one["elements"] for one in told["arrays"]]) == (4, [2, 2])
    assert [one["tasks"] for one in told["arrays"]] == [["make"], ["use"]]  # they need different machines
    assert "#SBATCH --cpus-per-task=2\n" in told["scripts"][0]
    assert not (shell.folder / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["slurm.template=nowhere.sh.j2"], "there is no template 'nowhere.sh.j2'"),
        (["slurm.template=broken.sh.j2"], "broken.sh.j2:2"),
        (["slurm.template=wanting.sh.j2"], "'qos_of_group' is undefined"),
        (["slurm.template=orphan.sh.j2"], "slurm.sh.j2"),
        (["slurm.partitoin=gpu"], "partitoin"),
        (["slurm.time=soon"], "'soon' is not a duration"),
        (["resources.make.walltime=10 parsecs"], "'10 parsecs' is not a duration"),
        (["resources.make.memory=lots"], "'lots' is not an amount of memory"),
        (["--bundle", "0"], "bundle"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_clear_error(shell: Shell, settings: list[str], said: str) -> None:
    (shell.folder / "broken.sh.j2").write_text('{% extends "slurm.sh.j2" %}\n{% block directives\n')
    (shell.folder / "wanting.sh.j2").write_text(
        '{% extends "slurm.sh.j2" %}{% block directives %}{{ qos_of_group }}{% endblock %}'
    )
    (shell.folder / "orphan.sh.j2").write_text('{% extends "other.sh.j2" %}')
    if settings == ["slurm.time=soon"]:
        settings = [*settings, "--to", "make", "resources.make.walltime=null"]
    done = shell.submit("number=1,2", *settings, "--pretend", code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (shell.folder / "runs").exists()


def test_what_slurm_refuses_is_taken_back(shell: Shell) -> None:
    """The first array is accepted, the second one is not: the first one is cancelled, and nothing is queued."""
    shell.command("scontrol", 'case "$*" in *config*) echo "ClusterName = reef";; esac')
    shell.command("sinfo", "true")
    shell.command("squeue", "true")
    shell.command("scancel", f'echo "$@" >> "{shell.folder}/cancelled"')
    shell.command(
        "sbatch",
        f'cd "{shell.folder}"; if [ -e submitted ]; then echo "sbatch: error: no more of them" >&2; exit 1; fi\n'
        "echo > submitted; echo 4711",
    )
    (shell.folder / "study.py").write_text(STUDY.replace("@study.task\n", "@study.task(cpus=3)\n"), encoding="utf-8")
    done = shell.submit("number=1,2", code=2)
    assert "no more of them" in done.stderr
    assert "submissions/0001/1.sh" in done.stderr
    assert "nothing was submitted" in done.stderr
    assert (shell.folder / "cancelled").read_text().split()[-1] == "4711"
