"""Interpolation: what resolves to what, what a value refers to, and what errors say."""

from __future__ import annotations

from typing import Any

import pytest

from quadrat.config import has_interpolation, references, resolve
from quadrat.core.errors import ConfigError

CONTEXT = {
    "a": {"b": 1, "f": 1e-6, "l": [1, 2]},
    "s": "x",
    "via": {"y": "${a.b}"},
    "circle": "${circle}",
    "zeros": "0010",
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${a.b}", 1),
        ("${a.f}", 1e-6),
        ("p${a.b}q", "p1q"),
        ("${a.l}", [1, 2]),
        ("${a.l[1]}", 2),
        ("${via.y}", 1),
        ("${zeros}", "0010"),
        (["${a.b}", {"k": "${s}"}], [1, {"k": "x"}]),
        ("plain", "plain"),
        (3, 3),
        ("${oc.env:QD_NAME}", "7"),
        ("${oc.env:QD_NONE,5}", "5"),
        ("${oc.env:QD_NONE,${a.b}}", "1"),
    ],
)
def test_resolves(value: Any, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QD_NAME", "7")
    found = resolve(value, CONTEXT, None)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "${a.bb}",
            "f.yaml:3: '${a.bb}' does not resolve: Interpolation key 'a.bb' not found\n  did you mean '${a.b}'?",
        ),
        ("${circle}", "f.yaml:3: '${circle}' does not resolve: Recursive interpolation detected"),
        ("${a.b", "f.yaml:3: '${a.b' does not resolve: no viable alternative at input '${a.b'"),
        ("${nope:1}", "f.yaml:3: '${nope:1}' does not resolve: Unsupported interpolation type nope"),
    ],
)
def test_errors_name_the_place_and_the_nearest(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(value, CONTEXT, "f.yaml:3")
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["${", "${}", "${a.b", "${oc.env:QD_NONE}"])
def test_what_cannot_resolve_is_a_plain_error(value: str) -> None:
    with pytest.raises(ConfigError, match="does not resolve"):
        resolve(value, CONTEXT, None)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("x${a.b}${c}", {"a.b", "c"}),
        ("${a.l[0]}", {"a.l.0"}),
        ("${a[b].c}", {"a.b.c"}),
        ("${ a }", {"a"}),
        ("plain", set()),
        ("${oc.env:HOME}", set()),
        ("${oc.env:HOME,${a.b}}", {"a.b"}),
        (["${x}", {"k": "${y}"}], {"x", "y"}),
        (1, set()),
    ],
)
def test_references(value: Any, names: set[str]) -> None:
    assert references(value) == names


@pytest.mark.parametrize(
    ("value", "expected"), [("a${b}", True), ({"a": ["${b}"]}, True), ("$b {c}", False), ([1, None], False)]
)
def test_sees_interpolation(value: Any, expected: bool) -> None:
    assert has_interpolation(value) is expected
