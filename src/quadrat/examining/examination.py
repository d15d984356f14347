"""Everything that is looked at, in order: this machine, the store, SLURM, a node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from quadrat.core.errors import ClusterError, StoreError
from quadrat.examining import here, nodes
from quadrat.examining.check import About, Check, Level
from quadrat.examining.probing import NODE, Probe
from quadrat.execution.slurm import client, probe
from quadrat.execution.slurm.site import Partition, Site, detect, show_memory, show_time
from quadrat.settings import SlurmSettings
from quadrat.store.layout import Layout
from quadrat.store.store import Store

SLURM = About("SLURM")
_MOST_PARTITIONS = 12


@dataclass
class Examination:
    """What is to be looked at, and what has been found so far.

    Args:
        root: the store, which may not be there yet.
        slurm: what the site wants to be told; its partition is where the probe goes.
        wait: how many seconds the probe may take.
        gpus: how many GPUs the probe asks for.
        progress: told what the probe is waiting for.
    """

    root: Path
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    wait: float = 300.0
    gpus: int = 0
    progress: Callable[[str], None] = lambda text: None
    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    site: Site | None = None
    node: dict[str, Any] | None = None

    @property
    def fine(self) -> bool:
        """Whether nothing failed."""
        return not any(one.level is Level.FAIL for one in self.checks)

    def look(self) -> Iterator[Check]:
        """Look at one thing after the other. Nothing is left behind, in the store or in the queue.

        Raises:
            BadInput: for a partition that does not exist, or a template that does not do.
        """
        for check in self._all():
            self.checks.append(check)
            yield check

    def told(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "ok": self.fine,
            "checks": [one.told() for one in self.checks],
            "machine": self.facts,
            "site": None if self.site is None else asdict(self.site),
            "node": self.node,
        }

    def _all(self) -> Iterator[Check]:
        self.facts = probe.facts()
        yield from here.machine(self.facts)
        layout = Layout(self.root.absolute())
        try:
            Store(self.root)  # of another version, or a file
            with here.workplace(layout) as folder:
                yield from here.store(layout, folder)
                yield from self._slurm()
                if self.site is not None:
                    yield from self._node(folder / "probe", self.site)
        except StoreError as error:
            yield here.unwritable(layout, error)
            yield from self._slurm()

    def _slurm(self) -> Iterator[Check]:
        if not client.installed():
            yield SLURM.ok("none here (no `sbatch` on the path): `quadrat run` works, `quadrat submit` does not")
            return
        try:
            self.site = detect()
        except client.NoSlurm as error:  # a machine with SLURM's packages, but of no cluster
            yield SLURM.warn(f"`sbatch` is here, but: {error.message}", error.hint or "set SLURM_CONF")
            return
        except ClusterError as error:
            yield SLURM.fail(error.message, error.hint or "ask whoever looks after the cluster")
            return
        yield from describe(self.site, self.slurm.partition)

    def _node(self, folder: Path, site: Site) -> Iterator[Check]:
        try:
            sent = Probe(folder, site, self.slurm, self.gpus)
            with sent:
                self.node = sent.wait(self.wait, self.progress)
        except ClusterError as error:
            yield NODE.fail(f"SLURM takes no probe job: {error.message}", error.hint or "see `sbatch` by hand")
            return
        if self.node is None:
            yield sent.trouble
            return
        yield from nodes.compare(self.facts, self.node, sent)


def describe(site: Site, chosen: str = "") -> Iterator[Check]:
    """What a site is and allows.

    Args:
        site: the site.
        chosen: the partitions that matter, if not the default one.

    Raises:
        BadInput: where one of these does not exist.
    """
    yield SLURM.ok(f"cluster '{site.name}', SLURM {site.version}")
    wanted = site.choose(chosen or None)
    others = [one for one in site.partitions if one not in wanted]
    for one in (*wanted, *others[:_MOST_PARTITIONS]):
        yield _partition(one, wanted=one in wanted)
    if len(others) > _MOST_PARTITIONS:
        yield SLURM.ok(f"{len(others) - _MOST_PARTITIONS} more partitions: `--json` has all")
    if site.max_array > 1:
        arrays = f"arrays of up to {site.max_array:,} elements, {site.max_jobs:,} jobs in the queue of all users"
        yield SLURM.ok(arrays)
    else:
        yield SLURM.fail("this site allows no job arrays", "`quadrat run` inside one large job works")
    preempted = "no preemption" if site.preemption in ("OFF", "") else f"preemption: {site.preemption}"
    if site.requeue:
        yield SLURM.ok(f"{preempted}; jobs may be requeued")
    else:
        yield SLURM.warn(f"{preempted}; jobs are not requeued", "what was cut off needs another `quadrat submit`")


def _partition(one: Partition, *, wanted: bool) -> Check:
    sizes = {(size.cpus, size.memory, size.gpus) for size in one.nodes}
    each = f"{one.cpus} cpus, {show_memory(one.memory)}" + (f", {one.gpus} gpus" if one.gpus else "")
    limit = "no time limit" if one.max_time is None else f"{show_time(one.max_time)} at most"
    text = (
        f"partition {one.name}{' (the default)' if one.default else ''}: {one.usable} of {one.count} nodes up, "
        f"{each} {'each' if len(sizes) == 1 else 'at most'}, {limit}"
    )
    if one.state != "UP" or not one.usable:
        state = f"it is {one.state}" if one.state != "UP" else "none of its nodes is up"
        if wanted:
            return SLURM.warn(f"{text}; {state}", "jobs wait until it is up: choose another with --partition")
        return SLURM.ok(f"{text}; {state}")
    return SLURM.ok(text)
