"""Figures: what they show as numbers, and that they draw without a warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quadrat import BadInput
from quadrat.results.curves import axis_label, curves
from quadrat.results.figures.keeping import save
from quadrat.results.figures.lines import draw
from quadrat.results.table import Table, Unit


def table(rows: list[dict[str, Any]], metric: str = "acc", **more: Any) -> Table:
    frame = pl.DataFrame([{"run": f"{place:032x}", **row} for place, row in enumerate(rows)], infer_schema_length=None)
    params = tuple(name for name in frame.columns if name not in ("run", metric) and not name.startswith("@"))
    return Table("st", "train", frame, params=params, metrics=(metric,), **more)


def grid(xs: list[Any], hues: Sequence[Any] = ("a",), seeds: int = 3) -> Table:
    rows = [
        {"x": x, "hue": hue, "seed": seed, "acc": place + 0.1 * seed + 0.01 * len(str(hue))}
        for place, x in enumerate(xs)
        for hue in hues
        for seed in range(seeds)
    ]
    return table(rows, texts={"x": "learning rate. Of Adam.", "acc": "accuracy on the test images"})


def test_points_are_means_over_seeds() -> None:
    found = curves(grid([0.0, 0.1], ["a", "b"]), "x", "acc", "hue")
    assert found.over == ("seed",)
    assert found.points["n"].to_list() == [3] * 4
    values = grid([0.0, 0.1], ["a", "b"]).rows.filter((pl.col("x") == 0.1) & (pl.col("hue") == "b"))["acc"].to_numpy()
    point = found.points.filter((pl.col("x") == 0.1) & (pl.col("hue") == "b")).to_dicts()[0]
    assert np.isclose(point["mean"], values.mean())
    assert np.isclose(point["ci95"], 4.302652729911275 * values.std(ddof=1) / 3**0.5)
    assert len(found.single) == 12


def test_an_upstream_metric_counts_each_of_its_runs_once() -> None:
    rows = [{"x": 1, "epsilon": e, "seed": s, "acc": float(s), "@train": s} for s in (1, 2) for e in (0.1, 0.2)]
    made = table(rows, units={"acc": Unit("@train", frozenset({"x", "seed"}))})
    assert curves(made, "x", "acc", over_names=["seed", "epsilon"]).points["n"].to_list() == [2]


def test_what_varies_too_is_named_with_what_to_do() -> None:
    with pytest.raises(BadInput) as error:
        curves(grid([1, 2], ["a", "b"]), "x", "acc")
    assert "hue varies too" in str(error.value)
    assert "choose with --hue hue, --where hue=a, or average with --over seed,hue" in str(error.value)
    assert curves(grid([1, 2], ["a", "b"]), "x", "acc", over_names=["seed", "hue"]).points["n"].to_list() == [6, 6]


def test_a_parameter_that_goes_with_the_hue_is_no_mixture() -> None:
    rows = [
        {"x": x, "sampler.name": name, "sampler.draws": 10 if name == "hmc" else None, "seed": s, "acc": 1.0 * s}
        for x in (1, 2)
        for name in ("hmc", "sgld")
        for s in (1, 2)
    ]
    assert len(curves(table(rows), "x", "acc", "sampler.name").points) == 4


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [("zz", "acc", "-x: unknown column"), ("x", "ac", "did you mean 'acc'"), ("x", "hue", "no numbers to plot")],
)
def test_names_that_do_not_fit_are_refused(x: str, y: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        curves(grid([1]), x, y)
    assert message in str(error.value)


def test_nothing_finished_is_said() -> None:
    made = grid([1])
    with pytest.raises(BadInput, match="no finished run of 'train' has 'acc'"):
        curves(made.with_rows(made.rows.clear()), "x", "acc")


@pytest.mark.parametrize(
    ("xs", "scale", "ticks"),
    [
        ([0.0, 0.1, 0.5], "linear", ["0", "0.1", "0.5"]),
        ([1e-4, 1e-3, 1e-2], "log", None),
        (["linear", "mlp"], "linear", ["linear", "mlp"]),
        ([True, False], "linear", ["false", "true"]),
        (["a", None], "linear", ["a", "–"]),
        ([3], "linear", ["3"]),
    ],
)
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_x_axis_fits_its_values(xs: list[Any], scale: str, ticks: list[str] | None, seeds: int) -> None:
    figure = draw(curves(grid(xs, ["a", "b"], seeds), "x", "acc", "hue"))
    axes = figure.axes[0]
    assert axes.get_xscale() == scale
    if ticks is not None:
        assert [one.get_text() for one in axes.get_xticklabels()] == ticks
    assert axes.get_xlabel() == "Learning rate (x)"
    assert axes.get_ylabel() == "Accuracy on the test images (acc)"
    shown = figure.get_supxlabel()
    assert "n = 3" in shown if seeds == 3 else shown == "single runs (n = 1)"
    low, high = axes.get_ylim()
    assert low < 0.01
    assert high > len(xs) - 1


def test_runs_without_a_number_are_left_out_and_nan_is_no_point(tmp_path: Path) -> None:
    rows = [
        {"x": x, "seed": s, "acc": float("nan") if x == 2 else None if s == 3 else 1.0}
        for x in (1, 2)
        for s in (1, 2, 3)
    ]
    found = curves(table(rows), "x", "acc")
    assert found.points["n"].to_list() == [2, 3]
    save(draw(found), tmp_path / "figure.png")


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_the_same_numbers_give_the_same_file(tmp_path: Path, kind: str) -> None:
    made = curves(grid([0.0, 0.1], ["a", "b"]), "x", "acc", "hue")
    for name in ("one", "two"):
        save(draw(made), tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_too_many_series_are_refused() -> None:
    with pytest.raises(BadInput, match="gives 15 series"):
        draw(curves(grid([1], list(range(15))), "x", "acc", "hue"))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown kind of figure '\.gif'"):
        save(draw(curves(grid([1]), "x", "acc")), tmp_path / "a.gif")


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("seed", "seed", "seed"),
        ("seed", "", "seed"),
        ("lr", "learning rate", "Learning rate (lr)"),
        ("lr", "Step of Adam. Halved later.", "Step of Adam (lr)"),
        ("lr", "the size of one step that Adam takes at most", "The size of one step that Adam takes at most\n(lr)"),
    ],
)  # fmt: skip
def test_labels_are_first_sentences_with_the_name(name: str, text: str, label: str) -> None:
    assert axis_label(name, text) == label


def marked(good: list[bool]) -> Table:
    rows = [{"x": float(place // 3), "seed": place % 3, "acc": 0.5 + 0.1 * (place % 3)} for place in range(len(good))]
    made = table(rows, full={"good": "train.good"})
    return replace(made, rows=made.rows.with_columns(good=pl.Series(good)), metrics=("acc", "good"), marks=("good",))


def test_runs_that_do_not_count_are_hollow_and_in_no_mean(tmp_path: Path) -> None:
    found = curves(marked([True, True, False, False, False, False]), "x", "acc")
    assert found.points.select("mean", "n").rows() == [(0.55, 2), (None, 0)]
    assert found.left_out.rows() == [(0.0, "", 0.7), (1.0, "", 0.5), (1.0, "", 0.6), (1.0, "", 0.7)]
    figure = draw(found)
    assert "small dots: single runs\nhollow dots: runs that do not count" in figure.get_supxlabel()
    save(figure, tmp_path / "a.png")
    every = curves(marked([True, True, False, False, False, False]), "x", "acc", include_invalid=True)
    assert every.points["n"].to_list() == [3, 3]
    assert not len(every.left_out)


def test_the_share_of_runs_that_count_can_be_drawn() -> None:
    assert curves(marked([True, False, False]), "x", "good").points["n"].to_list() == [3]


def test_where_no_run_counts_there_is_no_figure() -> None:
    with pytest.raises(BadInput, match=r"no run of 'train' with 'acc' counts\n  --include-invalid"):
        curves(marked([False]), "x", "acc")
