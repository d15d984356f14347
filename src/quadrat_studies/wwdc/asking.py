"""What the tasks that ask something of embeddings do with their runs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import quadrat as qd

from .anomaly import detecting, learning
from .inference.embedding import open_embeddings
from .instantiating import locate
from .params import Detecting, Learning, Testing
from .statistics.outcome import Outcome, holm

SCORE = "ridge"
"""The test whose effect is a factor's linear score."""


def test(params: Testing, embeddings: Path, run: qd.Run) -> dict[str, Any]:
    """Run the tests, and correct their p values together."""
    opened = open_embeddings(embeddings)
    outcomes: list[Outcome] = []
    for number, tree in enumerate(params.tests):
        ask = locate(str(tree["_target_"]), f"analysis.tests[{number}]._target_")
        options = {key: value for key, value in tree.items() if key != "_target_"}
        try:
            outcomes += ask(opened, **options)
        except TypeError as error:
            raise qd.BadInput(f"{tree['_target_']}: {error}", where=f"analysis.tests[{number}]") from None
        run.progress(number + 1, len(params.tests), "tests")
    corrected = holm([one.p for one in outcomes])
    rows = [{**asdict(one), "p_holm": float(p)} for one, p in zip(outcomes, corrected, strict=True)]
    table = run.file("tests.csv")
    write_rows(table, rows)
    scores = [one for one in outcomes if one.test == SCORE and one.target != "label"]
    told, untold = ([one.effect for one in scores if one.told is which] for which in (True, False))
    return {
        "tests": len(rows),
        "rejected": int((corrected < 0.05).sum()),
        "conditioned": max(told, default=None),
        "dropped": min(untold, default=None),
        "table": table,
    }


def detect(params: Detecting, embeddings: Path, run: qd.Run) -> dict[str, Any]:
    """Ask the detectors, and keep their scores."""
    found = detecting.detect(open_embeddings(embeddings), params.detectors, params.fit_samples, params.bootstrap)
    scores, table = run.file("scores.npz"), run.file("anomaly.csv")
    rows = []
    for detector in found.detector.values:
        for kind in found.kind.values:
            row: dict[str, Any] = {"detector": str(detector), "kind": str(kind)}
            for name in found.measure.values:
                values = found.measures.sel(detector=detector, kind=kind, measure=name).values
                low, high = np.quantile(values[1:], [0.025, 0.975])
                row |= {str(name): float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
            rows.append(row)
    write_rows(table, rows)
    kept = {str(name): found[name].values for name in (*found.data_vars, *found.coords)}
    np.savez_compressed(scores, **{k: v.astype("U") if v.dtype == object else v for k, v in kept.items()})
    first = [row["auroc"] for row in rows if row["kind"] == detecting.ALL][:1]
    return {
        "kinds": max(0, found.sizes["kind"] - 1),
        "auroc": next(iter(first), None),
        "table": table,
        "scores": scores,
    }


def learn(params: Learning, embeddings: Path, run: qd.Run) -> dict[str, Any]:
    """Draw the learning curves."""
    rows = learning.learn(open_embeddings(embeddings), params)
    table = run.file("learning.csv")
    write_rows(table, rows)
    areas: dict[str, Any] = {
        name: np.mean([row["average_precision"] for row in rows if row["strategy"] == name] or [np.nan])
        for name in params.strategies
    }
    others = [float(area) for name, area in areas.items() if name != learning.RANDOM]
    gain = max(others, default=None) if rows and learning.RANDOM in areas else None
    return {"gain": None if gain is None else gain - float(areas[learning.RANDOM]), "table": table}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of equal keys as csv; an empty file for none."""
    with path.open("w", newline="", encoding="utf-8") as opened:
        if rows:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
