"""What a site is and what it allows: asked of SLURM each time it matters, never configured, kept nowhere."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from quadrat.core.errors import BadInput, ClusterError, unknown
from quadrat.execution.slurm import client

_NODE_FIELDS = ("%R", "%D", "%c", "%m", "%G", "%T")
_SEPARATOR = "\x1f"
_GONE = ("down", "drain", "fail", "unknown", "future", "error", "maint", "planned_down")
MEBIBYTE = 2**20
"""SLURM's "megabyte"."""


@dataclass(frozen=True)
class Nodes:
    """Nodes of one size.

    Attributes:
        count: how many there are, and `usable` how many of them are neither down nor drained.
        cpus: of each, as SLURM counts them (cores, or threads where the site says so).
        memory: bytes of each.
        gpus: of each, of whatever types.
    """

    count: int
    usable: int
    cpus: int
    memory: int
    gpus: int


@dataclass(frozen=True)
class Partition:
    """A partition, with None for what has no limit.

    Attributes:
        name: its name, and `default` whether jobs go there that name none.
        max_time, default_time: seconds that a job may ask for, and gets where it does not ask.
        nodes: its nodes, one entry for each size.
        state: "UP", "DOWN", "DRAIN" or "INACTIVE".
        max_cpus, max_memory: what one job may use of a node, cpus and bytes.
        default_memory: bytes that a job gets for each cpu where it does not ask.
    """

    name: str
    default: bool = False
    max_time: float | None = None
    default_time: float | None = None
    nodes: tuple[Nodes, ...] = ()
    state: str = "UP"
    max_cpus: int | None = None
    max_memory: int | None = None
    default_memory: int | None = None

    @property
    def cpus(self) -> int:
        """The most that a job can get of one node."""
        most = max((one.cpus for one in self.nodes), default=0)
        return most if self.max_cpus is None else min(most, self.max_cpus)

    @property
    def memory(self) -> int:
        """The most bytes that a job can get of one node."""
        most = max((one.memory for one in self.nodes), default=0)
        return most if self.max_memory is None else min(most, self.max_memory)

    @property
    def gpus(self) -> int:
        """The most that one node has."""
        return max((one.gpus for one in self.nodes), default=0)

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return sum(one.count for one in self.nodes)

    @property
    def usable(self) -> int:
        """How many of them are neither down nor drained."""
        return sum(one.usable for one in self.nodes)

    def lacks(self, cpus: int, gpus: float, memory: int | None, walltime: float | None) -> Lack | None:
        """What of a request the partition cannot give to one job; None where a node of it has all."""
        if cpus > self.cpus:
            return Lack("cpus", f"{cpus} cpus", f"the largest node has {self.cpus}", str(self.cpus))
        if gpus > self.gpus:
            why = f"the largest node has {self.gpus}" if self.gpus else "no node has one"
            return Lack("gpus", f"{gpus:g} gpus", why, str(self.gpus))
        if memory is not None and memory > self.memory:
            most = show_memory(self.memory)
            return Lack("memory", f"{show_memory(memory)} of memory", f"the largest node has {most}", most)
        if walltime is not None and self.max_time is not None and walltime > self.max_time:
            most = show_time(self.max_time)
            return Lack("walltime", f"a walltime of {show_time(walltime)}", f"a job may take {most} at most", most)
        if any(cpus <= one.cpus and gpus <= one.gpus and (memory or 0) <= one.memory for one in self.nodes):
            return None
        sizes = "; ".join(_size(one.cpus, one.gpus, one.memory) for one in self.nodes[:4])
        return Lack("", _size(cpus, gpus, memory or 0), f"no node has all of it: there are nodes with {sizes}", "")


class Lack(NamedTuple):
    """What a partition cannot give: which resource, what was asked for, why not, and how much would be right."""

    resource: str
    asked: str
    why: str
    most: str


