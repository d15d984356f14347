"""What a node told, beside what is so here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quadrat.examining.check import Check
from quadrat.examining.here import LEAST_FREE, show_devices
from quadrat.examining.probing import NODE, Probe
from quadrat.execution.slurm.site import show_memory, show_time

CLOCK_SECONDS = 1.0
_MOST_PACKAGES = 8
_SAME = "give the nodes this installation: slurm.venv=, slurm.conda= or slurm.python= names one that both see"


def compare(here: Mapping[str, Any], node: Mapping[str, Any], sent: Probe) -> Iterator[Check]:
    """The checks of a node that has answered.

    Args:
        here: the facts of this machine.
        node: the report of the node.
        sent: the probe that asked for it.
    """
    name = (node.get("job") or {}).get("node") or node["host"]
    yield NODE.ok(f"{name} answered after {sent.waited:.1f} s")
    yield _store(node, sent)
    yield from _python(here, node)
    yield _packages(here["packages"], node["packages"])
    if node["user"] != here["user"]:
        yield NODE.fail(
            f"jobs run there as user {node['user']}, this is user {here['user']}",
            "files of one cannot be changed by the other: submit as the user whom the node knows",
        )
    yield _clock(node["clock_ahead"] - sent.ahead)
    yield from _job(node, sent)
    yield _scratch(node["scratch"])


def _store(node: Mapping[str, Any], sent: Probe) -> Check:
    if node["token"] != sent.token:
        return NODE.fail("it reads something else in the store's folder", "is another file system mounted there?")
    linked = sent.folder / "linked-there"
    if node["links"] is not True or not linked.exists():
        return NODE.fail(
            f"the store is the same folder, but hard links that the node makes do not work: {node['links']}",
            "choose another file system with --store",
        )
    return NODE.ok("the store is the same folder there: files and hard links are seen both ways")


def _python(here: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Check]:
    where = f"Python {node['version']}, {node['python']}"
    if node["version"].split(".")[:2] != here["version"].split(".")[:2]:
        yield NODE.warn(f"{where}; here it is {here['version']}", _SAME)
    else:
        same = "the same Python as here" if node["python"] == here["python"] else where
        yield NODE.ok(same)
    own, theirs = here["quadrat"], node["quadrat"]
    if theirs["version"] != own["version"]:
        yield NODE.fail(f"quadrat {theirs['version']}, {theirs['path']}; here it is {own['version']}", _SAME)
    elif theirs["digest"] != own["digest"]:
        yield NODE.fail(
            f"quadrat {theirs['version']}, {theirs['path']}, but its code differs from {own['path']} here", _SAME
        )
    else:
        yield NODE.ok(f"the same quadrat {theirs['version']}")


def _packages(here: Mapping[str, str], node: Mapping[str, str]) -> Check:
    names = sorted({*here, *node}, key=str.lower)
    other = [
        f"{name} {node.get(name, 'missing')} (here {here.get(name, 'missing')})"
        for name in names
        if here.get(name) != node.get(name)
    ]
    if not other:
        return NODE.ok(f"the same {len(node)} packages")
    more = f" and {len(other) - _MOST_PACKAGES} more" if len(other) > _MOST_PACKAGES else ""
    return NODE.warn(f"other packages: {', '.join(other[:_MOST_PACKAGES])}{more}", _SAME)


def _clock(ahead: float) -> Check:
    if abs(ahead) <= CLOCK_SECONDS:
        return NODE.ok("its clock agrees with this machine's")
    return NODE.warn(
        f"its clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's",
        "leases go by the file server's clock, so nothing is lost; times in records and logs are off",
    )


def _job(node: Mapping[str, Any], sent: Probe) -> Iterator[Check]:
    job = node.get("job")
    if job is None:
        yield NODE.warn("SLURM does not tell jobs who they are", "does the site take SLURM_* from the environment?")
        return
    has = f"{job['cpus']} cpu{'s' if job['cpus'] > 1 else ''}"
    if node["cpus"] < job["cpus"]:
        yield NODE.fail(f"the job has {has}, but may use {node['cpus']} only", "ask whoever looks after the cluster")
    else:
        memory = f" and {show_memory(job['memory'])}" if job["memory"] else ""
        bound = "" if node["cpus"] == job["cpus"] else f", and is not kept from using {node['cpus']}"
        yield NODE.ok(f"the job has {has}{memory}{bound}")
    if sent.gpus and len(node["devices"]) < sent.gpus:
        yield NODE.fail(
            f"asked for {sent.gpus} gpus: it sees {show_devices(dict(node))}", "is this the partition for it?"
        )
    elif sent.gpus:
        yield NODE.ok(show_devices(dict(node)))
    if job["left"] is None:
        yield NODE.warn(
            "the job does not know when its time is up",
            "`run.time_left` is unknown, and elements are not ended cleanly before their limit",
        )
    else:
        yield NODE.ok(f"the job knows that its time is up in {show_time(job['left'])}")


def _scratch(found: Mapping[str, Any]) -> Check:
    if not found["writable"]:
        return NODE.fail(
            f"its folder for temporary files, {found['path']}, cannot be written: {found.get('error', '')}",
            "set TMPDIR in slurm.setup=['export TMPDIR=…']",
        )
    text = f"temporary files: {found['path']}, {show_memory(found['free'])} free"
    if found["free"] < LEAST_FREE:
        return NODE.warn(text, "set TMPDIR to a larger one in slurm.setup=['export TMPDIR=…']")
    return NODE.ok(text)
