"""What a site allows, from what versions of SLURM say of it, and requests that it cannot hold."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from quadrat.core.errors import BadInput, ClusterError
from quadrat.core.resources import parse_duration, parse_memory
from quadrat.execution.slurm import site
from quadrat.execution.slurm.site import MEBIBYTE, Nodes, Partition, Site

GB = 10**9

# Of 22.05; 24.05 and later add, leave out and reorder names, and end with sections of their own.
CONFIG_22 = """\
Configuration data as of 2026-11-23T15:25:09
AccountingStorageType   = accounting_storage/none
BOOT_TIME               = 2026-11-23T15:24:41
ClusterName             = lab
DependencyParameters    = (null)
JobRequeue              = 1
KillWait                = 5 sec
MaxArraySize            = 1001
MaxJobCount             = 200000
MinJobAge               = 300 sec
PreemptMode             = REQUEUE
SchedulerParameters     = sched_min_interval=0,bf_interval=1
SlurmctldHost[0]        = vm(127.0.0.1)
SLURM_VERSION           = 22.05.8

Slurmctld(primary) at vm is UP
"""
CONFIG_24 = """\
Configuration data as of 2026-01-02T03:04:05
ClusterName             = reef
DependencyParameters    = kill_invalid_depend
JobRequeue              = 0
KillWait                = 30 sec
MaxArraySize            = 75000
MaxJobCount             = 500000
MinJobAge               = 120 sec
PreemptMode             = GANG,SUSPEND
SLURM_VERSION           = 24.05.4
TLSType                 = tls/none

Cgroup Support Configuration:
AllowedRAMSpace         = 100.0%
MaxArraySize            = 3

