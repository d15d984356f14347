"""The page of a sweep: its exact text, its averages, its table, and figures of one to fifty targets."""

from __future__ import annotations

import csv
import math
import os
import re
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from quadrat import BadInput
from studies.lambda_hat.made import chains, write_trace

from quadrat_studies.lambda_hat import style  # isort: skip - after `made`, which skips without ArviZ
from quadrat_studies.lambda_hat.rows import averages, doubts, entries  # isort: skip
from quadrat_studies.lambda_hat.summary import write_summary  # isort: skip

GOLDEN = Path(__file__).with_name("summary.md.golden")
FIGURES = ["llc", "convergence", "work_variance", "cost"]
KEYS = ["page", "table", *(name + kind for name in FIGURES for kind in ("", "_pdf"))]
SMALL = {"p": 45, "n_data": 100, "depth": 1, "activation": "tanh"}
WIDE = SMALL | {"p": 200, "activation": "relu"}


def row(sampler: str, seed: int, llc: float | None, target: dict[str, Any] = SMALL, **others: Any) -> dict[str, Any]:
    """An analysis.json and what a summary wants beside it."""
    measured = {"llc_mean": llc, "llc_std": 2.0, "llc_sem": 0.05, "llc_min": 1.0, "llc_max": 15.0}
    quality = {"ess": 1600.0, "ess_bulk": 1500.0, "ess_tail": 1400.0, "r_hat": 1.001, "divergences": 0}
    cost = {"fge": 8000.0, "fge_warmup": 4000.0, "walltime_sec": 2.5, "warmup_sec": 1.0, "converged": True}
    model = {"n": 100, "d": 45, "beta": 0.2, "gamma": 1.0, "L0": 0.01, "chains": 4, "draws": 200}
    names = {"sampler": sampler, "target_id": f"tgt_{target['p']:08x}{seed:04x}", "run_id": f"run_{sampler}_{seed:08x}"}
    asked = {"seed": seed, "sampler_seed": 0, "sampler_options": {}, "target": target}
    return names | measured | quality | cost | model | asked | others


STEPS = {"num_integration_steps": 5, "step_size": 1e-6}
ROWS = [
    row("hmc", 42, 7.48),
    row("hmc", 43, 7.61, divergences=3),
    row("hmc", 44, 9.9, r_hat=1.31, ess=14.0, converged=False),
    row("hmc", 42, 7.52, run_id="run_hmc_5", sampler_options=STEPS),
    row("vi", 42, 6.9, r_hat=None, chains=1),
    row("vi", 43, None, r_hat=None, llc_sem=None, ess=None, chains=1),
    row("hmc", 42, 41.0, WIDE, llc_sem=1.25, walltime_sec=12345.6, fge=1.6e6),
]


