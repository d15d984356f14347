"""Profiles of pilots: those that come along are fine, and one that is not is told by file, line, key and a way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quadrat.core.errors import BadInput
from quadrat.execution.pilots import parts
from quadrat.profiles import load_profile, shipped

pytest.importorskip("parsl", reason="the profiles are Parsl's")
SLURM = "provider:\n  class: SlurmProvider\n"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_profile_is_one(name: str) -> None:
    parts.check(load_profile(name))


def test_every_line_of_the_slurm_profile_that_is_left_out_can_be_put_in(tmp_path: Path) -> None:
    text = shipped()["slurm"].read_text(encoding="utf-8")
    text = re.sub(r"^( *)# ( *(?:\w+:|module ))", r"\1\2", text, flags=re.MULTILINE)
    file = tmp_path / "all.yaml"
    file.write_text(re.sub(r"^address: .*", "address: localhost", text, flags=re.MULTILINE), encoding="utf-8")
    profile = load_profile(file)
    parts.check(profile)
    assert (profile.gpus, profile.drain, profile.ports) == (4, 3000, (54000, 55000))
    assert profile.launcher is not None
    assert profile.provider.options["worker_init"] == "module load cuda\n"
    assert {"partition", "account", "qos", "cores_per_node", "mem_per_node"} <= profile.provider.options.keys()


def test_the_default_is_the_laptop() -> None:
    assert load_profile().is_local


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("provider: [\n", 2, "this is no YAML"),
        ("provider: SlurmProvider\nworkers: 2\n", 1, "'provider': should be a mapping"),
        ("provider:\n  klass: LocalProvider\n", 1, "'provider' does not say which"),
        ("provider:\n  class: 3\n", 2, "should name a class, not 3"),
        ("workers: 2\n", 0, "'provider': field required"),
        (SLURM + "workrs: 2\n", 3, "unknown key of a profile 'workrs'.*'workers'"),
        (SLURM + "workers: two\n", 3, "'workers': should be a valid integer, not 'two'"),
        (SLURM + "workers: 0\n", 3, "'workers': should be greater than or equal to 1"),
        (SLURM, 0, "'workers' is missing"),
        (
            "provider:\n  class: SlurmProvidr\nworkers: 2\n",
            2,
            "unknown provider of Parsl 'SlurmProvidr'.*SlurmProvider",
        ),
        (SLURM + "  partion: a\nworkers: 2\n", 3, "unknown keyword of SlurmProvider 'partion'.*'partition'"),
        (
            SLURM + "  nodes_per_block: two\nworkers: 2\n",
            3,
            "'nodes_per_block' of SlurmProvider: should be a valid int",
        ),
        (SLURM + "  exclusive: 1\nworkers: 2\n", 3, "'exclusive' of SlurmProvider: should be a valid boolean"),
        (SLURM + "  launcher: SrunLauncher\nworkers: 2\n", 3, "'launcher' has no place here.*beside `provider:`"),
        (SLURM + "  nodes_per_block: 2\nworkers: 2\n", 3, "needs a launcher.*SrunLauncher"),
        (SLURM + "workers: 2\nlauncher:\n  class: SrunLaunch\n", 5, "unknown launcher of Parsl 'SrunLaunch'"),
        (
            SLURM + "workers: 2\nlauncher:\n  class: SrunLauncher\n  overides: x\n",
            6,
            "keyword of SrunLauncher 'overides'",
        ),
        (SLURM + "workers: 2\naddress: nowhere.invalid\n", 4, "'nowhere.invalid' is no address.*interfaces"),
        ("provider:\n  class: LocalProvider\n  max_blocks: many\n", 3, "'max_blocks' of LocalProvider: .*integer"),
        ("provider:\n  class: KubernetesProvider\nworkers: 2\n", 1, "'image' of KubernetesProvider: field required"),
    ],
)
def test_a_bad_profile_is_told_by_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="(?s)" + message) as caught:
        parts.check(load_profile(file))
    assert str(caught.value.where or "").startswith(f"{file}:{line}" if line else str(file))


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(BadInput, match=r"(?s)unknown profile 'slrm'.*did you mean 'slurm'"):
        load_profile("slrm")
    with pytest.raises(BadInput, match=r"there is no file 'nowhere/site.yaml'"):
        load_profile("nowhere/site.yaml")


def test_kubernetes_volumes_may_be_lists(tmp_path: Path) -> None:
    """Parsl wants pairs, YAML has none."""
    file = tmp_path / "pods.yaml"
    file.write_text(
        "provider:\n  class: KubernetesProvider\n  image: lab\n  persistent_volumes: [[claim, /data]]\nworkers: 1\n"
    )
    parts.check(load_profile(file))
