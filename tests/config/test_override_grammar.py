"""Overrides: Hydra's grammar with our scalars, and errors that say what to write."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat.config import Override, parse_overrides
from quadrat.core.errors import BadInput, ConfigError

EXAMPLES = "\n  write name=value, name=1,2,3, 'name=range(1,100)' or 'name=[1,2]'"


def one(text: str) -> Override:
    return parse_overrides([text])[0]


def same(found: Any, expected: Any) -> None:
    """Equal, and of equal types all the way down."""
    assert found == expected
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=1", 1),
        ("x=1.0", 1.0),
        ("x=1e-6", 1e-6),
        ("x=.5", 0.5),
        ("x=true", True),
        ("x=null", None),
        ("x=yes", "yes"),
        ("x='1'", "1"),
        ("x='0010'", "0010"),
        ("x=''", ""),
        ("x='null'", "null"),
        ("x='a,b=c'", "a,b=c"),
        ("x='a\nb'", "a\nb"),
        ("x=1:30", "1:30"),
        ("x=0x10", 16),
        ("x=[1,2.0,a]", [1, 2.0, "a"]),
        ("x=[]", []),
        ("x={a:1,b:{c:true}}", {"a": 1, "b": {"c": True}}),
        ("x=${a.b}", "${a.b}"),
        ("x=pre${a}post", "pre${a}post"),
        ("x=int('3')", 3),
        ("x=float(1)", 1.0),
        ("x=str(1)", "1"),
        ("x=str('0010')", "0010"),
        ("x=str([1,true])", ["1", "true"]),
        ("+x=1", 1),
        ("++x=1", 1),
    ],
)
def test_values_keep_their_types(text: str, value: Any) -> None:
    found = one(text)
    assert (found.key, found.values, found.delete, found.text) == ("x", None, False, text)
    same(found.value, value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=1,2,3", (1, 2, 3)),
        ("x=choice(1,a)", (1, "a")),
        ("x=1,1.0,true", (1, 1.0, True)),
        ("x='1',1", ("1", 1)),
        ("x=str(1,2)", ("1", "2")),
        ("x=str(choice(1,2))", ("1", "2")),
        ("x=[1,2],[3]", ([1, 2], [3])),
        ("x=range(1,4)", (1, 2, 3)),
        ("x=range(3)", (0, 1, 2)),
        ("x=range(5,0,-2)", (5, 3, 1)),
        ("x=range(0,0.5,0.1)", (0.0, 0.1, 0.2, 0.3, 0.4)),
        ("x=range(0.1,0.35,0.1)", (0.1, 0.2, 0.3)),
        ("x=float(range(1,3))", (1.0, 2.0)),
        ("x=sort(3,1,2)", (1, 2, 3)),
        ("x=sort(3,1,2,reverse=true)", (3, 2, 1)),
        ("x=tag(t,choice(1,2))", (1, 2)),
        ("x=range(9007199254740993,9007199254740995)", (2**53 + 1, 2**53 + 2)),
    ],
)
def test_sweeps(text: str, values: tuple[Any, ...]) -> None:
    same(one(text).values, values)


def test_deletion() -> None:
    assert one("~a.b") == Override("a.b", None, None, "~a.b", delete=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed", "'seed' is no override: it has no '='" + EXAMPLES),
        ("=1", "'=1' is no override: it has no name" + EXAMPLES),
        ("~", "'~' is no override: it has no name" + EXAMPLES),
        ("x=1,", "'x=1,' is no override: it does not parse (a value is missing)" + EXAMPLES),
        ("x=[1,2", "'x=[1,2' is no override: it does not parse" + EXAMPLES),
        ("x=a=b", "'x=a=b' is no override: it does not parse\n  a text with = in it goes in quotes: x='a=b'"),
        ("x=", "'x=' has no value\n  write x=null for none, x='' for empty text"),
        (
            "x=0010",
            ("command line: x=0010: '0010' has leading zeros\n  write 10 for the number, '0010' in quotes for text"),
        ),
        (
            "x=[1,-012]",
            (
                "command line: x=[1,-012]: '-012' has leading zeros\n"
                "  write -12 for the number, '-012' in quotes for text"
            ),
        ),
        ("x={a:nan}", "command line: x={a:nan}: NaN is not a value\n  leave it out, or write null"),
        ("x=1,nan", "command line: x=1,nan: NaN is not a value\n  leave it out, or write null"),
        ("x=glob(*)", "command line: x=glob(*): glob(…) names no list of values\n  a sweep lists its values: x=1,2,3"),
        (
            "x=interval(0,1)",
            ("command line: x=interval(0,1): interval(…) names no list of values\n  a sweep lists its values: x=1,2,3"),
        ),
        ("x=1,1", "command line: x=1,1: axis 'x' has the value 1 twice"),
        ("x=1e3,1000.0", "command line: x=1e3,1000.0: axis 'x' has the value 1000.0 twice"),
        (
            "x=0.3,0.30000000000000004",
            (
                "command line: x=0.3,0.30000000000000004: axis 'x' has near twins: "
                "0.3 and 0.30000000000000004\n  write the one that is meant"
            ),
        ),
        ("x=range(5,0)", "command line: x=range(5,0): axis 'x' is empty\n  give at least one value"),
        ("x=range(0,1,0)", "command line: x=range(0,1,0): axis 'x' goes by steps of 0"),
        ("x=choice(1,2),3", "command line: x=choice(1,2),3: a sweep stands inside another one" + EXAMPLES),
    ],
)
def test_errors_say_what_to_write(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        one(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["x=range(0,inf)", "x=range(0,1,nan)", "x=range(-inf,0)"])
def test_a_range_without_end_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="has no end"):
        one(text)


@pytest.mark.parametrize(
    "text", ["x=shuffle(1,2,3)", "x=shuffle([1,2,3])", "x=[shuffle([1,2])]", "x=shuffle(range(1,5))"]
)
def test_nothing_is_shuffled(text: str) -> None:
    """A value drawn anew in each process would make another run of the same command."""
    with pytest.raises(ConfigError, match=r"^command line: .*shuffle\(…\) has no meaning here"):
        one(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):  # anything else would reach the user as a traceback
        parse_overrides([text])


@given(st.integers())
def test_integers_come_back(number: int) -> None:
    same(one(f"x={number}").value, number)


@given(st.floats(allow_nan=False))
def test_floats_come_back(number: float) -> None:
    same(one(f"x={number!r}").value, number)


def test_hydra_is_imported_only_where_something_is_parsed() -> None:
    code = (
        "import sys, quadrat.config as c; c.parse_overrides([]); "
        "assert not {'hydra', 'omegaconf'} & set(sys.modules); "
        "c.parse_overrides(['a=1']); assert 'hydra' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
