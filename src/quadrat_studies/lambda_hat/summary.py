"""The page of a sweep: tables of λ̂ by target and sampler, averages over seeds, and figures."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quadrat import BadInput, pages

from . import summary_figures
from .estimates import with_error
from .rows import ESS_MIN, R_HAT_MAX, Average, Entry, averages, entries, number

_COLUMNS = (
    *("target_id", "run_id", "sampler", "sampler_options", "sampler_seed", "seed", "counted", "doubts"),
    *("llc_mean", "llc_std", "llc_sem", "ci95_low", "ci95_high", "llc_min", "llc_max"),
    *("r_hat", "ess", "ess_bulk", "ess_tail", "divergences", "converged", "chains", "draws"),
    *("fge", "fge_warmup", "walltime_sec", "warmup_sec", "ess_per_sec", "ess_per_fge"),
    *("n", "d", "beta", "gamma", "L0"),
)
_HOW_TO_READ = f"""\
## How to read this

- **λ̂** = nβ·(mean of L_n(w) over the draws − L_n(w₀)), the local learning coefficient at w₀, dimensionless. Draws
  are of p(w) ∝ exp(−nβ·L_n(w) − (γ/2)·‖w − w₀‖²).
- **± 95 %** of a run is the normal interval 1.96·MCSE, where MCSE = standard deviation / √ESS. It is the error of
  sampling only: it knows neither the spread between targets nor the bias of a sampler. ± 95 % of an average is
  Student's t between the seeds, t₀.₉₇₅(k − 1)·s/√k for k seeds.
- **r̂** compares the chains (1 is agreement; none for a single chain). **ESS** is the number of independent draws that
  would tell λ̂ as well.
- **not converged**: r̂ > {R_HAT_MAX} or ESS < {ESS_MIN} (or no finite λ̂). Such a run is shown and is in no mean.
- **divergences** are transitions that left the energy's level set; where there are some, λ̂ may be too low.
- **FGE**, full-gradient equivalents: gradient evaluations × share of the data in each, of all chains together, warm-up
  not counted. **Seconds** are those of sampling, warm-up not counted.
- **Work-normalised variance** MCSE²·FGE is constant along a run whose error falls as 1/√work: the lower, the cheaper is
  an estimate of the same error.
