"""The one reader of YAML: what a scalar is, where an error points."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat.config.yaml12 import parse_yaml, read_yaml, scalar
from quadrat.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1.0e-6", 1e-6),
        (".5", 0.5),
        ("5.", 5.0),
        ("+5", 5),
        ("-0", 0),
        ("00.5", 0.5),
        ("0o10", 8),
        ("0x1F", 31),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("tRue", "tRue"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"),
        ("0b1", "0b1"),
        ("-0o10", "-0o10"),
        (".", "."),
        ("-", "-"),
        ("nan", "nan"),
    ],
)
def test_scalars_of_yaml_1_2(text: str, value: Any) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


@given(st.integers())
def test_integers_come_back(number: int) -> None:
    found = scalar(str(number))
    assert found == number
    assert type(found) is int


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_to_the_bit(number: float) -> None:
    found = scalar(repr(number))
    assert type(found) is float
    assert found.hex() == number.hex()


@given(st.from_regex(r"[A-Za-z_/][A-Za-z_/.:-]*", fullmatch=True))
def test_words_are_text(word: str) -> None:
    if word.lower() not in ("null", "true", "false"):
        assert scalar(word) == word


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029")))
def test_quoted_text_is_text(text: str) -> None:
    quoted = text.replace("'", "''")
    assert parse_yaml(f"a: '{quoted}'").values == {"a": text}


@given(st.integers(0, 9999), st.sampled_from(["", "-", "+"]), st.integers(1, 3))
def test_leading_zeros_are_refused(number: int, sign: str, zeros: int) -> None:
    text = f"{sign}{'0' * zeros}{number}"
    with pytest.raises(ConfigError, match="leading zeros"):
        scalar(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 0010", "f.yaml:2: '0010' has leading zeros\n  write 10 for the number, '0010' in quotes for text"),
        ("a:\n- -012", "f.yaml:2: '-012' has leading zeros\n  write -12 for the number, '-012' in quotes for text"),
        ("a: .nan", "f.yaml:1: NaN is not a value\n  leave the key out, or write null"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: the key 'a' stands twice\n  the other one is on line 1"),
        ("1: a\n'1': b", "f.yaml:2: the key '1' stands twice\n  the other one is on line 1"),
        (
            "a:\n\t- 1",
            (
                "f.yaml:2:1: this is no YAML: found character that cannot start any token "
                "(while scanning for the next token)"
            ),
        ),
        ("a: 1\n b: 2", "f.yaml:2:3: this is no YAML: mapping values are not allowed in this context"),
        ("a: !foo 1", "f.yaml:1: the tag !foo has no meaning here"),
        ("? [1]\n: 2", "f.yaml:1: a key is a list or a mapping\n  keys are text"),
        ("a: !!float nan", "f.yaml:1: 'nan' is no float"),
        ("a: !!int '1_0'", "f.yaml:1: '1_0' is no int"),
        ("a: !!int '010'", "f.yaml:1: '010' has leading zeros\n  write 10 for the number, '010' in quotes for text"),
    ],
)
def test_errors_say_where_and_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "f.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: " + "[" * 2000 + "]" * 2000, "a: " + "9" * 5000])
def test_a_hostile_document_is_a_plain_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml"):
        parse_yaml(text, "f.yaml")


def test_explicit_tags_name_a_type() -> None:
    assert parse_yaml("a: !!int '3'\nb: !!float 1\nc: !!str 12").values == {"a": 3, "b": 1.0, "c": "12"}


def test_merge_keys_and_aliases() -> None:
    assert parse_yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}").values["d"] == {"b": 1, "c": 3}


def test_lines_of_keys_and_items() -> None:
    lines = parse_yaml("a:\n  b: 1\n  c:\n  - 5\n").lines
    assert [lines[path] for path in [("a",), ("a", "b"), ("a", "c", "0")]] == [1, 2, 4]


def test_files(hostile_path: Path) -> None:
    file = hostile_path / 'it\'s a "file"\nof two lines.yaml'
    file.write_text("# nothing\n")
    assert read_yaml(file).values == {}
    file.write_text("lr: 1e-6\n")
    assert read_yaml(file).values == {"lr": 1e-6}
    file.write_text("- 1\n")
    with pytest.raises(ConfigError, match="the file holds a list"):
        read_yaml(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(hostile_path)


def test_a_missing_file_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"did you mean '.*config\.yaml'"):
        read_yaml(tmp_path / "confg.yaml")
