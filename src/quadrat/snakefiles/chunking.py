"""Chunks: what one job of Snakemake does where a job for each run would cost more than the run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quadrat.core.resources import Resources
from quadrat.execution.share import FrozenPlan
from quadrat.plan.frozen import Frozen
from quadrat.plan.shares import Share, cut_into_shares
from quadrat.snakefiles.needs import resources
from quadrat.store.store import Store

NO_LIMIT = 1_000_000_000


def write_chunks(file: Path, tasks: Sequence[str], size: int) -> None:
    """Cut what a frozen plan has to do for some tasks into chunks, and write them down.

    Args:
        file: where; in the plan's folder.
        tasks: what is wanted; what these read is in the chunks too.
        size: about how many runs a chunk has.
    """
    frozen = FrozenPlan(Store(file.parents[3]), file.parent.name).frozen
    wanted = needed(frozen, tasks)
    leave = {name: ~mask for name, mask in wanted.items()}
    shares = cut_into_shares(frozen, bundle=size, most=NO_LIMIT, leave=leave)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(json.dumps([_told(share) for share in shares]), encoding="utf-8")
    partial.replace(file)


def needed(frozen: Frozen, tasks: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """The runs of some tasks, and all that they stand on."""
    wanted = {name: np.full(len(one.ids), name in tasks) for name, one in frozen.tasks.items()}
    for name in reversed(frozen.tasks):
        one = frozen.tasks[name]
        for argument, place in one.upstream.items():
            above = np.unique(place[wanted[name] & (place >= 0)])
            if argument in one.groups:
                groups = one.groups[argument]
                for group in above.tolist():
                    wanted[argument][groups.members[groups.starts[group] : groups.starts[group + 1]]] = True
            else:
                wanted[argument][above] = True
    return wanted


def _told(share: Share) -> dict[str, Any]:
    needs: Resources = share.resources
    return {
        "runs": {name: places.tolist() for name, places in share.runs.items()},
        "after": list(share.after),
        "threads": needs.cpus,
        "resources": resources(needs, share.seconds),
    }