"""


def write_summary(rows: list[dict[str, Any]], traces: list[Path], folder: Path) -> dict[str, Path]:
    """Write the page of a sweep with its table and figures into `folder`; returns what was written.

    A row is the content of a run's analysis.json and `seed` (of the target), `sampler_seed`, `sampler_options` (those
    that are not the default) and `target` (p, n_data, depth, activation, and whatever else makes targets differ; runs
    that agree in all of `target`, sampler and options are averaged over their seeds). `traces` are the rows' trace
    files, in the same order. Targets and samplers keep the order of the rows. The same input gives the same bytes.

    Returns the paths of summary.md (page), summary.csv (table: exact values, empty for null), and of the figures llc,
    convergence, work_variance and cost (png), and llc_pdf and so on; without rows there are no figures.

    Raises:
        BadInput: rows and traces are not as many, a row lacks a column, or a trace cannot be read.
    """
    if len(rows) != len(traces):
        raise BadInput(f"{len(rows)} rows for a summary, but {len(traces)} traces")
    runs = entries(rows)
    folder.mkdir(parents=True, exist_ok=True)
    written = {"page": folder / "summary.md", "table": folder / "summary.csv"}
    written |= summary_figures.draw_all(runs, traces, folder) if runs else {}
    written["table"].write_text(_csv(runs), encoding="utf-8")
    written["page"].write_text(_page(runs), encoding="utf-8")
    return written


def _page(runs: Sequence[Entry]) -> str:
    if not runs:
        return "# Local learning coefficients\n\nNo run yet.\n"
    parts = [_head(runs), _headline(runs), _averaged(averages(runs)), _figures(runs), _HOW_TO_READ]
    return "\n".join(parts)


def _head(runs: Sequence[Entry]) -> str:
    left = [run for run in runs if not run.converged]
    diverged = sum(int(run.row.get("divergences") or 0) for run in runs)
    targets, series = len({run.target for run in runs}), len({run.series for run in runs})
    out = f"**{_count(len(left), 'run')} not converged**, shown but in no mean" if left else "all converged"
    return (
        "# Local learning coefficients\n\n"
        f"{_count(targets, 'target')}, {_count(series, 'sampler')}, {_count(len(runs), 'run')}: {out}; "
        f"{_count(diverged, 'divergence')}. Exact values: [summary.csv](summary.csv).\n"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _headline(runs: Sequence[Entry]) -> str:
    head = ["#", "target", "sampler", "λ̂ ± 95 %", "r̂", "ESS", "divergences", "FGE", "seconds", "ESS/s", "mark"]
    lines = []
    for run in sorted(runs, key=lambda run: run.target):  # stable: samplers keep their order
        row = run.row
        lines.append(
            [
                str(run.target + 1),
                run.name,
                run.series,
                with_error(run.llc, run.half),
                _plain(number(row, "r_hat"), ".3f"),
                _plain(number(row, "ess"), ",.0f"),
                _plain(number(row, "divergences"), ",.0f"),
                _plain(number(row, "fge"), ",.0f"),
                _short(number(row, "walltime_sec")),
                _short(run.rate("walltime_sec")),
                "" if run.converged else f"**not converged** ({', '.join(run.doubts)})",
            ]
        )
    return "## λ̂ by target and sampler\n\n" + pages.table(head, lines, words=("target", "sampler", "mark"))


def _averaged(means: Sequence[Average]) -> str:
    head = ["target", "sampler", "mean λ̂ ± 95 %", "values", "runs used", "left out", "mean ESS/s"]
    lines = [
        [
            mean.setting,
            mean.series,
            "–" if mean.mean is None else with_error(mean.mean, mean.half),
            str(mean.values),
            str(mean.used),
            str(mean.left_out),
            _short(mean.rate),
        ]
        for mean in means
    ]
    words = "Means of converged runs over seeds; without ± where there is one value.\n\n"
    return "## Averaged over seeds\n\n" + words + pages.table(head, lines, words=("target", "sampler"))


def _figures(runs: Sequence[Entry]) -> str:
    targets = len({run.target for run in runs})
    shown = min(targets, summary_figures.PANELS)
    panels = "" if shown == targets else f" Of {targets} targets the first {shown} are drawn."
    captions = {
        "llc": "λ̂ of each target by sampler. Bars: 95 %, ±1.96 MCSE. Hollow: not converged. An arrow at the edge: off "
        "the scale, which is set by converged runs.",
        "convergence": "Running mean of λ̂ over all chains against their work. Bands: 95 %, ±1.96 MCSE. Pale, with a "
        f"hollow end: not converged.{panels}",
        "work_variance": "Squared Monte-Carlo error along each run against its work. Grey lines: constant MCSE²·FGE, "
        "along which an estimate converges at the rate 1/work. Hollow ends: not converged.",
        "cost": "Effective draws for each second and each full-gradient equivalent of sampling, a mark for each run. "
        "The tail reaches to the value with warm-up counted too. Bars: medians of converged runs.",
    }
    told = [f"![{name}]({name}.png)\n\n{text} ([pdf]({name}.pdf))\n" for name, text in captions.items()]
    return "## Figures\n\n" + "\n".join(told)


def _plain(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "–"


def _short(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _csv(runs: Sequence[Entry]) -> str:
    flat = [_flat(run) for run in runs]
    columns = [name for name in _COLUMNS if any(name in row for row in flat)]
    columns += sorted({name for row in flat for name in row} - set(columns))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in flat)
    return text.getvalue()


def _flat(run: Entry) -> dict[str, Any]:
    row = {name: value for name, value in run.row.items() if name not in ("target", "trace")}
    row |= {f"target.{name}": value for name, value in (run.row.get("target") or {}).items()}
    low, high = run.llc - run.half, run.llc + run.half
    rates = {"ess_per_sec": run.rate("walltime_sec"), "ess_per_fge": run.rate("fge")}
    return row | rates | {"ci95_low": low, "ci95_high": high, "counted": run.converged, "doubts": "; ".join(run.doubts)}


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, Mapping | list | tuple) else value