Slurmctld(primary) at reef1 is UP
Slurmctld(backup) at reef2 is UP
"""
PARTITIONS_22 = """\
PartitionName=main AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES QoS=N/A \
DefaultTime=01:00:00 DisableRootJobs=NO Hidden=NO MaxNodes=UNLIMITED MaxTime=1-00:00:00 MinNodes=0 LLN=NO \
MaxCPUsPerNode=UNLIMITED Nodes=n[1-3] PreemptMode=REQUEUE State=UP TotalCPUs=24 TotalNodes=3 DefMemPerCPU=2000 \
MaxMemPerNode=UNLIMITED TRES=cpu=24,mem=48000M,node=3,billing=24
PartitionName=short AllowGroups=ALL Default=NO DefaultTime=00:05:00 MaxTime=00:10:00 MaxCPUsPerNode=UNLIMITED \
Nodes=n[1-3] State=UP DefMemPerCPU=2000 MaxMemPerNode=UNLIMITED
"""
PARTITIONS_24 = """\
PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL AllowQos=normal,long Default=NO QoS=N/A DefaultTime=NONE \
ExclusiveTopo=NO MaxTime=2-00:00:00 MaxCPUsPerNode=60 MaxCPUsPerSocket=UNLIMITED NodeSets=big \
Nodes=c[001-500],d[1-8] OverSubscribe=NO State=UP DefMemPerCPU=4000 MaxMemPerNode=100000 \
TRES=cpu=120000,mem=420000000M,node=508 TRESBillingWeights=CPU=1.0,Mem=0.25G
PartitionName=gpu AllowGroups=ALL Default=NO DefaultTime=NONE MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED \
Nodes=g[1-2] State=DRAIN DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED TRES=cpu=256,gres/gpu=16
PartitionName=empty Default=NO MaxTime=UNLIMITED Nodes=(null) State=UP
"""


def sinfo(*lines: str) -> str:
    return "".join(line.replace("|", "\x1f") + "\n" for line in lines)


NODES_22 = sinfo("main|2|8|16000|gpu:2|idle", "main|1|8|16000|gpu:2|down*", "short|3|8|16000|gpu:2|mixed")
NODES_24 = sinfo(
    "cpu|400|64|192000|(null)|mixed",
    "cpu|100|64|192000|(null)|allocated",
    "cpu|8|128|750000+|(null)|drained*",
    "gpu|1|128|1000000|gpu:a100:4(S:0-1),gpu:v100:4(S:0),shard:a100:32|idle",
    "gpu|1|128|500000|gpu:h100:8(S:0-1)|planned",
    "gpu|no node's line",
)


def make(config: str, partitions: str, nodes: str) -> Site:
    found = site.parse_partitions(partitions, site.parse_nodes(nodes))
    return site.make_site(site.parse_config(config), found)


@pytest.fixture
def lab() -> Site:
    return make(CONFIG_22, PARTITIONS_22, NODES_22)


@pytest.fixture
def reef() -> Site:
    return make(CONFIG_24, PARTITIONS_24, NODES_24)


def refused(where: Site, **asked: object) -> str:
    with pytest.raises(BadInput) as error:
        where.check(**asked)  # type: ignore[arg-type]
    return str(error.value)


# -- reading


def test_slurm_22(lab: Site) -> None:
    assert (lab.name, lab.version, lab.max_array, lab.max_jobs) == ("lab", "22.05.8", 1001, 200000)
    assert (lab.requeue, lab.preemption, lab.kills_invalid) == (True, "REQUEUE", False)
    assert (lab.kill_wait, lab.remembers_seconds) == (5, 300)
    main, short = lab.partitions
    assert main == Partition(
        "main", True, 86400, 3600, (Nodes(3, 2, 8, 16000 * MEBIBYTE, 2),), "UP", None, None, 2000 * MEBIBYTE
    )
    assert (short.max_time, short.default_time, short.default) == (600, 300, False)
    assert lab.default is main
    assert (main.count, main.usable) == (3, 2)


def test_slurm_24(reef: Site) -> None:
    assert (reef.name, reef.max_array, reef.requeue, reef.kills_invalid) == ("reef", 75000, False, True)
    cpu, gpu, empty = reef.partitions
    assert reef.default is None
    assert (cpu.max_time, cpu.default_time) == (2 * 86400, 2 * 86400)
    assert cpu.nodes == (Nodes(8, 0, 128, 750000 * MEBIBYTE, 0), Nodes(500, 500, 64, 192000 * MEBIBYTE, 0))
    assert (cpu.cpus, cpu.memory) == (60, 100000 * MEBIBYTE)  # what the partition lets a job have of a node
    assert [one.gpus for one in gpu.nodes] == [8, 8]
    assert (gpu.state, gpu.max_time, gpu.default_time) == ("DRAIN", None, None)
    assert (empty.nodes, empty.cpus, empty.usable) == ((), 0, 0)


def test_an_old_site_says_it_in_another_parameter() -> None:
    old = CONFIG_22.replace("bf_interval=1", "bf_interval=1,kill_invalid_depend").replace("DependencyParameters", "X")
    assert make(old, PARTITIONS_22, NODES_22).kills_invalid


def test_nothing_is_understood() -> None:
    assert make("", "no partition\n", "") == Site("", "", ())


@pytest.mark.parametrize(
    ("gres", "count"),
    [
        ("(null)", 0),
        ("gpu:2", 2),
        ("gpu", 1),
        ("gpu:a100:4(S:0-1)", 4),
        ("gpu:a100:4,gpu:v100:2", 6),
        ("gpu:tesla_t4:1(S:0),gpumem:16", 1),
        ("shard:8,lscratch:100", 0),
        ("gpu:a100_1g.10gb:7(S:0-1),gpu:a100:1", 8),
    ],
)
def test_gpus_of_a_node(gres: str, count: int) -> None:
    assert site.count_gpus(gres) == count


# -- requests


def test_what_fits(lab: Site, reef: Site) -> None:
    lab.check()
    lab.check(cpus=8, gpus=2, memory=16000 * MEBIBYTE, walltime=86400)
    lab.check(gpus=0.5)
    lab.check(cpus=8, walltime=3600, partition="short,main")
    reef.check(cpus=128, gpus=8, memory=900 * GB, walltime=1e7, partition="gpu")


def test_what_no_node_has(lab: Site) -> None:
    assert refused(lab, cpus=9, task="train") == (
        "task 'train' asks for 9 cpus, but in partition 'main' the largest node has 8\n"
        "  ask for less: resources.train.cpus=8"
    )
    assert "asks for 4 gpus, but in partition 'main' the largest node has 2" in refused(lab, gpus=4, task="train")
    assert refused(lab, memory=17 * GB, task="fit") == (
        "task 'fit' asks for 17 GB of memory, but in partition 'main' the largest node has 16.77 GB\n"
        "  ask for less: resources.fit.memory=16.77GB"
    )
    assert refused(lab, walltime=2 * 86400) == (
        "asked for a walltime of 2-00:00:00, but in partition 'main' a job may take 1-00:00:00 at most\n"
        "  ask for less: walltime=1-00:00:00"
    )


def test_what_is_advised_can_be_written(lab: Site) -> None:
    assert parse_memory("16.77GB") <= lab.partitions[0].memory
    assert parse_duration("1-00:00:00") == lab.partitions[0].max_time
    assert parse_duration(site.show_time(600)) == 600


def test_another_partition_has_it(lab: Site, reef: Site) -> None:
    text = refused(lab, walltime=3600, partition="short")
    assert "in partition 'short' a job may take 0:10:00 at most" in text
    assert text.endswith("--partition main has it")
    text = refused(reef, gpus=1, partition="cpu")
    assert "1 gpus, but in partition 'cpu' no node has one" in text
    assert text.endswith("--partition gpu has it")


def test_no_node_has_all_of_it() -> None:
    mixed = Partition("mixed", True, nodes=(Nodes(1, 1, 64, 64 * GB, 0), Nodes(1, 1, 8, 32 * GB, 4)))
    text = refused(Site("s", "24", (mixed,)), cpus=16, gpus=1, memory=GB)
    assert "asked for 16 cpus, 1 gpus and 1 GB, but in partition 'mixed' no node has all of it" in text
    assert "64 cpus and 64 GB; 8 cpus, 4 gpus and 32 GB" in text


def test_partitions_that_are_not_there(lab: Site, reef: Site) -> None:
    assert refused(lab, partition="shrot") == (
        "unknown partition 'shrot'\n  did you mean 'short'? this site has main (the default), short"
    )
    assert refused(lab, partition="main,zzz") == "unknown partition 'zzz'\n  known: main (the default), short"
    assert refused(reef) == "the site 'reef' has no default partition\n  name one with --partition: cpu, gpu, empty"


@pytest.mark.parametrize(
    ("size", "text"),
    [(512 * 10**6, "512 MB"), (999_999_999, "999.9 MB"), (16000 * MEBIBYTE, "16.77 GB"), (2 * 10**12, "2000 GB")],
)
def test_memory_as_a_setting_takes_it(size: int, text: str) -> None:
    assert site.show_memory(size) == text
    assert parse_memory(text) <= size


# -- from inside a job


def test_inside_an_element(monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.inside() is None
    said = {
        "SLURM_JOB_ID": "205",
        "SLURM_ARRAY_JOB_ID": "204",
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_RESTART_COUNT": "2",
        "SLURM_JOB_PARTITION": "main",
        "SLURM_JOB_NODELIST": "n1",
        "SLURMD_NODENAME": "n1",
        "SLURM_CPUS_ON_NODE": "2",
        "SLURM_MEM_PER_CPU": "100",
        "SLURM_JOB_END_TIME": "1795448220",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    found = site.inside()
    assert found == site.Inside(205, 204, 0, 2, "main", "n1", "n1", 2, 200 * MEBIBYTE)
    assert found.end == 1795448220
    job = site.inside({"SLURM_JOB_ID": "7"})
    assert job == site.Inside(7)


def test_where_slurm_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert site.Inside(7).end is None
    with pytest.raises(ClusterError):
        site.detect()


def test_asking_takes_three_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(CONFIG_22)
    (tmp_path / "partition").write_text(PARTITIONS_22)
    (tmp_path / "nodes").write_text(NODES_22)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {
        "scontrol": f'for last; do :; done; cat "{tmp_path}/$last"',
        "sinfo": f"cat {tmp_path}/nodes",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    began = time.monotonic()
    assert site.detect() == make(CONFIG_22, PARTITIONS_22, NODES_22)
    assert time.monotonic() - began < 30
