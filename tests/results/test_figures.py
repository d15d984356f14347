"""Figures beyond lines: what they show against other implementations, and that a file knows what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

from quadrat import BadInput
from quadrat.results.curves import curves
from quadrat.results.figures import effects, heat, lines, ranks
from quadrat.results.figures.keeping import KINDS, Source, save, source_of
from quadrat.results.paired import paired
from quadrat.results.ranking import ranking
from quadrat.results.table import Table

SOURCE = Source(
    "quadrat plot s train -x lr -y acc --where 'kind=(a)\\'", "runs", "s", "train", [f"{n:032x}" for n in range(999)]
)


def table(rows: list[dict[str, Any]], **more: Any) -> Table:
    frame = pl.DataFrame([{"run": f"{place:032x}", **row} for place, row in enumerate(rows)], infer_schema_length=None)
    params = tuple(name for name in frame.columns if name not in ("run", "acc"))
    return Table("s", "train", frame, params=params, metrics=("acc",), **more)


def sweep(seeds: int = 4, seed: int = 0) -> Table:
    """Two parameters and noise that runs of the same seed share."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=seeds)
    return table(
        [
            {"lr": lr, "net": net, "seed": s, "acc": float(lr + (net == "mlp") + shared[s] + 0.05 * random.normal())}
            for lr in (0.0, 0.1, 0.5)
            for net in ("linear", "mlp")
            for s in range(seeds)
        ],
        texts={"lr": "learning rate of Adam", "acc": "accuracy on the test images of the whole set"},
    )


def words(figure: Figure) -> str:
    from matplotlib.text import Text

    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(Text))


# --- paired comparison ----------------------------------------------------------------------------------------------


@given(seeds=st.integers(2, 12), seed=st.integers(0, 99))
def test_effects_are_those_of_a_paired_t_test(seeds: int, seed: int) -> None:
    made = sweep(seeds, seed)
    found = paired(made, "lr", "acc", "0", "net")
    for row in found.effects.iter_rows(named=True):
        of = {
            lr: made.rows.filter((pl.col("lr") == lr) & (pl.col("net") == row["hue"])).sort("seed")["acc"]
            for lr in (0, row["x"])
        }
        known = stats.ttest_rel(of[row["x"]].to_numpy(), of[0].to_numpy())
        low, high = known.confidence_interval(0.95)
        assert row["mean"] - row["ci95"] == pytest.approx(low, rel=1e-7, abs=1e-9)
        assert row["mean"] + row["ci95"] == pytest.approx(high, rel=1e-7, abs=1e-9)
        assert row["n"] == seeds


def test_what_pairs_share_is_taken_out() -> None:
    """Seeds differ by much more than the effect: paired it is seen, from means alone it is not."""
    made = sweep(4)
    found = paired(made, "lr", "acc", "0.0", "net").effects.filter(pl.col("x") == 0.5)
    apart = curves(made, "lr", "acc", "net").points.filter(pl.col("x") == 0.5)
    assert (found["mean"] - found["ci95"]).min() > 0  # type: ignore[operator]
    assert found["ci95"].max() < apart["ci95"].min() / 2  # type: ignore[operator]


