"""Laws of the configuration: what is written is read, ranges have no rounding errors, merging is associative."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from quadrat.config import compose, merge, parse_overrides
from quadrat.config.yaml12 import parse_yaml


class Quoted(str):
    __slots__ = ()


class Plain(str):
    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Writes texts in quotes, and floats as Python does."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(Quoted, lambda self, data: self.represent_scalar("tag:yaml.org,2002:str", str(data), style='"'))
Dumper.add_representer(Plain, lambda self, data: self.represent_scalar("tag:yaml.org,2002:float", str(data)))


def marked(value: Any) -> Any:
    """The tree as the dumper wants it."""
    if isinstance(value, str):
        return Quoted(value)
    if isinstance(value, float):
        return Plain(repr(value).replace("inf", ".inf"))
    if isinstance(value, dict):
        return {marked(key): marked(item) for key, item in value.items()}
    return [marked(item) for item in value] if isinstance(value, list) else value


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), trees, max_size=4))
def test_what_is_written_is_read(tree: dict[str, Any]) -> None:
    text = yaml.dump(marked(tree), Dumper=Dumper, allow_unicode=True)
    assert parse_yaml(text).values == tree


@given(st.integers(-1000, 1000), st.integers(1, 100), st.integers(1, 60))
def test_ranges_of_floats_are_as_one_would_write_them(start: int, count: int, step: int) -> None:
    text = f"a=range({start / 10!r},{(start + count * step) / 10!r},{step / 10!r})"
    assert parse_overrides([text])[0].values == tuple((start + place * step) / 10 for place in range(count))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
def test_any_text_in_quotes_is_itself(text: str) -> None:
    # Hydra's rule: backslashes count only before a quote or at the end.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    assert parse_overrides([f"a='{escaped}'"])[0].value == text


# A key is a mapping everywhere or nowhere: else what is above replaces what is below, whole.
configurations = st.dictionaries(
    st.sampled_from("ab"), st.integers() | st.lists(st.integers(), max_size=2), max_size=2
).flatmap(
    lambda plain: st.dictionaries(
        st.sampled_from("xyz"), st.dictionaries(st.sampled_from("cde"), st.integers(), max_size=3), max_size=3
    ).map(lambda nested: {**plain, **nested})
)


@given(configurations, configurations, configurations)
def test_merging_is_associative_and_keeps_what_is_above(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert merge(one, one) == merge({}, one) == merge(one, {}) == one


def test_a_composition_leaves_a_hydra_that_is_at_work_alone(tmp_path: Path) -> None:
    from hydra import compose as theirs
    from hydra import initialize_config_dir

    for name, text in {"theirs/config": "x: 1\n", "ours/config": "defaults: [a: b]\n", "ours/a/b": "n: 5\n"}.items():
        file = tmp_path / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with initialize_config_dir(str(tmp_path / "theirs"), version_base="1.3"):
        assert compose(tmp_path / "ours", "config").values == {"a": {"n": 5}}
        assert theirs("config") == {"x": 1}
