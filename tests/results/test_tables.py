"""The tidy table of a real store against what the study must have given."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quadrat import BadInput
from quadrat.core.names import Names
from quadrat.querying import averaged, frame, sql, table
from quadrat.results.columns import series
from quadrat.results.tidy import Metric, Tidy
from quadrat.session import Request, Session, open_session

Open = Callable[..., Session]
PARAMS = ["size", "sampler.name", "sampler.draws", "sampler.step", "layers", "seed"]


def test_one_row_per_run_with_the_chain_of_parameters_and_metrics(tiny: Open) -> None:
    made = table(tiny(), "train")
    assert made.frame.columns == ["run", *PARAMS, "images", "sha256", "loss", "val_acc"]
    assert made.metrics == ("images", "sha256", "loss", "val_acc")
    assert made.notes == ()
    row = made.frame.filter((pl.col("seed") == 2) & (pl.col("sampler.name") == "sgld")).to_dicts()[0]
    assert len(row.pop("run")) == 32
    assert row == {
        "size": 4,
        "sampler.name": "sgld",
        "sampler.draws": None,
        "sampler.step": 0.5,
        "layers": "[2,3]",
        "seed": 2,
        "images": 4,
        "sha256": "abc",
        "loss": 0.25,
        "val_acc": 0.625,
    }


def test_nan_stays_nan(tiny: Open) -> None:
    found = frame(tiny(), "train", where=["seed=3"])
    assert [math.isnan(value) for value in found["loss"]] == [False, True]


def test_labels_give_rows_and_conditional_upstreams_nulls(tiny: Open) -> None:
    made = table(tiny(), "test")
    assert made.labels == ("experiment",)
    assert made.frame.columns[:2] == ["run", "experiment"]
    # 6 trainings × (2 noises of `all` + 1 of `clean`) and one run without a training.
    assert len(made.frame) == 6 * 3 + 1
    assert made.frame["run"].n_unique() == 6 * 2 + 1
    alone = made.frame.filter(pl.col("status") == "init").to_dicts()
    assert len(alone) == 1
    assert alone[0]["seed"] is None
    assert alone[0]["train.loss"] is None
    assert alone[0]["test.loss"] == 1.0
    assert alone[0]["images"] == 4


def test_metrics_of_one_name_are_told_apart(tiny: Open) -> None:
    made = table(tiny(), "test")
    assert [made.full[name] for name in made.metrics] == [
        "data.images", "data.sha256", "train.loss", "train.val_acc", "test.loss", "test.robust",
    ]  # fmt: skip
    assert made.metrics == ("images", "sha256", "train.loss", "val_acc", "test.loss", "robust")


def test_over_seed_is_numpys_mean_and_sample_deviation(tiny: Open) -> None:
    single = frame(tiny(), "test", where=["experiment=all"])
    means = averaged(table(tiny(), "test", where=["experiment=all"]), ["seed"])
    assert len(means) == 4
    assert means["images"].to_list() == [4] * 4, "does not depend on the seed: carried along"
    for group in means.iter_rows(named=True):
        same = single.filter((pl.col("sampler.name") == group["sampler.name"]) & (pl.col("noise") == group["noise"]))
        assert group["n"] == len(same) == 3
        for metric in ("train.loss", "val_acc", "test.loss"):
            values = same[metric].to_numpy()
            assert np.isclose(group[f"{metric}_avg"], values.mean(), equal_nan=True)
            assert np.isclose(group[f"{metric}_std"], values.std(ddof=1), equal_nan=True)


def test_over_a_tree_takes_all_its_leaves(tiny: Open) -> None:
    means = averaged(table(tiny(), "train"), ["sampler", "seed"])
    assert means.columns[:4] == ["size", "layers", "images", "sha256"]
    assert means["n"].to_list() == [6]


def test_a_gather_has_the_parameters_that_its_group_shares(tiny: Open) -> None:
    found = frame(tiny(), "mean")
    assert found.columns == ["run", "size", "sampler.name", "sampler.draws", "sampler.step", "layers", "members"]
    assert found["members"].to_list() == [3, 3]


def test_where_selects_by_any_column(tiny: Open) -> None:
    assert len(frame(tiny(), "train", where=["val_acc>0.6"])) == 4
    assert len(frame(tiny(), "train", where=["seed=1,2", "sampler.name=hmc"])) == 2
    assert len(frame(tiny(), "train", where=["train.seed!=1"])) == 4
    assert len(frame(tiny(), "train", where=["layers=[2,3]"])) == 6
    assert len(frame(tiny(), "test", where=["experiment=clean"])) == 7
    # A gather is not another one where only some of its members are asked for.
    assert len(frame(tiny(), "mean", where=["name=sgld"])) == 1


@pytest.mark.parametrize(
    ("task", "where", "message"),
    [
        ("trian", [], "unknown task 'trian'"),
        ("train", ["sed=1"], "--where sed=1: unknown column of 'train' 'sed'"),
        ("train", ["seed=9"], "no run of 'train' passes seed=9"),
        ("test", ["loss>1"], "'loss' is ambiguous"),
        ("train", ["sampler=hmc"], "'sampler' is a tree"),
        ("train", ["seed"], "selects nothing"),
    ],
)
def test_mistakes_are_told(tiny: Open, task: str, where: list[str], message: str) -> None:
    with pytest.raises(BadInput) as error:
        frame(tiny(), task, where=where)
    assert message in str(error.value)


def test_over_an_unknown_name_is_told(tiny: Open) -> None:
    with pytest.raises(BadInput, match="unknown column") as error:
        averaged(table(tiny(), "train"), ["loss"])
    assert "--over loss" in str(error.value)


def test_unfinished_runs_are_left_out_and_counted(tiny: Open) -> None:
    made = table(tiny("seed=1,2,3,4,5"), "train")
    assert len(made.frame) == 6
    assert (made.missing, made.planned) == (4, 10)
    assert made.notes == ("4 of 10 runs of 'train' are not finished, and left out",)
    some = table(tiny("seed=1,2,3,4,5"), "train", where=["seed=3,4"])
    assert (some.missing, some.planned) == (2, 4)


def test_the_plan_decides_and_all_takes_the_whole_store(tiny: Open) -> None:
    assert len(frame(tiny("seed=2"), "train")) == 2
    every = table(tiny("seed=2"), "train", all=True)
    wanted = table(tiny(), "train")
    assert every.frame.columns == wanted.frame.columns
    assert every.frame.sort("run").equals(wanted.frame.sort("run"))


def test_all_finds_ancestors_by_the_records(tiny: Open) -> None:
    every = frame(tiny("noises=[0.25]"), "test", all=True)
    wanted = frame(tiny(), "test").drop("experiment").unique()
    assert every.sort("run").select(wanted.columns).equals(wanted.sort("run"))


def test_all_averages_as_the_plan_does(tiny: Open) -> None:
    every, wanted = (averaged(table(tiny(), "train", all=whole), ["seed"]) for whole in (True, False))
    assert every.sort("sampler.name").equals(wanted.sort("sampler.name"))


def test_a_store_that_is_not_there_gives_an_empty_table(tmp_path: Path) -> None:
    session = open_session(str(Path(__file__).with_name("tiny.py")), tmp_path / "none", Request())
    made = table(session, "train")
    assert len(made.frame) == 0
    assert made.missing == 6
    assert len(table(session, "train", all=True).frame) == 0
    assert not (tmp_path / "none").exists()


def test_sql_has_every_task(tiny: Open) -> None:
    found = sql(tiny(), 'select "sampler.name" as name, count(*) as n from train group by 1 order by 1')
    assert found.to_dicts() == [{"name": "hmc", "n": 3}, {"name": "sgld", "n": 3}]


def test_texts_are_the_authors_words(tiny: Open) -> None:
    made = table(tiny(), "test")
    assert made.texts["size"] == "number of images"
    assert made.texts["sampler.draws"] == "draws of a chain"
    assert made.texts["train.loss"] == "training loss"
    assert "test.loss" not in made.texts


@pytest.mark.parametrize("whole", [False, True])
def test_what_chooses_a_variant_is_known(tiny: Open, whole: bool) -> None:
    assert table(tiny(), "test", all=whole).choices == ("sampler.name",)


def test_names_are_those_of_the_resolver(tiny: Open) -> None:
    """Whatever a table calls a parameter, the command line understands."""
    session = tiny()
    names: Names = session.names
    for column in table(session, "test").params:
        assert len(names.lookup(column)) == 1


def test_a_parameter_goes_before_leaves_of_trees_that_bear_its_name() -> None:
    tidy = Tidy("s", "sample", ["0" * 32])
    tidy.param("target.run", [3], np.array([0]))
    tidy.param("sample.sampler", [{"run": 5, "seed": 6}], np.array([0]))
    tidy.param("sample.model", [{"seed": 7}], np.array([0]))
    made = tidy.table()
    assert made.params == ("target.run", "sampler.run", "sampler.seed", "model.seed")
    assert made.columns("run") == ["run"]
    assert made.columns("run", made.axes) == ["target.run"]
    assert made.columns("sampler.run", made.axes) == ["sampler.run"]
    with pytest.raises(BadInput, match=r"'seed' is ambiguous\n  write one of: model.seed, sampler.seed"):
        made.columns("seed")
    tidy.metric(Metric("target", "seed", series("seed", [1])))
    assert tidy.table().columns("seed") == ["seed"]
