"""The lab itself: what the tests of the executor stand on behaves as on a site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cluster.conftest import Lab

TOOL = Path(__file__).resolve().parents[2] / "tools" / "slurm_lab.py"


def submit(lab: Lab, folder: Path, script: str, *options: str) -> str:
    """Submit a shell script that runs in a folder; the job's id."""
    return lab.run("sbatch", "--parsable", f"--chdir={folder}", *options, f"--wrap={script}").stdout.strip()


def words(folder: Path, pattern: str) -> dict[str, str]:
    """What jobs wrote, by the name of the file."""
    return {path.name: path.read_text(encoding="utf-8").strip() for path in folder.glob(pattern)}


def tool(verb: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """One call of the lab's command line."""
    command = [sys.executable, str(TOOL), verb, "--dir", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def lives(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False


def test_an_array_spreads_over_the_nodes(lab: Lab, tmp_path: Path) -> None:
    script = "echo $SLURMD_NODENAME > node-$SLURM_ARRAY_TASK_ID"
    submit(lab, tmp_path, script, "--array=0-5", "--cpus-per-task=8", "--output=/dev/null")
    lab.wait_until(lambda: not lab.queue())
    nodes = words(tmp_path, "node-*")
    assert sorted(nodes) == [f"node-{index}" for index in range(6)]
    assert set(nodes.values()) == {"n1", "n2", "n3"}


def test_after_a_failed_job_afterany_runs_and_afterok_waits(lab: Lab, tmp_path: Path) -> None:
    failing = submit(lab, tmp_path, "exit 3", "--output=/dev/null")
    never = submit(lab, tmp_path, "touch never", f"--dependency=afterok:{failing}", "--output=/dev/null")
    submit(lab, tmp_path, "touch ran", f"--dependency=afterany:{failing}", "--output=/dev/null")
    lab.wait_until(lambda: lab.queue() == [f"{never} PENDING DependencyNeverSatisfied"])
    assert [path.name for path in tmp_path.iterdir()] == ["ran"]


def test_an_unknown_partition_is_refused_with_slurms_own_words(lab: Lab) -> None:
    refused = lab.run("sbatch", "--partition=nowhere", "--wrap=true", check=False)
    assert refused.returncode == 1
    assert "invalid partition specified: nowhere" in refused.stderr


def test_what_no_node_has_is_refused(lab: Lab) -> None:
    for demand in ("--mem=17000", "--cpus-per-task=9", "--gpus-per-node=3", "--array=0-1001"):
        refused = lab.run("sbatch", demand, "--wrap=true", check=False)
        assert (refused.returncode, lab.queue()) == (1, []), demand


def test_a_job_gets_gpus_of_its_own(lab: Lab, tmp_path: Path) -> None:
    script = (
        "echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES > gpu-$SLURM_ARRAY_TASK_ID; while [ ! -e go ]; do sleep 0.1; done"
    )
    submit(lab, tmp_path, script, "--array=0-5", "--gres=gpu:1", "--output=/dev/null")
    lab.wait_until(lambda: all(words(tmp_path, "gpu-*").get(f"gpu-{index}") for index in range(6)))
    (tmp_path / "go").touch()
    assert sorted(words(tmp_path, "gpu-*").values()) == [f"n{node} {gpu}" for node in (1, 2, 3) for gpu in (0, 1)]


def test_when_its_node_goes_down_a_job_begins_again(lab: Lab, tmp_path: Path) -> None:
    script = 'echo "$SLURMD_NODENAME $SLURM_RESTART_COUNT" >> begun; [ -n "$SLURM_RESTART_COUNT" ] || exec sleep 1000'
    submit(lab, tmp_path, script, "--output=/dev/null", "--requeue")
    lab.wait_until(lambda: words(tmp_path, "begun"))
    first = (tmp_path / "begun").read_text(encoding="utf-8").split()[0]
    lab.set_node(first, "down")
    lab.wait_until(lambda: not lab.queue())
    starts = (tmp_path / "begun").read_text(encoding="utf-8").splitlines()
    assert [start.split()[1:] for start in starts] == [[], ["1"]]


def test_a_node_without_jobs_stays_down_and_takes_none(lab: Lab, tmp_path: Path) -> None:
    lab.set_node("n1", "down")
    lab.set_node("n2", "drain")
    script = "echo $SLURMD_NODENAME > node-$SLURM_ARRAY_TASK_ID"
    submit(lab, tmp_path, script, "--array=0-2", "--cpus-per-task=8", "--output=/dev/null")
    lab.wait_until(lambda: not lab.queue())
    assert words(tmp_path, "node-*") == {f"node-{index}": "n3" for index in range(3)}
    lab.clear()  # as after every test: all nodes are there again
    submit(lab, tmp_path, "true", "--nodes=3", "--output=/dev/null")
    lab.wait_until(lambda: not lab.queue())


def test_the_clients_need_no_variables(lab: Lab) -> None:
    said = subprocess.run(
        [lab.dir / "bin" / "sinfo", "--noheader", "--format=%N"],
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.split() == ["n[1-3]"]


def test_stop_leaves_no_process_behind(lab: Lab, tmp_path: Path) -> None:
    folder = lab.dir / "other"  # short enough for sockets, and gone with the lab
    started = tool("start", folder, "--port", str(lab.port + 50), "--nodes=1")
    assert started.stdout == f"export SLURM_CONF={folder}/slurm.conf PATH={folder}/bin:$PATH\n", started.stderr
    try:
        daemons = [int(file.read_text(encoding="utf-8")) for file in (folder / "pid").iterdir()]
        other = type(lab)(folder, lab.port + 50)
        # A process that has left the job's session and outlives its parent, and one that wants to stay.
        submit(
            other, tmp_path, "(setsid sh -c 'echo $$ > left; exec sleep 1000' &); exec sleep 1000", "--output=/dev/null"
        )
        submit(other, tmp_path, "trap '' TERM; echo $$ > stays; while :; do sleep 1; done", "--output=/dev/null")
        other.wait_until(lambda: all(words(tmp_path, "[ls]*").get(name) for name in ("left", "stays")))
        pids = [*daemons, *(int(word) for word in words(tmp_path, "[ls]*").values())]
        assert len(pids) == 5
        assert all(map(lives, pids))
        assert tool("status", folder).returncode == 0
    finally:
        stopped = tool("stop", folder)
    assert stopped.stdout.startswith("3 daemons ended")
    assert not [pid for pid in pids if lives(pid)]
    assert tool("status", folder).returncode == 1
    assert lab.queue() == []  # the other lab lives on


@pytest.mark.parametrize("case", ["running", "taken", "long", "foreign"])
def test_a_lab_that_cannot_be_is_refused_at_once(lab: Lab, tmp_path: Path, case: str) -> None:
    (tmp_path / "bin").mkdir()
    folder, port, said = {
        "running": (lab.dir, lab.port, "runs in"),
        "taken": (lab.dir / "new", lab.port, f"port {lab.port} is in use"),
        "long": (tmp_path / ("long" * 30), lab.port + 60, "at most 75 characters"),
        "foreign": (tmp_path, lab.port + 60, "files that are no lab's"),
    }[case]
    refused = tool("start", folder, "--port", str(port))
    assert refused.returncode == 1
    assert said in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