def test_runs_without_a_partner_are_left_out_and_told() -> None:
    made = sweep(3)
    made = made.with_rows(made.rows.filter(~((pl.col("lr") == 0) & (pl.col("seed") == 2))))
    found = paired(made, "lr", "acc", hue="net")
    assert found.unpaired == 4
    assert found.effects["n"].to_list() == [2] * 4
    assert "4 without a partner left out" in words(effects.draw(found))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lr", "acc", "0.2", "net"), r"--baseline: unknown value of lr '0.2'"),
        (("lr", "acc"), r"net varies too\n  choose with --where net=\w+, or pair by it with --over seed,net"),
        (("lrr", "acc"), "did you mean 'lr'"),
    ],
)
def test_comparisons_that_cannot_be_made(arguments: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        paired(sweep(), *arguments)


def test_a_single_pair_has_no_interval() -> None:
    found = paired(sweep(1), "lr", "acc", hue="net")
    assert found.effects["ci95"].null_count() == 4
    assert isinstance(effects.draw(found), Figure)


def test_a_category_can_be_the_baseline() -> None:
    found = paired(sweep(), "net", "acc", "mlp", over_names=["seed", "lr"])
    assert found.effects["x"].to_list() == ["linear"]
    assert found.effects["n"].to_list() == [12]
    assert found.effects["mean"][0] == pytest.approx(-1, abs=0.2)


# --- rankings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowest", [False, True])
def test_a_ranking_is_in_order(lowest: bool) -> None:
    made = sweep()
    found = ranking(made, "acc", lowest=lowest)
    means = made.rows.group_by("lr", "net").agg(pl.col("acc").mean()).sort("acc", descending=not lowest)
    assert found.rows["@mean"].to_list() == pytest.approx(means["acc"].to_list())
    assert found.rows["@name"][0] == f"lr={means['lr'][0]:g}, net={means['net'][0]}"
    assert found.axes == ("lr", "net")
    said = words(ranks.draw(found))
    assert ("lowest" if lowest else "highest") + " first" in said.replace("\n", " ")
    assert f"{found.rows['@name'][0]}  1" in said


def test_metrics_and_parameters_with_awkward_names() -> None:
    made = sweep()
    made = Table(
        "s", "t", made.rows.rename({"lr": "n", "acc": "n_avg"}), params=("n", "net", "seed"), metrics=("n_avg",)
    )
    assert len(ranking(made, "n_avg").rows) == 6
    assert len(paired(made, "n", "n_avg", hue="net").effects) == 4


def test_parallel_coordinates_have_every_parameter_that_varies() -> None:
    said = words(ranks.draw_parallel(ranking(sweep(), "acc")))
    assert all(text in said.split("\n") for text in ("lr", "net", "0.5", "mlp"))
    one = sweep().rows.filter(pl.col("net") == "mlp")
    with pytest.raises(BadInput, match="need two parameters that vary"):
        ranks.draw_parallel(ranking(sweep().with_rows(one), "acc"))


# --- heat maps and facets -------------------------------------------------------------------------------------------


def test_a_heat_map_has_the_mean_of_each_cell() -> None:
    made = sweep()
    made = made.with_rows(made.rows.filter(~((pl.col("lr") == 0.5) & (pl.col("net") == "linear"))))
    figure = heat.draw(curves(made, "lr", "acc", "net"))
    grid = np.asarray(figure.axes[0].images[0].get_array(), float)
    assert grid.shape == (2, 3)
    mean = made.rows.filter((pl.col("lr") == 0.1) & (pl.col("net") == "mlp"))["acc"].mean()
    assert grid[1, 1] == pytest.approx(mean)
    assert np.isnan(grid[0, 2])
    said = words(figure)
    assert "×" in said  # the cell without a run
    assert "Accuracy on the test images" in said.replace("\n", " ")
    with pytest.raises(BadInput, match="--hue: a heat map has two axes"):
        heat.draw(curves(made.with_rows(made.rows.filter(pl.col("net") == "mlp")), "lr", "acc"))


def test_facets_share_their_axes() -> None:
    made = sweep()
    parts = [
        (f"net = {net}", curves(made.with_rows(made.rows.filter(pl.col("net") == net)), "lr", "acc"))
        for net in ("linear", "mlp")
    ]
    figure = lines.draw_facets(parts)
    first, second = figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("net = linear", "net = mlp")
    with pytest.raises(BadInput, match="--facet gives 14 figures"):
        lines.draw_facets(parts * 7)


def test_many_points_are_a_line_in_a_band() -> None:
    rows = [{"step": step, "seed": s, "acc": step / 50 + s} for step in range(50) for s in range(3)]
    figure = lines.draw(curves(table(rows), "step", "acc"))
    (line,) = figure.axes[0].lines
    assert line.get_xydata().shape == (50, 2)
    assert len(figure.axes[0].collections) == 1
    assert "band: 95 % interval" in words(figure)


# --- files ----------------------------------------------------------------------------------------------------------


def figure() -> Figure:
    return lines.draw(curves(sweep(), "lr", "acc", "net"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_knows_what_it_was_made_from(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        save(figure(), tmp_path / f"{name}.{kind}", SOURCE)
    assert source_of(tmp_path / f"one.{kind}") == SOURCE
    assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_know_nothing(tmp_path: Path, kind: str) -> None:
    save(figure(), tmp_path / f"a.{kind}")
    assert source_of(tmp_path / f"a.{kind}") is None
    torn = tmp_path / f"b.{kind}"
    torn.write_bytes(b"quadrat-figure:AAAA; not compressed")
    assert source_of(torn) is None
    assert source_of(tmp_path / "a.txt") is None
