"""SQL: only the tables that a query names are made, and its mistakes are told."""

from __future__ import annotations

import polars as pl
import pytest

from quadrat import BadInput
from quadrat.results.sql import answer

FRAMES = {
    "train": pl.DataFrame({"run": ["a", "b"], "sampler.name": ["hmc", "sgld"], "test_acc": [0.5, 0.75]}),
    "attack": pl.DataFrame({"run": ["c"], "fgsm_acc": [0.25]}),
}


def ask(query: str) -> tuple[pl.DataFrame, list[str]]:
    loaded: list[str] = []

    def load(name: str) -> pl.DataFrame:
        loaded.append(name)
        return FRAMES[name]

    return answer(query, list(FRAMES), load), loaded


def test_only_tables_that_are_named_are_made() -> None:
    found, loaded = ask("select avg(test_acc) as mean from train where run <> 'attack'")
    assert found.to_dicts() == [{"mean": 0.625}]
    assert loaded == ["train"]


def test_a_join_over_two_tasks() -> None:
    found, loaded = ask("select t.test_acc, a.fgsm_acc from train t cross join attack a order by t.test_acc")
    assert found.rows() == [(0.5, 0.25), (0.75, 0.25)]
    assert sorted(loaded) == ["attack", "train"]


def test_names_with_dots_stand_in_quotes() -> None:
    assert ask('select "sampler.name" as name from train')[0]["name"].to_list() == ["hmc", "sgld"]
    with pytest.raises(BadInput) as error:
        ask("select name from train")
    assert 'in double quotes: "sampler.name"' in str(error.value)


@pytest.mark.parametrize(
    ("query", "message", "hint"),
    [
        ("select * from trian", "unknown table 'trian'", "did you mean 'train'?"),
        ("select tset_acc from train", "unknown column 'tset_acc'", "did you mean 'test_acc'?"),
        ("select zzz from attack", "unknown column 'zzz'", "columns: run, fgsm_acc"),
        ("selec run from train", "the query cannot be answered", ""),
        ("select run + 1 from train where", "the query cannot be answered", ""),
        ("select test_acc + fgsm_acc from train", "unknown column 'fgsm_acc'", ""),
    ],
)
def test_mistakes_are_told(query: str, message: str, hint: str) -> None:
    with pytest.raises(BadInput) as error:
        ask(query)
    assert message in str(error.value)
    assert hint in str(error.value)
