"""A real SLURM on this one machine, for tests and benchmarks: munge, a controller and some nodes, all on 127.0.0.1.

    python tools/slurm_lab.py start     prints the `export` line that points a shell at it
    python tools/slurm_lab.py status
    python tools/slurm_lab.py stop

It needs neither systemd nor cgroups, nor other rights than those of the user who starts it, as whom all jobs run. All
its files lie under --dir and all its ports follow --port, so that several labs live side by side. SLURM counts memory,
CPUs and GPUs here, but enforces none of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

PACKAGES = "slurmctld slurmd slurm-client munge"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
OPTIONAL = ("sacct", "sacctmgr", "salloc", "sattach", "sdiag", "sprio", "sshare", "sstat")
FOLDERS = ("bin", "log", "pid", "spool", "state")
HEAD = "# Written by slurm_lab.py; the next start writes it again.\n"
START_SECONDS = 30
KILL_WAIT = 5  # what SLURM leaves a job between SIGTERM and SIGKILL
SOCKET_BYTES = 107  # the longest path of a unix socket, without its closing zero


class LabError(Exception):
    """What stands in the way."""


class NotInstalledError(LabError):
    """There is no SLURM on this machine."""


@dataclass(frozen=True)
class Lab:
    """Where a lab is, which is all that `status` and `stop` ask for, and how large."""

    folder: Path
    nodes: int = 3
    cpus: int = 8
    port: int = 21000
    memory: int = 16000
    gpus: int = 2
    max_array: int = 1001

    @property
    def conf(self) -> Path:
        """The file that SLURM_CONF names."""
        return self.folder / "slurm.conf"

    @property
    def munge(self) -> Path:
        """The socket of the lab's own munge."""
        return self.folder / "munge.sock"

    @property
    def names(self) -> list[str]:
        """The names of the nodes."""
        return [f"n{number}" for number in range(1, self.nodes + 1)]

    def environment(self) -> dict[str, str]:
        """This lab, and nothing that was set for another SLURM."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SQUEUE"))}
        return {**kept, "SLURM_CONF": str(self.conf)}

    def ask(self, *command: str) -> str:
        """What a client of SLURM says; nothing where it gets no answer."""
        try:
            return subprocess.check_output(command, env=self.environment(), stderr=DEVNULL, text=True, timeout=10)
        except subprocess.SubprocessError:
            return ""


def configuration(lab: Lab) -> str:
    """The slurm.conf of a lab."""
    host = socket.gethostname().split(".")[0]
    return f"""{HEAD}
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={lab.port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={os.getuid()}
SlurmdUser={os.getuid()}
# A job that is requeued waits until its old credential has expired: 120 s where nothing is said, 5 s at least.
AuthInfo=socket={lab.munge},cred_expire=5
StateSaveLocation={lab.folder}/state
SlurmdSpoolDir={lab.folder}/spool/%n
SlurmctldPidFile={lab.folder}/spool/slurmctld.pid
SlurmdPidFile={lab.folder}/spool/slurmd-%n.pid
SlurmctldLogFile={lab.folder}/log/slurmctld.log
SlurmdLogFile={lab.folder}/log/slurmd-%n.log

# No cgroups: the processes of a job are found by their parents.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# A node has the CPUs and the memory that are written here, whatever the machine has.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory

# As quick as it goes. A batch job still waits for the controller's next round, up to a second.
SchedulerParameters=sched_min_interval=0,sched_interval=1,batch_sched_delay=0,bf_interval=1,default_queue_depth=10000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait={KILL_WAIT}
ReturnToService=2
BatchStartTimeout=60
MaxJobCount=200000
MaxArraySize={lab.max_array}
# DependencyParameters is left alone, as sites do: a job whose dependency can never hold stays in the queue.

GresTypes=gpu
NodeName=DEFAULT CPUs={lab.cpus} RealMemory={lab.memory} Gres=gpu:{lab.gpus}
NodeName=n[1-{lab.nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{lab.port + 1}-{lab.port + lab.nodes}]
PartitionName=DEFAULT Nodes=ALL DefMemPerCPU={max(1, lab.memory // lab.cpus)}
PartitionName=main Default=YES MaxTime=1-00:00:00 DefaultTime=60
PartitionName=short MaxTime=00:10:00 DefaultTime=5
# What is queued here sends jobs of the others back into the queue.
PartitionName=urgent MaxTime=1-00:00:00 DefaultTime=60 PriorityTier=10
"""


def is_lab(folder: Path) -> bool:
    """Whether this script made the folder."""
    try:
        return (folder / "slurm.conf").read_text().startswith(HEAD)
    except (OSError, UnicodeDecodeError):
        return False


def programs() -> dict[str, str]:
    """The path of each program; an error that names the packages where one is missing."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), "/usr/bin", "/usr/sbin"]
    # A shell that was pointed at a lab has its shims in front; a shim must not call that of another lab.
    path = os.pathsep.join(each for each in folders if not is_lab(Path(each).parent))
    found = {name: place for name in (*NEEDED, *OPTIONAL) if (place := shutil.which(name, path=path))}
    if missing := [name for name in NEEDED if name not in found]:
        raise NotInstalledError(f"SLURM is not installed ({', '.join(missing)}): apt-get install {PACKAGES}")
    return found


def check(lab: Lab) -> None:
    """Tell at once what a daemon would tell late, or unclearly."""
    if min(lab.nodes, lab.cpus, lab.memory, lab.max_array - 1) < 1 or lab.gpus < 0:
        raise LabError("a lab has at least one node, one CPU and 1 MB, and a --max-array of at least 2")
    if not re.fullmatch(r"[\w./+-]+", str(lab.folder), re.ASCII):
        raise LabError(f"a folder in slurm.conf has letters, digits and ./_+- only: --dir {lab.folder}")
    # Each step of a job has a socket, which is named by its node, its job and itself; munge's is shorter.
    room = SOCKET_BYTES - len("/spool//_12345678.4294967295") - 2 * len(lab.names[-1])
    if len(str(lab.folder)) > room:
        raise LabError(f"with its unix sockets, a lab's folder has at most {room} characters: --dir {lab.folder}")
    if daemons(lab):
        raise LabError(f"a lab runs in {lab.folder} already: stop it first")
    if lab.folder.exists() and not is_lab(lab.folder) and any(lab.folder.iterdir()):
        raise LabError(f"{lab.folder} has files that are no lab's: choose an empty or a new --dir")
    if lab.port < 1024 or lab.port + lab.nodes > 65535:
        raise LabError(f"the ports of a lab lie between 1024 and 65535: --port {lab.port}")
    for port in range(lab.port, lab.port + lab.nodes + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise LabError(f"port {port} is in use: choose another --port") from None


def write(lab: Lab, found: dict[str, str]) -> None:
    """Fill the folder of a new lab; what an older lab left there goes."""
    places = [lab.folder / name for name in FOLDERS]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    for place in (lab.folder, *places, *(lab.folder / "spool" / node for node in lab.names)):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)  # whatever the umask: munge wants a socket that everybody can reach
    lab.conf.write_text(configuration(lab))
    # SLURM takes any character device for a GPU, and the number in its name for what CUDA_VISIBLE_DEVICES shall say.
    devices = [lab.folder / "spool" / f"gpu{number}" for number in range(lab.gpus)]
    for device in devices:
        device.symlink_to("/dev/null")
    lines = [f"NodeName=n[1-{lab.nodes}] Name=gpu File={device}\n" for device in devices]
    (lab.folder / "gres.conf").write_text("".join(lines))
    # The plugin that does nothing: `disabled` is known since 24.05; before, v1 does not ask for systemd as v2 does.
    version = [int(number) for number in re.findall(r"\d+", lab.ask(found["slurmctld"], "-V"))]
    (lab.folder / "cgroup.conf").write_text(f"CgroupPlugin={'disabled' if version >= [24, 5] else 'cgroup/v1'}\n")
    key = lab.folder / "munge.key"
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    for name, program in found.items():
        if not name.endswith("d"):
            # Some tools strip SLURM_* from the environment of what they call.
            shim = lab.folder / "bin" / name
            shim.write_text(f'#!/bin/sh\nSLURM_CONF={lab.conf} exec {shlex.quote(program)} "$@"\n')
            shim.chmod(0o755)


def launch(lab: Lab, name: str, *argv: str) -> subprocess.Popen[bytes]:
    """Start one daemon in the foreground of a session of its own, and note its pid."""
    with (lab.folder / "log" / f"{name}.err").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=lab.folder, env=lab.environment(), stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (lab.folder / "pid" / name).write_text(f"{process.pid}\n")
    return process


def start(lab: Lab) -> None:
    """Start the daemons and wait until every node is idle; leave nothing behind where that fails."""
    found = programs()
    check(lab)
    write(lab, found)
    started: dict[str, subprocess.Popen[bytes]] = {}

    def until(what: str, condition: Callable[[], bool]) -> None:
        def held() -> bool:
            for name, process in started.items():
                if process.poll() is not None:
                    said = (lab.folder / "log" / f"{name}.err").read_text(errors="replace").strip().splitlines()
                    raise LabError("\n".join([f"{name} ended with code {process.returncode}:", *said[-5:]]))
            return condition()

        if not wait(held, START_SECONDS):
            raise LabError(f"{what} did not come up in {START_SECONDS} s: see {lab.folder}/log")

    def all_idle() -> bool:
        idle = lab.ask(found["sinfo"], "--noheader", "--Node", "--states=idle", "--format=%N")
        return set(idle.split()) == set(lab.names)

    try:
        started["munged"] = launch(lab, "munged", found["munged"], *munge_options(lab))
        until("munged", lab.munge.is_socket)
        started["slurmctld"] = launch(lab, "slurmctld", found["slurmctld"], "-D", "-c", "-f", str(lab.conf))
        # First the controller: a node that does not find it tries again after a second only.
        until("slurmctld", lambda: "UP" in lab.ask(found["scontrol"], "ping"))
        for node in lab.names:
            name = f"slurmd-{node}"
            started[name] = launch(lab, name, found["slurmd"], "-D", "-f", str(lab.conf), "-N", node)
        until("a node", all_idle)
    except BaseException:
        stop(lab, found)
        raise


def munge_options(lab: Lab) -> list[str]:
    """All its files in the lab; forced, because a folder that others may write in is good enough for a lab."""
    files = {"socket": lab.munge, "key-file": lab.folder / "munge.key", "pid-file": lab.folder / "spool" / "munged.pid"}
    files |= {"seed-file": lab.folder / "state" / "munge.seed", "log-file": lab.folder / "log" / "munged.log"}
    return ["--foreground", "--force", "--origin=127.0.0.1", *(f"--{name}={place}" for name, place in files.items())]


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Look again and again; False where it does not hold in time."""
    end_of_it = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_of_it:
            return False
        time.sleep(0.02)
    return True


def proc(pid: int, name: str) -> bytes:
    """What the kernel says of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def daemons(lab: Lab) -> dict[str, int]:
    """The daemons that live: every noted pid whose process still has this lab on its command line."""
    marks = {str(lab.conf).encode(), f"--socket={lab.munge}".encode()}
    alive = {}
    for file in sorted((lab.folder / "pid").glob("*")):
        pid = int(file.read_text() or 0)
        if marks & set(proc(pid, "cmdline").split(b"\0")):
            alive[file.name] = pid
    return alive


def strays(lab: Lab) -> list[int]:
    """Processes of jobs that have outlived their node, but not the shell of somebody who was pointed at the lab."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        pid = int(place.name)
        if proc(pid, "comm") == b"slurmstepd\n":  # it has overwritten its environment, but holds files of the lab
            with contextlib.suppress(OSError):
                held = [place / "cwd", *(place / "fd").iterdir()]
                if any(str(each.readlink()).startswith(f"{lab.folder}/") for each in held):
                    found.append(pid)
        else:
            variables = proc(pid, "environ").split(b"\0")
            on_node = any(each.startswith(b"SLURMD_NODENAME=") for each in variables)
            if on_node and f"SLURM_CONF={lab.conf}".encode() in variables and pid != os.getpid():
                found.append(pid)
    return found


def stop(lab: Lab, found: dict[str, str]) -> int:
    """Cancel the jobs, end the daemons, munge last; how many daemons there were. Every wait is bounded."""
    alive = daemons(lab)
    queue = (found["squeue"], "--noheader", "--all", "--format=%F")
    if {"munged", "slurmctld"} < alive.keys():  # without a node that lives, no job would end
        jobs = sorted(set(lab.ask(*queue).split()))
        for first in range(0, len(jobs), 1000):
            lab.ask(found["scancel"], "--quiet", *jobs[first : first + 1000])
        wait(lambda: not lab.ask(*queue), KILL_WAIT + 2)
    munged = alive.pop("munged", None)
    end(alive.values(), signal.SIGTERM)
    end(strays(lab), signal.SIGKILL)
    end([munged] if munged else [], signal.SIGTERM)
    shutil.rmtree(lab.folder / "pid", ignore_errors=True)
    return len(alive) + bool(munged)


def end(pids: Iterable[int], first: signal.Signals) -> None:
    """Send a signal, and SIGKILL to what still lives some seconds later."""
    left = list(pids)
    for number in (first, signal.SIGKILL):
        for pid in filter(lives, left):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait(lambda: not any(map(lives, left)), KILL_WAIT):
            return


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    return proc(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"X"], [b"Z"])


def status(lab: Lab, found: dict[str, str]) -> bool:
    """Print what runs; whether all of it does."""
    noted = sorted(file.name for file in (lab.folder / "pid").glob("*"))
    alive = daemons(lab)
    lines = [f"{name:<12} {alive.get(name, 'has ended')}" for name in noted] or [f"no lab runs in {lab.folder}"]
    whole = bool(noted) and noted == sorted(alive)
    if whole:
        jobs = lab.ask(found["squeue"], "--noheader", "--array").count("\n")
        lines += [lab.ask(found["sinfo"]) + f"{jobs} jobs in the queue"]
    print(*lines, sep="\n")
    return whole


def arguments() -> dict[str, Any]:
    """The verb and its options."""
    folder = Path(tempfile.gettempdir()) / f"slurm-lab-{os.getuid()}"
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("start", "status", "stop"):
        options = verbs.add_parser(verb, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        options.add_argument("--dir", type=Path, default=folder, help="the lab's folder")
        if verb == "start":
            options.add_argument("--nodes", type=int, default=Lab.nodes, help="number of nodes")
            options.add_argument("--cpus", type=int, default=Lab.cpus, help="CPUs of a node")
            options.add_argument("--memory", type=int, default=Lab.memory, metavar="MB", help="memory of a node")
            options.add_argument("--gpus", type=int, default=Lab.gpus, help="GPUs of a node; nothing is behind them")
            options.add_argument("--port", type=int, default=Lab.port, help="the controller's; the nodes' follow")
            options.add_argument("--max-array", type=int, default=Lab.max_array, help="MaxArraySize of slurm.conf")
    return vars(parser.parse_args())


def main() -> int:
    """Run one verb; 1 where it failed or `status` finds no whole lab, 3 where SLURM is not installed."""
    options = arguments()
    verb = options.pop("verb")
    lab = Lab(folder=options.pop("dir").resolve(), **options)
    try:
        if verb == "start":
            start(lab)
            print(f"export SLURM_CONF={lab.conf} PATH={lab.folder}/bin:$PATH")
        elif verb == "stop":
            ended = stop(lab, programs())
            print(f"{ended} daemons ended; logs: {lab.folder}/log" if ended else f"no lab runs in {lab.folder}")
        else:
            return 0 if status(lab, programs()) else 1
    except LabError as error:
        print(f"slurm_lab: {error}", file=sys.stderr)
        return 3 if isinstance(error, NotInstalledError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
