"""The algebra of spaces: how many points, in which order, and what cannot be combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quadrat as qd


def values(space: qd.Space) -> list[dict[str, Any]]:
    """What each point assigns."""
    return [visit.values for visit in space.visits()]


def everything(space: qd.Space) -> list[dict[str, Any]]:
    """What each point assigns, and its labels."""
    return [visit.values | visit.labels for visit in space.visits()]


def axes(names: str) -> st.SearchStrategy[qd.Space]:
    """A grid of some of these names."""
    one = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)
    return st.dictionaries(st.sampled_from(names), one, max_size=2).map(qd.grid)


def spaces(names: str) -> st.SearchStrategy[qd.Space]:
    """A space that assigns some of these names."""
    rows = st.lists(st.dictionaries(st.sampled_from(names), st.integers(0, 9), max_size=2), max_size=3)
    leaf = axes(names) | rows.map(qd.points)
    return leaf | st.tuples(leaf, leaf).map(lambda two: two[0] + two[1])


@given(spaces("ab"), spaces("cd"))
def test_a_product_has_every_combination_and_a_sum_has_both(one: qd.Space, other: qd.Space) -> None:
    assert len(one * other) == len(values(one * other)) == len(values(one)) * len(values(other))
    assert len(one + other) == len(values(one + other)) == len(values(one)) + len(values(other))
    assert values(one * other) == [left | right for left in values(one) for right in values(other)]
    assert values(one + other) == values(one) + values(other)


@given(spaces("ab"), spaces("cd"), spaces("ef"))
def test_products_and_sums_are_associative_and_products_distribute(a: qd.Space, b: qd.Space, c: qd.Space) -> None:
    assert values((a * b) * c) == values(a * (b * c))
    assert values((a + b) + c) == values(a + (b + c))
    assert values((a + b) * c) == values(a * c + b * c)


@given(spaces("ab"))
def test_one_and_zero(space: qd.Space) -> None:
    assert values(qd.grid() * space) == values(space * qd.grid()) == values(space)
    assert values(qd.points([]) + space) == values(space + qd.points([])) == values(space)
    assert len(qd.points([]) * space) == 0


@given(spaces("ab"), st.integers(0, 9))
def test_where_keeps_the_points_that_pass_in_their_order(space: qd.Space, limit: int) -> None:
    def test(point: Any) -> bool:
        return point.get("a", 0) <= limit

    assert values(space.where(test)) == [point for point in values(space) if test(point)]


@given(spaces("ab"))
def test_labels_are_no_values(space: qd.Space) -> None:
    labelled = space.label(kind="x")
    assert values(labelled) == values(space)
    assert everything(labelled) == [point | {"kind": "x"} for point in values(space)]
    assert everything(qd.label(kind="x") * space) == everything(labelled)


def test_where_sees_labels() -> None:
    space = (qd.grid(a=[1, 2]).label(kind="x") + qd.grid(a=[1, 2]).label(kind="y")).where(
        lambda point: point["kind"] == "x" or point["a"] == 1
    )
    assert [tuple(point.values()) for point in everything(space)] == [(1, "x"), (2, "x"), (1, "y")]


def test_the_last_axis_varies_fastest() -> None:
    assert [tuple(point.values()) for point in values(qd.grid(a=[1, 2], b=["x", "y"]))] == [
        (1, "x"),
        (1, "y"),
        (2, "x"),
        (2, "y"),
    ]


def test_dotted_names_go_into_a_mapping() -> None:
    assert values(qd.grid({"net.depth": [1, 2]}, seed=[3])) == [
        {"net.depth": 1, "seed": 3},
        {"net.depth": 2, "seed": 3},
    ]


def test_arrays_are_plain_numbers_without_the_errors_of_their_steps() -> None:
    found = values(qd.grid(lr=np.arange(0.1, 0.5, 0.1), seed=np.arange(2)))
    assert [point["lr"] for point in found[::2]] == [0.1, 0.2, 0.3, 0.4]
    assert {type(value) for point in found for value in point.values()} == {float, int}
    assert type(values(qd.points([{"lr": np.float64(0.1), "n": np.int64(3)}]))[0]["n"]) is int


def test_a_written_float_is_not_rounded() -> None:
    assert values(qd.grid(x=[3.141592653589793, 0.1])) == [{"x": 3.141592653589793}, {"x": 0.1}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qd.grid(a=[]), "axis 'a' is empty"),
        (lambda: qd.grid(a=range(0)), "axis 'a' is empty"),
        (lambda: qd.grid(a=[1, 2, 1]), "axis 'a' has the value 1 twice"),
        (lambda: qd.grid(a=[0.3, 0.1 + 0.2]), "axis 'a' has near twins: 0.3 and 0.30000000000000004"),
        (lambda: qd.grid(a=[{"x": 1}, {"x": 1}]), "axis 'a' has the value {'x': 1} twice"),
        (lambda: qd.grid(a="text"), "axis 'a' has no list of values but 'text'"),
        (lambda: qd.grid(a=3), "axis 'a' has no list of values but 3"),
        (lambda: qd.grid(a={"b": 1}), "axis 'a' has no list of values but {'b': 1}"),
        (lambda: qd.points([3]), "a point is a mapping of names to values, not 3"),
        (lambda: list((qd.grid(a=[1]) * qd.grid(a=[2])).visits()), "two factors of a product both set 'a'"),
    ],
)
def test_what_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(qd.BadInput) as refused:
        make()
    assert refused.value.message == message


def test_values_that_only_look_alike_are_no_twins() -> None:
    assert len(qd.grid(a=[1, 1.0, True, "1", None])) == 5
    assert len(qd.grid(a=[0.1, 0.1000001])) == 2


def test_an_error_in_a_test_names_its_own_line() -> None:
    space = qd.grid(a=[1]).where(lambda point: point["b"] > 1)
    with pytest.raises(qd.BadInput, match="the test of a space fails: KeyError: 'b'") as refused:
        len(space)
    assert (refused.value.where or "").startswith(__file__)
