"""Cut the runs of a frozen plan into shares: what one warm worker of a cluster takes, in which order shares may begin.

Runs that read each other and can do with the same machine stay together, as long as that neither makes a share wider
than the chains that it is made of, nor larger than asked for. What reads from several shares of one stage waits for
them in a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quadrat.core.resources import Resources
from quadrat.plan.frozen import Frozen, FrozenGroups, FrozenTask

Places = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Share:
    """Runs that one process does.

    Attributes:
        stage: shares of a later stage read from shares of earlier ones.
        resources: what each of its runs needs; `walltime` is that of the longest.
        runs: for each task the places of its runs in the plan.
        seconds: the sum of the declared walltimes; None where no task declares one.
        after: the shares, by their place in the list, from which it reads.
    """

    stage: int
    resources: Resources
    runs: dict[str, Places]
    seconds: float | None
    after: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many runs."""
        return sum(len(places) for places in self.runs.values())

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it has runs of, upstreams first."""
        return tuple(self.runs)


@dataclass
class _Units:
    """Runs that stay together, as columns: one row for each unit."""

    stage: list[int] = field(default_factory=list)
    kind: list[tuple[int, float]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    width: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    of: dict[str, Places] = field(default_factory=dict)


def cut_into_shares(
    frozen: Frozen,
    *,
    bundle: int | None = None,
    most: int = 100,
    limit: float | None = None,
    leave: Mapping[str, NDArray[np.bool_]] | None = None,
) -> list[Share]:
    """Cut what a plan has to do into shares, earlier stages first.

    Args:
        frozen: the plan.
        bundle: about how many runs a share takes: whole chains, and no more than this where these are shorter. None:
            one chain for each share, more where there would be more than `most` shares in a stage.
        most: no more shares than this of one kind in a stage, unless they would take longer than `limit`.
        limit: no share may need more seconds than this, by the declared walltimes.
        leave: for each task runs that are left to others.

    Returns:
        The shares; every run to do is in exactly one of them.
    """
    left = {name: one.to_do & others for name, others in (leave or {}).items() if (one := frozen.tasks.get(name))}
    to_do = {name: one.to_do & ~left[name] if name in left else one.to_do for name, one in frozen.tasks.items()}
    room = max(bundle or 1, -(-sum(int(mask.sum()) for mask in to_do.values()) // most))
    units = _Units()
    for name, one in frozen.tasks.items():
        _sort(units, one, to_do[name], _reads(one, left), room, limit)
    share, count = _packed(units, bundle, most, limit)
    return _shares(frozen, units, share, count)


def _reads(one: FrozenTask, left: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """For each run whether it reads one that is left to others: what stays with it would wait for them too."""
    found = np.zeros(len(one.ids), dtype=bool)
    for argument, place in one.upstream.items():
        if argument in left and left[argument].any():
            mask = left[argument]
            if argument in one.groups:
                hit = _over_groups(np.maximum, mask.astype(np.int64), one.groups[argument], 0)
                mask = hit.astype(bool)
            found |= np.append(mask, False)[place]
    return found


def _sort(
    units: _Units,
    one: FrozenTask,
    to_do: NDArray[np.bool_],
    waits: NDArray[np.bool_],
    room: int,
    limit: float | None,
) -> None:
    """Put the runs of one task into the units of what they read, or into new ones."""
    size = len(to_do)
    needs = Resources(**one.resources)
    lowest, highest, stage = _above(units, one)
    # Runs of one family are one: the longer ones continue from the shorter ones.
    family = np.unique(one.family, return_inverse=True)[1] if len(one.family) else np.arange(size)
    count = int(family.max(initial=-1)) + 1
    low, high, above = np.full(count, NEVER), np.full(count, -1), np.full(count, -1)
    np.minimum.at(low, family[to_do], lowest[to_do])
    np.maximum.at(high, family[to_do], highest[to_do])
    np.maximum.at(above, family[to_do], stage[to_do])
    np.maximum.at(above, family[to_do & waits], 0)
    low[family[to_do & waits]] = NEVER
    number = np.bincount(family[to_do], minlength=count)
    seconds = needs.walltime or 0.0  # a task that does not say so is taken for short
    unit = np.full(count, -1, np.int64)
    joins = (number > 0) & (low == high)
    if joins.any():
        into = low[joins]
        more = np.bincount(into, weights=number[joins], minlength=len(units.size)).astype(np.int64)
        before = np.array(units.size)
        width = np.array(units.width)
        fits = (more <= width) | (before + more <= room)
        fits &= np.array([kind == (needs.cpus, needs.gpus) for kind in units.kind])
        memory = np.array(units.memory)  # a task that does not say what it needs can do with anything
        fits &= (memory == 0) | (memory >= (needs.memory or 0))
        if limit is not None:
            fits &= ~(np.array(units.seconds) + more * seconds > limit)
        unit[joins] = np.where(fits[into], into, -1)
        grown = np.flatnonzero(fits & (more > 0))
        for place in grown.tolist():
            units.size[place] += int(more[place])
            units.memory[place] = max(units.memory[place], needs.memory or 0)
            units.width[place] = max(units.width[place], int(more[place]))
            units.seconds[place] += float(more[place]) * seconds
    new = np.flatnonzero((number > 0) & (unit < 0))
    # In the order of the plan, by the first run of each.
    first = np.full(count, size)
    np.minimum.at(first, family[to_do], np.flatnonzero(to_do))
    new = new[np.argsort(first[new], kind="stable")]
    unit[new] = len(units.size) + np.arange(len(new))
    units.stage += (above[new] + 1).tolist()
    units.kind += [(needs.cpus, needs.gpus)] * len(new)
    units.memory += [needs.memory or 0] * len(new)
    units.size += number[new].tolist()
    units.width += number[new].tolist()
    units.seconds += (number[new] * seconds).tolist()
    units.of[one.name] = np.where(to_do, unit[family], -1)


def _above(units: _Units, one: FrozenTask) -> tuple[Places, Places, Places]:
    """For each run the latest stage that it reads from, and of the units of that stage the lowest and the highest."""
    size = len(one.ids)
    lowest, highest, stage = np.full(size, NEVER), np.full(size, -1), np.full(size, -1)
    stages = np.array([*units.stage, -1], np.int64)
    columns = []
    for argument, place in one.upstream.items():
        unit = units.of[argument]
        key = np.where(unit < 0, -1, (stages[unit] << 32) | unit)  # units of a later stage are higher
        high = key
        # The lowest of the same stage as the highest: below the highest by less than a stage.
        if argument in one.groups:
            groups = one.groups[argument]
            high = _over_groups(np.maximum, key, groups, -1)
            of_member = np.repeat(high >> 32, np.diff(groups.starts))
            members = np.where(key[groups.members] >> 32 == of_member, key[groups.members], NEVER)
            low = _over_groups(np.minimum, members, groups, NEVER, direct=True)
        else:
            low = np.where(key < 0, NEVER, key)
        columns.append((np.append(low, NEVER)[place], np.append(high, -1)[place]))
        stage = np.maximum(stage, columns[-1][1] >> 32)
    for low, high in columns:
        latest = (high >= 0) & (high >> 32 == stage)
        lowest = np.where(latest, np.minimum(lowest, low & 0xFFFFFFFF), lowest)
        highest = np.where(latest, np.maximum(highest, high & 0xFFFFFFFF), highest)
    return lowest, highest, stage


def _over_groups(
    function: np.ufunc, column: Places, groups: FrozenGroups, empty: int, *, direct: bool = False
) -> Places:
    """A function over the members of each group; `direct` where the column has a value for each member already."""
    result = np.full(len(groups.starts) - 1, empty, np.int64)
    filled = groups.starts[1:] > groups.starts[:-1]
    if filled.any():
        values = column if direct else column[groups.members]
        result[filled] = function.reduceat(values, groups.starts[:-1][filled])
    return result


def _packed(units: _Units, bundle: int | None, most: int, limit: float | None) -> tuple[Places, int]:
    """For each unit the share that it goes into; shares are numbered by stage."""
    share = np.full(len(units.size), -1, np.int64)
    kinds = list(zip(units.stage, units.kind, units.memory, strict=True))
    number = {kind: place for place, kind in enumerate(sorted(set(kinds)))}
    of_kind = np.array([number[kind] for kind in kinds], np.int64)
    sizes = np.array(units.size, np.int64)
    count = 0
    for one in range(len(number)):
        members = np.flatnonzero(of_kind == one)
        filled = _filled(units, members.tolist(), bundle or 1, limit)
        if filled[-1] >= most:
            # As many as there may be, of much the same size; more only where they would take longer than allowed.
            before = np.cumsum(sizes[members]) - sizes[members]
            even = before * most // max(1, int(sizes[members].sum()))
            filled = _split(units, members.tolist(), even.tolist(), limit)
        share[members] = count + np.array(filled, np.int64)
        count += filled[-1] + 1
    return share, count


def _filled(units: _Units, members: list[int], room: int, limit: float | None) -> list[int]:
    """Units one after the other into shares of so many runs."""
    into, size, seconds = [], 0, 0.0
    place = -1
    for unit in members:
        longer = seconds + units.seconds[unit]
        if place < 0 or size + units.size[unit] > room or (limit is not None and longer > limit):
            place, size, longer = place + 1, 0, units.seconds[unit]
        size, seconds = size + units.size[unit], longer
        into.append(place)
    return into


def _split(units: _Units, members: list[int], wanted: list[int], limit: float | None) -> list[int]:
    """Units into the shares that are wanted, and into further ones where one would take too long."""
    into, seconds = [], 0.0
    place, last = -1, -1
    for unit, wish in zip(members, wanted, strict=True):
        longer = seconds + units.seconds[unit]
        if wish != last or (limit is not None and longer > limit):
            place, longer = place + 1, units.seconds[unit]
        last, seconds = wish, longer
        into.append(place)
    return into


def _shares(frozen: Frozen, units: _Units, share: Places, count: int) -> list[Share]:
    runs: list[dict[str, Places]] = [{} for _ in range(count)]
    seconds: list[float | None] = [None] * count
    longest: list[float | None] = [None] * count
    after: list[set[int]] = [set() for _ in range(count)]
    of_runs: dict[str, Places] = {}
    for name, one in frozen.tasks.items():
        unit = units.of[name]
        of_runs[name] = np.where(unit < 0, -1, np.append(share, -1)[unit])
        order = np.argsort(of_runs[name], kind="stable")
        bounds = np.searchsorted(of_runs[name][order], np.arange(count + 1))
        walltime = one.resources.get("walltime")
        for place in np.unique(of_runs[name][of_runs[name] >= 0]).tolist():
            those = order[bounds[place] : bounds[place + 1]]
            runs[place][name] = those
            if walltime is not None:
                seconds[place] = (seconds[place] or 0.0) + walltime * len(those)
            longest[place] = max(filter(None, (longest[place], walltime)), default=None)
        for reader, read in _pairs(one, of_runs):
            after[reader].add(read)
    made: list[Share] = []
    for place, unit in enumerate(np.unique(share, return_index=True)[1].tolist()):
        cpus, gpus = units.kind[unit]
        needs = Resources(cpus, gpus, units.memory[unit] or None, longest[place])
        made.append(Share(units.stage[unit], needs, runs[place], seconds[place], tuple(sorted(after[place]))))
    return made


def _pairs(one: FrozenTask, share: Mapping[str, Places]) -> list[tuple[int, int]]:
    """Which share of a task's runs reads from which other one."""
    found: list[NDArray[np.int64]] = []
    for argument, place in one.upstream.items():
        readers, above = share[one.name], place
        if argument in one.groups:
            groups = one.groups[argument]
            kept = (readers >= 0) & (place >= 0)
            sizes = np.diff(groups.starts)[place[kept]]
            readers = np.repeat(readers[kept], sizes)
            pieces = [groups.members[groups.starts[at] : groups.starts[at + 1]] for at in place[kept].tolist()]
            above = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
        else:
            readers, above = readers[place >= 0], place[place >= 0]
        read = share[argument][above]
        wanted = (readers >= 0) & (read >= 0) & (readers != read)
        found.append(np.stack([readers[wanted], read[wanted]], axis=1))
    if not found:
        return []
    return [(int(reader), int(read)) for reader, read in np.unique(np.concatenate(found), axis=0)]
