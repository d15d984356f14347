"""Images that runs made, small enough to be mailed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quadrat.reporting import images
from quadrat.results.table import RUN, Table
from quadrat.results.telling import apart, texts
from quadrat.store.store import Store

_MOST = 60


@dataclass(frozen=True)
class Picture:
    """An image: the artifact, the run, what sets the run apart, a small copy as a data address, and its path."""

    artifact: str
    run: str
    told: str
    address: str
    path: str


def pictures(
    store: Store, records: Sequence[Mapping[str, Any]], made: Table, without: Collection[str] = ()
) -> list[Picture]:
    """The images among the artifacts of a task's runs, at most 60, spread over the runs.

    Args:
        store: where the runs are.
        records: of the runs.
        made: their table.
        without: artifacts that are shown elsewhere.
    """
    wanted = [
        (name, raw, artifact["path"])
        for raw in records
        for name, artifact in raw.get("artifacts", {}).items()
        if name not in without and str(artifact["path"]).lower().endswith(images.KINDS)
    ]
    step = -(-len(wanted) // _MOST) or 1
    words = told(made)
    found = []
    for name, raw, path in wanted[::step]:
        file = store.layout.run(raw["id"], raw["attempt"]) / path
        address = images.small(file)
        if address:
            found.append(Picture(name, raw["id"], words.get(raw["id"], ""), address, str(file)))
    return found


def told(made: Table) -> dict[str, str]:
    """What sets each run of a task apart from the others, by its id: `lr=0.1, seed=2`; labels first."""
    rows = made.rows.unique([RUN], keep="first", maintain_order=True)
    return dict(zip(rows[RUN].to_list(), texts(rows, apart(rows, made.labels, made.varying())), strict=True))
