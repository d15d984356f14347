"""The scripts that reach a cluster, pinned: a reviewer sees exactly what SLURM is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from golden.test_golden import check, quadrat

TEMPLATE = """\
{% extends "slurm.sh.j2" %}
{% block directives %}
#SBATCH --mail-type=FAIL
#SBATCH --licenses=matlab
{% endblock %}
{% block environment %}
{{ super() }}
export DATA=/scratch/$USER
{% endblock %}
"""
STUDY = """
import quadrat as qd

study = qd.Study("render")

@study.task(cpus=4, gpus=0.5, memory="2GB", walltime="40m", rule=None)
def paint(seed: int = 0) -> dict: ...

@study.task
def frame(paint: qd.Done) -> dict: ...
""".replace(", rule=None", "")


def plain(text: str, root: Path) -> str:
    """A script without what differs from place to place."""
    text = text.replace(str(root), "/work").replace(sys.executable, "/venv/bin/python")
    return re.sub(r"quadrat:[0-9a-f]{8}:", "quadrat:<store>:", text)


def test_the_shipped_sweep(in_tmp: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # no scheduler is needed, nor anything else
    code, out, err = quadrat(
        "submit", "mnist_fgsm", "dataset=digits", "--pretend", capsys=capsys, monkeypatch=monkeypatch
    )
    assert (code, err) == (0, "44 runs in 17 elements of 4 arrays; nothing was submitted\n")
    check("submit_mnist_fgsm.txt", plain(out, in_tmp))
    assert not Path("runs").exists()


def test_a_site_with_everything(
    in_tmp: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("""it's a "folder" $HOME `x`""")
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("study.py").write_text(STUDY, encoding="utf-8")
    Path("ours.sh.j2").write_text(TEMPLATE, encoding="utf-8")
    Path("site.yaml").write_text(
        """
slurm:
  account: vision
  partition: gpu,long
  qos: high
  constraint: a100|h100
  modules: [python/3.11, "cuda/12.4 "]
  container: /images/it's.sif
  options: ["--exclude=node7", "--nice=100"]
  setup: ["ulimit -n 4096"]
  template: ours.sh.j2
  requeue: false
  warn_seconds: 120
  time: 2h
""",
        encoding="utf-8",
    )
    options = [
        "--bundle",
        "8",
        "--parallel",
        "3",
        "--throttle",
        "20",
        "--after",
        "4711",
        "--hold",
        "--config",
        "site.yaml",
    ]
    code, out, err = quadrat(
        "submit", "study.py", "seed=range(32)", *options, "--pretend", capsys=capsys, monkeypatch=monkeypatch
    )
    assert (code, err) == (0, "64 runs in 8 elements of 2 arrays; nothing was submitted\n")
    check("submit_everything.txt", plain(out, in_tmp))
    for number, script in enumerate(re.split(r"^# ── .*\n", out, flags=re.MULTILINE)[1:]):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"script {number} is no bash: {done.stderr}"
