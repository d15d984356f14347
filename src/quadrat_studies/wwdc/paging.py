"""The page of a sweep, in Markdown: what it shows in words, its tables and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quadrat import pages

from .anomaly.detecting import ALL
from .figures import style
from .params import FACTORS
from .statistics.outcome import NORMAL
from .summary import CHANCE, LINEAR, Row

TITLE = "Flows on the latents of a VAE"
_TEST_WORDS = ("sweep", "factor", "the flow was", "test", "effect is")
_SCORES = (
    "Out-of-fold R² of each factor predicted from u, a panel for each sweep: told factors at chance, others above."
)
_CURVES = "Average precision against the number of labels for each strategy, one panel for each sweep."


@dataclass(frozen=True)
class Swept:
    """What the page is of.

    Attributes:
        data: what the flows were trained on, in words.
        losses: of the flows of each sweep, in nats for a sample; sweeps are in this order.
        contexts: the size of the context of each.
        descriptions: what users say of each.
        seeds: of all flows.
        permutations: behind p values, at most.
    """

    data: str
    losses: Mapping[str, Sequence[float]]
    contexts: Mapping[str, int]
    descriptions: Mapping[str, str]
    seeds: Sequence[int]
    permutations: int


def page(
    swept: Swept, figures: Mapping[str, str], tests: Sequence[Row], detection: Sequence[Row], gains: Sequence[Row]
) -> str:
    """The page.

    Args:
        swept: what it is of.
        figures: where the figures scores, detection and learning are, from the page.
        tests: what was tested, rows of `summary` over seeds.
        detection: how anomalies were found, too.
        gains: what active learning gained, too.
    """
    jobs = sum(map(len, swept.losses.values()))
    seeds = ", ".join(map(str, swept.seeds))
    parts = [
        f"# {TITLE}",
        f"{jobs} flows: {len(swept.losses)} sweeps × {len(swept.seeds)} seeds ({seeds}); data {swept.data}.",
        *_shown(swept, tests, detection, gains),
        *_factors(swept, figures["scores"], tests),
        *_normality([row for row in tests if row["target"] == NORMAL]),
        *_anomalies(figures["detection"], detection),
        *_learning(figures["learning"], gains),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _shown(swept: Swept, tests: Sequence[Row], detection: Sequence[Row], gains: Sequence[Row]) -> Iterable[str]:
    yield "## What it shows"
    yield "\n".join(f"- {line}" for line in says(tests, detection, gains))
    columns = [
        *("sweep", "seeds", "context", "test loss (nats)"),
        *("linear score, told (largest)", "linear score, not told (least)"),
    ]
    yield pages.table(columns, [_overview(sweep, swept, tests) for sweep in swept.losses], words=["sweep"])


def _overview(sweep: str, swept: Swept, tests: Sequence[Row]) -> list[str]:
    own = [row for row in tests if row["sweep"] == sweep and row["test"] == LINEAR and row["target"] in FACTORS]
    told = max((row["effect"] for row in own if row["told"]), default=None)
    untold = min((row["effect"] for row in own if not row["told"]), default=None)
    losses, description = swept.losses[sweep], swept.descriptions.get(sweep)
    mean = f"{sum(losses) / len(losses):.2f}"
    name = f"{sweep} ({description})" if description else sweep
    return [name, str(len(losses)), str(swept.contexts[sweep]), mean, _maybe(told), _maybe(untold)]


def _factors(swept: Swept, figure: str, tests: Sequence[Row]) -> Iterable[str]:
    count = sum(row["seeds"] for row in tests)
    yield "## Factors in u"
    yield f"![{_SCORES}]({figure})"
    yield "How well a factor can be predicted from u by ridge regression. Marks: seeds."
    yield (
        f"p values by permutation ({swept.permutations} at most), corrected over all {count} tests of this page "
        "(Benjamini–Hochberg; the share of false rejections is held at 5%). “rejected” counts seeds. Corrected p: the "
        "least and the largest of the seeds. Effects: mean over seeds with 95% t interval; 0 is chance. HSIC is scaled "
        "as a correlation. In bold: factors that the flow was not told."
    )
    for sweep in swept.losses:
        rows = [row for row in tests if row["sweep"] == sweep and row["target"] != NORMAL]
        yield f"### {sweep}"
        cells = [[_factor(row), "told" if row["told"] else "not told", row["test"], *_effect(row)] for row in rows]
        yield pages.table(["factor", "the flow was", "test", *_EFFECT], cells, _TEST_WORDS)


def _factor(row: Row) -> str:
    word = style.word(row["target"])
    return word if row["told"] else f"**{word}**"


_EFFECT = ("effect", "95% interval", "effect is", "median p", "corrected p", "rejected")


def _effect(row: Row) -> list[str]:
    corrected = f"{_p(row['q_min'])} – {_p(row['q_max'])}"
    numbers = [_number(row["effect"], True), _interval(row["low"], row["high"]), row["measure"]]
    return [*numbers, _p(row["p_median"]), corrected, f"{row['rejected']} of {row['seeds']}"]


def _normality(rows: Sequence[Row]) -> Iterable[str]:
    yield "## Is u standard normal?"
    yield pages.table(
        ["sweep", "test", *_EFFECT], [[row["sweep"], row["test"], *_effect(row)] for row in rows], _TEST_WORDS
    )


def _anomalies(figure: str, rows: Sequence[Row]) -> Iterable[str]:
    yield "## Anomalies"
    if not rows:
        yield "No anomalies were embedded: add the split anomaly in embed.yaml."
        return
    yield f"![AUROC of each detector for each kind of anomaly, with intervals.]({figure})"
    yield "Detectors are fitted to normal training samples. On u and for −log p the label is taken as unknown."
    yield "### All numbers"
    measures = ("auroc", "average_precision", "precision_at_n")
    cells = [
        [row["sweep"], style.kind_word(row["kind"]), row["detector"], *(_with_interval(row, name) for name in measures)]
        for row in rows
    ]
    columns = ["sweep", "anomalies", "detector", "AUROC", "average precision", "precision at n"]
    yield pages.table(columns, cells, words=columns[:3])


def _learning(figure: str, rows: Sequence[Row]) -> Iterable[str]:
    yield "## Active learning"
    if not rows:
        yield "No anomalies were embedded, so there was nothing to learn."
        return
    yield f"![{_CURVES}]({figure})"
    yield (
        "A logistic classifier on latents, squared base coordinates and log p; every strategy starts with the same "
        "labels. Bands: 95% bootstrap intervals over seeds and pools."
    )
    cells = [
        [
            *(row["sweep"], style.word(row["strategy"]), _number(row["gain"], True)),
            *(_interval(row["low"], row["high"]), "yes" if row["beats"] else "no"),
        ]
        for row in rows
    ]
    columns = ["sweep", "strategy", "mean average precision above random", "95% interval", "beats random"]
    yield pages.table(columns, cells, words=("sweep", "strategy", "beats random"))


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