def traces(folder: Path, count: int) -> list[Path]:
    """As many traces; of a few kinds only, for they take longer to make than to read."""
    kinds = [write_trace(folder / f"{seed}.nc", chains(draws=30, seed=seed)) for seed in range(min(count, 3))]
    return [kinds[number % len(kinds)] for number in range(count)]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures, by name, to be looked at as objects; nothing is written."""
    seen: dict[str, Figure] = {}

    def keep(figure: Figure, stem: Path, formats: tuple[str, ...], **_: Any) -> list[Path]:
        seen[stem.name] = figure
        figure.draw_without_rendering()
        return [stem.with_suffix(f".{kind}") for kind in formats]

    monkeypatch.setattr(style, "write", keep)
    return seen


def test_the_page(tmp_path: Path) -> None:
    written = write_summary(ROWS, traces(tmp_path, len(ROWS)), tmp_path / "page")
    text = written["page"].read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert list(written) == KEYS
    for key, path in written.items():
        assert path.parent == tmp_path / "page"
        assert path.suffix == {"page": ".md", "table": ".csv"}.get(key, ".pdf" if key.endswith("pdf") else ".png")
        assert path.stat().st_size > 500
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {path.name for path in written.values()} - {"summary.md"} == set(links)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    files = traces(tmp_path, 1)
    first, again = (write_summary(ROWS[:1], files, tmp_path / name) for name in ("one", "two"))
    for key in KEYS:
        assert first[key].read_bytes() == again[key].read_bytes(), key


@pytest.mark.usefixtures("figures")  # not to write them saves seconds
def test_the_table_is_exact(tmp_path: Path) -> None:
    rows = [row("hmc", 42, 7.1234567890123456, walltime_sec=0.1), ROWS[5]]
    written = write_summary(rows, traces(tmp_path, 2), tmp_path)
    with written["table"].open(encoding="utf-8", newline="") as file:
        hmc, vi = csv.DictReader(file)
    for name in ("llc_mean", "llc_sem", "walltime_sec", "beta", "fge_warmup"):
        assert float(hmc[name]) == rows[0][name]
    assert float(hmc["ess_per_sec"]) == 1600 / 0.1
    assert float(hmc["ess_per_fge"]) == 1600 / 8000
    assert float(hmc["ci95_high"]) - rows[0]["llc_mean"] == pytest.approx(1.959964 * 0.05)
    assert (hmc["counted"], hmc["doubts"], hmc["target.p"], hmc["target.activation"]) == ("True", "", "45", "tanh")
    assert (vi["counted"], vi["doubts"]) == ("False", "no ESS; λ̂ not finite")
    assert [vi[name] for name in ("llc_mean", "r_hat", "ess", "ci95_low", "ess_per_sec")] == [""] * 5


def test_an_interval_between_seeds_is_students() -> None:
    (mean,) = averages(entries([row("hmc", seed, llc) for seed, llc in ((1, 7.0), (2, 8.0), (3, 9.0))]))
    assert (mean.mean, mean.used, mean.left_out, mean.values) == (8.0, 3, 0, 3)
    assert mean.half == pytest.approx(4.302652729911275 / math.sqrt(3))  # t of two degrees of freedom
    (mean,) = averages(entries([row("hmc", 1, 7.0)]))
    assert (mean.mean, mean.half) == (7.0, None)


def test_runs_of_one_target_do_not_count_as_seeds() -> None:
    runs = [row("hmc", 1, 7.0), row("hmc", 1, 9.0, sampler_seed=1), row("hmc", 2, 10.0)]
    (mean,) = averages(entries(runs))
    assert (mean.mean, mean.values, mean.used) == (9.0, 2, 3)
    (mean,) = averages(entries(runs[:2]))
    assert (mean.mean, mean.values, mean.used) == (8.0, 2, 2)


def test_targets_that_differ_in_anything_are_averaged_apart() -> None:
    noisy = row("hmc", 43, 9.0, SMALL | {"noise_scale": 0.5})  # no other column tells them apart
    one, other = averages(entries([row("hmc", 42, 7.0), noisy]))
    assert (one.mean, other.mean) == (7.0, 9.0)
    assert other.setting == "noise_scale 0.5"


LLC = st.one_of(st.none(), st.floats(-1e6, 1e16), st.just(math.inf))


@st.composite
def sweeps(draw: st.DrawFn) -> list[dict[str, Any]]:
    size = draw(st.integers(1, 12))
    return [
        row(
            draw(st.sampled_from(["hmc", "sgld"])),
            draw(st.integers(1, 4)),
            draw(LLC),
            draw(st.sampled_from([SMALL, WIDE])),
            r_hat=draw(st.one_of(st.none(), st.floats(1.0, 1.1))),
            ess=draw(st.one_of(st.none(), st.floats(1, 1000))),
            converged=draw(st.booleans()),
        )
        for _ in range(size)
    ]


@given(sweeps(), st.floats(-1e9, 1e9))
def test_what_has_not_converged_is_in_no_mean(rows: list[dict[str, Any]], other: float) -> None:
    before = averages(entries(rows))
    counted = [each for each in rows if not doubts(each)]
    for each in counted:
        assert each["ess"] >= 100
        assert each["r_hat"] is None or each["r_hat"] <= 1.05
        assert each["converged"]
        assert math.isfinite(each["llc_mean"])
    assert sum(mean.used for mean in before) == len(counted)
    assert sum(mean.left_out for mean in before) == len(rows) - len(counted)
    # Whatever such a run says of λ and of its cost, the averages stay.
    spoilt = [each | ({"llc_mean": other, "walltime_sec": 1e-9} if doubts(each) else {}) for each in rows]
    kept = [
        each | {"converged": False} if doubts(before_) else each for each, before_ in zip(spoilt, rows, strict=True)
    ]
    assert averages(entries(kept)) == before
    for mean in before:
        mine = [
            run for run in entries(rows) if run.converged and (run.setting, run.series) == (mean.setting, mean.series)
        ]
        assert (mean.mean is None) == (not mine)
        by_seed: dict[int, list[float]] = {}
        for run in mine:
            by_seed.setdefault(run.row["seed"], []).append(run.llc)
        if mine:
            assert mean.mean == pytest.approx(statistics.fmean(map(statistics.fmean, by_seed.values())))


def test_the_limits_themselves_have_converged() -> None:
    assert doubts(row("hmc", 1, 7.0, r_hat=1.05, ess=100.0)) == ()
    assert doubts(row("hmc", 1, 7.0, r_hat=1.0501)) == ("r̂ 1.051",)
    assert doubts(row("hmc", 1, 7.0, ess=99.9)) == ("ESS 99",)
    assert doubts(row("hmc", 1, 7.0, converged=False)) == ("by its own verdict",)


@pytest.mark.parametrize("count", [1, 7, 50])
def test_figures_of_any_number_of_targets(tmp_path: Path, figures: dict[str, Figure], count: int) -> None:
    rows = [row("hmc", seed, 7 + seed / 10) for seed in range(count)]
    rows += [row("sgld", seed, 7.5, ess=50.0) for seed in range(count)]
    written = write_summary(rows, traces(tmp_path, 2 * count), tmp_path)
    names = [label.get_text() for axes in figures["llc"].axes for label in axes.get_yticklabels()]
    want = [f"seed {seed}" for seed in range(count)] if count > 1 else ["p 45, n_data 100, depth 1, tanh"]
    assert names == want
    hollow = [line for axes in figures["llc"].axes for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == count
    assert max(figures["llc"].get_size_inches()) < 10  # it fits a page
    assert len(figures["convergence"].axes) == min(count, 6)
    page = written["page"].read_text(encoding="utf-8")
    assert (f"Of {count} targets the first 6 are drawn." in page) == (count > 6)


def test_a_run_off_the_scale_does_not_set_it(tmp_path: Path, figures: dict[str, Figure]) -> None:
    rows = [row("hmc", 1, 7.5), row("vi", 1, 1.6e14, ess=3.0)]
    write_summary(rows, traces(tmp_path, 2), tmp_path)
    (axes,) = figures["llc"].axes
    assert axes.get_xlim()[1] < 10
    assert ">" in [line.get_marker() for line in axes.lines]


def test_order_is_as_given(tmp_path: Path, figures: dict[str, Figure]) -> None:
    rows = [row("vi", seed, 7.0) for seed in (9, 2, 5)] + [row("hmc", 2, 7.0)]
    page = write_summary(rows, traces(tmp_path, 4), tmp_path)["page"].read_text(encoding="utf-8")
    table = page.split("## Averaged")[0]
    assert re.findall(r"seed (\d) \| (\w+)", table) == [("9", "vi"), ("2", "vi"), ("2", "hmc"), ("5", "vi")]
    assert [label.get_text() for label in figures["llc"].axes[0].get_yticklabels()] == ["seed 9", "seed 2", "seed 5"]


def test_bad_input_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="2 rows for a summary, but 1 traces"):
        write_summary(ROWS[:2], traces(tmp_path, 1), tmp_path / "page")
    with pytest.raises(BadInput, match="has no llc_sem, seed"):
        write_summary(
            [{k: v for k, v in ROWS[0].items() if k not in ("llc_sem", "seed")}], [tmp_path], tmp_path / "page"
        )
    with pytest.raises(BadInput, match="rows of target tgt_0000002d002a disagree"):
        write_summary([ROWS[0], ROWS[0] | {"target": WIDE}], traces(tmp_path, 2), tmp_path / "page")
    with pytest.raises(BadInput, match="cannot be read as a trace"):
        write_summary(ROWS[:1], [tmp_path / "none.nc"], tmp_path / "page")
    assert not list(tmp_path.glob("page/*"))


def test_no_runs_are_a_page_too(tmp_path: Path) -> None:
    written = write_summary([], [], tmp_path)
    assert list(written) == ["page", "table"]
    assert "No run yet" in written["page"].read_text(encoding="utf-8")
