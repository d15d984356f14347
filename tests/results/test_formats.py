"""What a table looks like, to the letter; and that the exact formats are exact."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat import BadInput
from quadrat.results import human
from quadrat.results.aggregate import over
from quadrat.results.formats import choose, render, write

FRAME = pl.DataFrame(
    {
        "run": [sign * 32 for sign in "abcd"],
        "learning_rate": [1e-3, 1e-3, 2e-4, 2e-4],
        "batch_size": [128] * 4,
        "seed": [1, 2, 1, 2],
        "test_acc": [0.91, 0.92125, 0.8, math.nan],
        "loss": [1e-5, 10.0, 3.0, None],
        "note": ["a|b", "ü", "数据", "x"],
        "converged": [True, False, True, True],
    }
)
AXES = ["learning_rate", "batch_size", "seed"]

TABLE = """\
run           learning_rate  seed  test_acc   loss  note  converged
───────────────────────────────────────────────────────────────────
aaaaaaaaaaaa          0.001     1    0.9100  1e-05  a|b   true
bbbbbbbbbbbb          0.001     2    0.9213     10  ü     false
cccccccccccc         0.0002     1    0.8000      3  数据  true
dddddddddddd         0.0002     2       nan      –  x     true

same in every row: batch_size=128
"""

NARROW = """\
              learning_         test_
run                rate  seed     acc   loss  note  converged
─────────────────────────────────────────────────────────────
"""

AVERAGED = """\
| learning_rate |        test_acc |      loss | loss_n |   converged |
| ------------: | --------------: | --------: | -----: | ----------: |
|         0.001 | 0.9156 ± 0.0080 | 5.0 ± 7.1 |      2 | 0.50 ± 0.71 |
|        0.0002 |       nan ± nan |       3.0 |      1 | 1.00 ± 0.00 |

same in every row: batch_size=128, n=2

mean ± sample standard deviation over seed; 95% intervals: --format csv
"""

CSV = """\
run,learning_rate,batch_size,seed,test_acc,loss,note,converged
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0.001,128,1,0.91,0.00001,a|b,true
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,0.001,128,2,0.92125,10.0,ü,false
cccccccccccccccccccccccccccccccc,0.0002,128,1,0.8,3.0,数据,true
dddddddddddddddddddddddddddddddd,0.0002,128,2,NaN,,x,true
"""


CHOSEN = """\
run           sampler.name  sampler.lr  acc
───────────────────────────────────────────
aaaaaaaaaaaa  sgd                  0.1  0.5
bbbbbbbbbbbb  sgd                  0.2  0.6
cccccccccccc  adam                 0.1  0.7

where sampler.name=sgd: sampler.momentum=0.9
where sampler.name=adam: sampler.beta=0.99
"""


def test_options_that_a_choice_tells_are_told_below() -> None:
    frame = pl.DataFrame(
        {
            "run": [sign * 32 for sign in "abc"],
            "sampler.name": ["sgd", "sgd", "adam"],
            "sampler.lr": [0.1, 0.2, 0.1],
            "sampler.momentum": [0.9, 0.9, None],
            "sampler.beta": [None, None, 0.99],
            "acc": [0.5, 0.6, 0.7],
        }
    )
    axes = [name for name in frame.columns if name.startswith("sampler.")]
    assert render(frame, "table", axes=axes, choices=["sampler.name"]).decode() == CHOSEN
    varied = frame.with_columns(pl.Series("sampler.momentum", [0.8, 0.9, None]))
    for some, choices in ((varied, ["sampler.name"]), (frame, []), (frame[:1], ["sampler.name"])):
        head = render(some, "table", axes=axes, choices=choices).decode().splitlines()[0]
        assert "sampler.momentum" in head


def test_table() -> None:
    assert render(FRAME, "table", axes=AXES).decode() == TABLE


def test_headings_break_where_the_terminal_is_narrow_and_nothing_is_cut() -> None:
    for width in (62, 20):
        assert render(FRAME, "table", axes=AXES, width=width).decode().startswith(NARROW)


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    lines = render(FRAME, "table", axes=AXES, limit=1).decode().splitlines()
    assert lines[3] == "… 3 more rows: --format csv has all of them"


def test_markdown_of_means() -> None:
    means = over(FRAME, ["seed"], ["test_acc", "loss", "note", "converged"])
    assert render(means, "markdown", axes=AXES, averaged=["seed"]).decode() == AVERAGED


def test_markdown_escapes_bars() -> None:
    assert "| a\\|b |" in render(FRAME, "markdown", axes=AXES).decode()


def test_csv() -> None:
    assert render(FRAME, "csv").decode() == CSV


def test_an_empty_table_says_so() -> None:
    assert render(FRAME.clear(), "table", axes=AXES).decode() == "(no rows)\n"
    assert json.loads(render(FRAME.clear(), "json")) == []


def test_json_is_strict_and_exact() -> None:
    def refuse(text: str) -> float:
        raise AssertionError(text)

    found = json.loads(render(FRAME, "json"), parse_constant=refuse)
    assert found[3]["test_acc"] == "nan"
    assert found[3]["loss"] is None
    assert found[1] == FRAME.row(1, named=True)


@given(st.lists(st.floats() | st.none(), min_size=1, max_size=20))
def test_csv_and_parquet_give_back_what_went_in(values: list[float | None]) -> None:
    frame = pl.DataFrame(
        {"run": [str(place) for place in range(len(values))], "x": values}, schema_overrides={"x": pl.Float64}
    )
    assert pl.read_parquet(render(frame, "parquet")).equals(frame)
    read = pl.read_csv(io.BytesIO(render(frame, "csv")), schema=frame.schema)
    assert read.equals(frame)


@given(st.floats(allow_nan=False))
def test_exact_loses_nothing(value: float) -> None:
    assert float(human.exact(value)) == value


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=8))
def test_rounded_has_four_digits_of_the_largest(values: list[float]) -> None:
    shown = human.rounded(values)
    largest = max(range(len(values)), key=values.__getitem__)
    assert math.isclose(float(shown[largest]), values[largest], rel_tol=0.6e-3)
    assert all((float(text) > 0) == (value > 0) for text, value in zip(shown, values, strict=True))


@pytest.mark.parametrize(
    ("given_format", "output", "expected"),
    [
        (None, None, "table"),
        ("csv", None, "csv"),
        (None, "a.CSV", "csv"),
        (None, "a.md", "markdown"),
        ("json", "a.csv", "json"),
    ],
)
def test_the_format_is_said_or_seen(given_format: str | None, output: str | None, expected: str) -> None:
    assert choose(given_format, Path(output) if output else None) == expected


def test_a_format_that_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="cvs") as error:
        choose("cvs", None)
    assert "did you mean 'csv'" in str(error.value)
    with pytest.raises(BadInput, match="does not say"):
        choose(None, Path("table.xlsx"))


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        write(b"", tmp_path / "file" / "inside.csv")