@dataclass(frozen=True)
class Site:
    """A SLURM site.

    Attributes:
        name, version: of the cluster.
        partitions: those that this user can see.
        max_array: the largest index of an array is one less (MaxArraySize); 0: no arrays.
        max_jobs: how many jobs and elements SLURM holds at once (MaxJobCount), of all users together.
        requeue: whether a job may go back into the queue unless its script says otherwise (JobRequeue).
        preemption: what becomes of a job that must make room ("REQUEUE", "CANCEL", "OFF", …).
        kills_invalid: whether a job goes away whose dependency can never hold; elsewhere it pends for ever.
        kill_wait: seconds between SIGTERM and SIGKILL.
        remembers_seconds: how long squeue can still show a job that has ended.
    """

    name: str
    version: str
    partitions: tuple[Partition, ...]
    max_array: int = 1001
    max_jobs: int = 10000
    requeue: bool = True
    preemption: str = "OFF"
    kills_invalid: bool = False
    kill_wait: float = 30.0
    remembers_seconds: float = 300.0

    @cached_property
    def default(self) -> Partition | None:
        """The partition of jobs that name none."""
        return next((one for one in self.partitions if one.default), None)

    def choose(self, partition: str | None = None) -> tuple[Partition, ...]:
        """The partitions that a request names, "a" or "a,b"; the default one where it names none.

        Raises:
            BadInput: for one that does not exist, or where none is named and there is no default.
        """
        names = [one.name for one in self.partitions]
        if not partition:
            if self.default is None:
                raise BadInput(
                    f"the site '{self.name}' has no default partition",
                    hint=f"name one with --partition: {', '.join(names)}",
                )
            return (self.default,)
        asked = [one.strip() for one in partition.split(",") if one.strip()]
        for one in asked:
            if one not in names:
                error = unknown("partition", one, names)
                listed = ", ".join(f"{name} (the default)" if self._is_default(name) else name for name in names)
                error.hint = f"{error.hint} this site has {listed}" if "mean" in str(error.hint) else f"known: {listed}"
                raise error
        return tuple(one for one in self.partitions if one.name in asked)

    def _is_default(self, name: str) -> bool:
        return self.default is not None and self.default.name == name

    def check(
        self,
        cpus: int = 1,
        gpus: float = 0,
        memory: int | None = None,
        walltime: float | None = None,
        partition: str | None = None,
        *,
        task: str | None = None,
    ) -> None:
        """Make sure that some node can hold what one job asks for. Limits of accounts (QOS) are not known here.

        Args:
            cpus: how many.
            gpus: how many, or a share of one.
            memory: bytes.
            walltime: seconds.
            partition: where; the default one where it is not said.
            task: for whom, to say so.

        Raises:
            BadInput: where none can, or there is no such partition.
        """
        asked = (cpus, gpus, memory, walltime)
        chosen = self.choose(partition)
        lacks = [lack for one in chosen if (lack := one.lacks(*asked)) is not None]
        if len(lacks) < len(chosen):
            return
        lack, where = lacks[0], chosen[0].name
        fitting = [other.name for other in self.partitions if other.lacks(*asked) is None]
        if fitting:
            hint = f"--partition {fitting[0]} has it"
        elif lack.resource:
            setting = f"resources.{task}.{lack.resource}" if task else lack.resource
            hint = f"ask for less: {setting}={lack.most.replace(' ', '')}"
        else:
            hint = "ask for less of one of them"
        who = f"task '{task}' asks for" if task else "asked for"
        raise BadInput(f"{who} {lack.asked}, but in partition '{where}' {lack.why}", hint=hint)


def detect() -> Site:
    """The site that this machine's SLURM commands talk to, in three calls.

    Raises:
        ClusterError: where there is none, or it does not answer.
    """
    config = parse_config(client.run(["scontrol", "show", "config"]))
    shown = client.run(["scontrol", "--all", "--oneliner", "show", "partition"])
    listed = client.run(["sinfo", "--all", "--exact", "--noheader", f"--format={_SEPARATOR.join(_NODE_FIELDS)}"])
    return make_site(config, parse_partitions(shown, parse_nodes(listed)))


def make_site(config: Mapping[str, str], partitions: Iterable[Partition]) -> Site:
    """A site from what `scontrol show config` says and its partitions."""
    # Where SLURM was told so moved from one parameter to the other.
    invalid = ",".join(config.get(name, "") for name in ("DependencyParameters", "SchedulerParameters"))
    return Site(
        name=config.get("ClusterName", ""),
        version=config.get("SLURM_VERSION", ""),
        partitions=tuple(partitions),
        max_array=_number(config.get("MaxArraySize"), 1001),
        max_jobs=_number(config.get("MaxJobCount"), 10000),
        requeue=config.get("JobRequeue", "1") not in ("0", "NO", "no"),
        preemption=config.get("PreemptMode", "OFF"),
        kills_invalid="kill_invalid_depend" in invalid,
        kill_wait=float(_number(config.get("KillWait"), 30)),
        remembers_seconds=float(_number(config.get("MinJobAge"), 300)),
    )


