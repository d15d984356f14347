"""The page of a sweep: what it shows in words, its tables and its figures, in one file that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .anomaly.detecting import ALL
from .figures import style
from .params import FACTORS
from .statistics.outcome import NORMAL
from .summary import CHANCE, LINEAR, Row


def render(path: Path, **values: Any) -> None:
    """Write the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    path.write_text(environment.get_template("page.html.j2").render(**values), encoding="utf-8")


def embedded(path: Path) -> str:
    """A picture as part of a page."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def says(tests: Sequence[Row], detection: Sequence[Row], gains: Sequence[Row]) -> list[str]:
    """What the sweep shows, in sentences; also where it does not show what one would like."""
    scores = [row for row in tests if row["test"] == LINEAR and row["target"] in FACTORS]
    told, untold = ([row for row in scores if bool(row["told"]) is which] for which in (True, False))
    return [*_of_told(told), *_of_untold(untold), *_of_rest(tests), *_of_detection(detection), *_of_gains(gains)]


def _of_told(rows: Sequence[Row]) -> Iterable[str]:
    if not rows:
        return
    over = [row for row in rows if row["effect"] > CHANCE]
    span = f"out-of-fold R² from {_number(min(r['effect'] for r in rows))} to {_number(max(r['effect'] for r in rows))}"
    if over:
        names = "; ".join(f"{row['target']} ({row['sweep']}): {_number(row['effect'])}" for row in over)
        yield f"Factors that the flow was told: {span} in u. Not all are at chance level (R² ≤ {CHANCE}): {names}."
    else:
        yield f"Factors that the flow was told have left u: their linear scores are at chance level, {span}."


def _of_untold(rows: Sequence[Row]) -> Iterable[str]:
    if not rows:
        return
    least = min(rows, key=lambda row: row["effect"])
    clear = [row for row in rows if row["effect"] > CHANCE and row["rejected"] == row["seeds"]]
    where = f"from {_number(least['effect'])} to {_number(max(r['effect'] for r in rows))}"
    if len(clear) == len(rows):
        worst = max(row["q_max"] for row in rows)
        yield (
            f"Factors that it was not told are still in u: R² {where}, clearly above chance in every sweep and for "
            f"every seed (corrected p ≤ {_p(worst)})."
        )
    else:
        missed = "; ".join(f"{row['target']} ({row['sweep']})" for row in rows if row not in clear)
        yield f"Factors that it was not told: R² {where}; not clearly above chance: {missed}."


def _of_rest(tests: Sequence[Row]) -> Iterable[str]:
    told = [row for row in tests if row["told"]]
    left = [row for row in told if row["rejected"]]
    if left:
        largest = max(left, key=lambda row: row["effect"])
        yield (
            f"Traces of told factors and of the label that tests find all the same: {len(left)} of {len(told)} "
            f"combinations of sweep, test and factor reject for at least one seed; the largest effect is "
            f"{_number(largest['effect'])} ({largest['target']}, {largest['test']}, {largest['sweep']})."
        )
    normal = [row for row in tests if row["target"] == NORMAL]
    if normal:
        rejected = sum(row["rejected"] for row in normal)
        yield (
            f"u is not exactly standard normal: {rejected} of {sum(row['seeds'] for row in normal)} tests reject after "
            f"correction, with effects up to {_number(max(row['effect'] for row in normal))}."
            if rejected
            else "No test tells u from standard normal draws after correction."
        )


def _of_detection(rows: Sequence[Row]) -> Iterable[str]:
    for kind in dict.fromkeys(row["kind"] for row in rows):
        if kind == ALL:
            continue
        best = max((row for row in rows if row["kind"] == kind), key=lambda row: row["auroc"])
        told = f"{best['detector']} with AUROC {_with_interval(best, 'auroc')} ({best['sweep']})"
        poor = "" if best["auroc_low"] > 0.6 else ": hardly told from normal samples"
        yield f"{style.kind_word(kind).capitalize()}: best is {told}{poor}."


def _of_gains(rows: Sequence[Row]) -> Iterable[str]:
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        own = [row for row in rows if row["strategy"] == strategy]
        beats = [row for row in own if row["beats"]]
        name = style.word(strategy)
        span = f"{_number(min(r['gain'] for r in own), True)} to {_number(max(r['gain'] for r in own), True)}"
        if len(beats) == len(own):
            yield f"Active learning, {name}: beats random in every sweep (average precision over all rounds {span})."
        elif beats:
            yield f"Active learning, {name}: beats random in {len(beats)} of {len(own)} sweeps ({span})."
        else:
            yield f"Active learning, {name}: does not beat random ({span})."


def test_cells(rows: Sequence[Row]) -> list[Row]:
    """Rows of tests as the page shows them."""
    return [
        {
            **{key: row[key] for key in ("sweep", "told", "test", "measure")},
            "target": style.word(row["target"]),
            "effect": _number(row["effect"], True),
            "interval": _interval(row["low"], row["high"]),
            "p": _p(row["p_median"]),
            "q": f"{_p(row['q_min'])} – {_p(row['q_max'])}",
            "rejected": f"{row['rejected']} of {row['seeds']}",
        }
        for row in rows
    ]


def detection_cells(rows: Sequence[Row]) -> list[Row]:
    """Rows of detection as the page shows them."""
    measures = ("auroc", "average_precision", "precision_at_n")
    return [
        {"sweep": row["sweep"], "kind": style.kind_word(row["kind"]), "detector": row["detector"]}
        | {name: _with_interval(row, name) for name in measures}
        for row in rows
    ]


def gain_cells(rows: Sequence[Row]) -> list[Row]:
    """Rows of gains as the page shows them."""
    return [
        {"sweep": row["sweep"], "strategy": style.word(row["strategy"]), "gain": _number(row["gain"], True)}
        | {"interval": _interval(row["low"], row["high"]), "beats": row["beats"]}
        for row in rows
    ]


def overview(tests: Sequence[Row], losses: Mapping[str, Sequence[float]], contexts: Mapping[str, int]) -> list[Row]:
    """One row for each sweep."""
    found = []
    for sweep, values in losses.items():
        own = [row for row in tests if row["sweep"] == sweep and row["test"] == LINEAR and row["target"] in FACTORS]
        told = max((row["effect"] for row in own if row["told"]), default=None)
        untold = min((row["effect"] for row in own if not row["told"]), default=None)
        mean = sum(values) / len(values)
        found.append(
            {"sweep": sweep, "seeds": len(values), "context": contexts[sweep], "loss": f"{mean:.2f}"}
            | {"told": _maybe(told), "untold": _maybe(untold)}
        )
    return found


def _maybe(value: float | None) -> str:
    return "–" if value is None else _number(value, True)


def _with_interval(row: Row, name: str) -> str:
    return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{_number(low, True)} to {_number(high, True)}"


def _number(value: float, signed: bool = False) -> str:
    return f"{value:+.3f}".replace("-", "−") if signed else f"{value:.2f}".replace("-", "−")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