def parse_config(text: str) -> dict[str, str]:
    """The names and values of `scontrol show config`; of a name that stands twice the first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name[:1].isspace():
            found.setdefault(name.strip(), value.strip())
    return found


def parse_nodes(text: str) -> dict[str, tuple[Nodes, ...]]:
    """The sizes of each partition's nodes, from sinfo's answer to `detect`; nodes of one size count together."""
    sizes: dict[str, dict[tuple[int, int, int], list[int]]] = {}
    for line in text.splitlines():
        parts = line.split(_SEPARATOR)
        if len(parts) != len(_NODE_FIELDS):
            continue
        name, count, cpus, memory, gres, state = (part.strip() for part in parts)
        # Where sinfo takes nodes of several sizes together, "64+" is the smallest of them.
        key = (_number(cpus), _number(memory) * MEBIBYTE, count_gpus(gres))
        counts = sizes.setdefault(name, {}).setdefault(key, [0, 0])
        counts[0] += _number(count)
        counts[1] += 0 if state.lower().startswith(_GONE) else _number(count)
    return {
        name: tuple(Nodes(counts[0], counts[1], *key) for key, counts in sorted(found.items(), reverse=True))
        for name, found in sizes.items()
    }


def count_gpus(gres: str) -> int:
    """How many GPUs there are in "gpu:a100:4(S:0-1),gpu:v100:2,shard:8", "gpu:2" or "(null)"."""
    found = re.findall(r"(?:^|,)gpu(?::[^,:(]+)?:(\d+)", gres)
    return sum(map(int, found)) or len(re.findall(r"(?:^|,)gpu(?::[^,:(\d][^,:(]*)?(?=$|,|\()", gres))


def parse_partitions(text: str, nodes: Mapping[str, tuple[Nodes, ...]]) -> list[Partition]:
    """The partitions in `scontrol --oneliner show partition`.

    Args:
        text: what it says.
        nodes: the nodes of each.
    """
    found = []
    for line in text.splitlines():
        said = dict(part.partition("=")[::2] for part in line.split())
        name = said.get("PartitionName")
        if not name:
            continue
        most = client.parse_time(said.get("MaxTime", "UNLIMITED"))
        found.append(
            Partition(
                name=name,
                default=said.get("Default", "NO") == "YES",
                max_time=most,
                default_time=client.parse_time(said.get("DefaultTime", "NONE")) or most,
                nodes=nodes.get(name, ()),
                state=said.get("State", "UP"),
                max_cpus=_number(said.get("MaxCPUsPerNode")) or None,
                max_memory=_number(said.get("MaxMemPerNode")) * MEBIBYTE or None,
                default_memory=_number(said.get("DefMemPerCPU")) * MEBIBYTE or None,
            )
        )
    return found


def _number(text: str | None, default: int = 0) -> int:
    """The number that a text begins with: "30 sec", "64+", "1001"."""
    found = re.match(r"\d+", text or "")
    return int(found[0]) if found else default


def show_memory(size: float) -> str:
    """Bytes as a setting takes them, rounded down to four digits: "512 MB", "16.77 GB"."""
    unit, name = (1e9, "GB") if size >= 1e9 else (1e6, "MB")
    digits = max(0, 3 - len(str(int(size / unit))) + 1)
    return f"{math.floor(size / unit * 10**digits) / 10**digits:g} {name}"


def show_time(seconds: float) -> str:
    """Seconds as SLURM writes them: "0:10:00", "2-00:00:00"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}-{hours:02d}:{minutes:02d}:{rest:02d}" if days else f"{hours}:{minutes:02d}:{rest:02d}"


def _size(cpus: int, gpus: float, memory: int) -> str:
    parts = [f"{cpus} cpus", *([f"{gpus:g} gpus"] if gpus else []), *([show_memory(memory)] if memory else [])]
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Inside:
    """What a process knows of the job that it is in.

    Attributes:
        job: the job's own id, and `array` and `element` where it is an element of an array.
        restarts: how often it went back into the queue.
        partition, nodes: where it runs; `nodes` as a list, "n[1-2]".
        node: the node of this process.
        cpus: that it has on this node.
        memory: bytes that it has on this node, where SLURM says so.
    """

    job: int
    array: int | None = None
    element: int | None = None
    restarts: int = 0
    partition: str = ""
    nodes: str = ""
    node: str = ""
    cpus: int = 1
    memory: int | None = None

    @cached_property
    def end(self) -> float | None:
        """When its time is up, in seconds since 1970; None without a limit, or where SLURM cannot be asked."""
        try:
            return client.end_time(self.job)
        except ClusterError:
            return None


def inside(environment: Mapping[str, str] | None = None) -> Inside | None:
    """The job that this process is in, or None. Nothing is asked but the environment (see `Inside.end`)."""
    said = os.environ if environment is None else environment
    if not said.get("SLURM_JOB_ID", "").isdecimal():
        return None
    cpus = _number(said.get("SLURM_CPUS_ON_NODE"), 1)
    each = _number(said.get("SLURM_MEM_PER_CPU"))
    return Inside(
        job=int(said["SLURM_JOB_ID"]),
        array=_number(said.get("SLURM_ARRAY_JOB_ID")) or None,
        element=int(said["SLURM_ARRAY_TASK_ID"]) if said.get("SLURM_ARRAY_TASK_ID", "").isdecimal() else None,
        restarts=_number(said.get("SLURM_RESTART_COUNT")),
        partition=said.get("SLURM_JOB_PARTITION", ""),
        nodes=said.get("SLURM_JOB_NODELIST", ""),
        node=said.get("SLURMD_NODENAME", ""),
        cpus=cpus,
        memory=(_number(said.get("SLURM_MEM_PER_NODE")) or each * cpus) * MEBIBYTE or None,
    )
