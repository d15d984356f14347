"""What pydantic says of raw values that do not fit, told in the words of those who wrote them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic
import pydantic_core

Path = tuple[str, ...]

MISSING = "field required"
UNKNOWN = "there is no such field"
# The values go through JSON, which has its own words for things.
_WORDS = {"an object": "a mapping", "valid dictionary": "mapping", "valid array": "valid list"}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with raw values.

    Attributes:
        path: where it is in them.
        message: what was expected, and what is there.
    """

    path: Path
    message: str


def problems(error: pydantic.ValidationError, raw: Any) -> list[Problem]:
    """Everything that is wrong, one problem for each place.

    A value that fits none of a union's types is wrong once: in the way that the nearest of them has it.
    """
    details = [_Detail(detail, raw) for detail in error.errors(include_url=False)]
    by_path: dict[Path, list[_Detail]] = defaultdict(list)
    for one in _nearest(details):
        by_path[one.path].append(one)
    return [Problem(path, _told(found)) for path, found in by_path.items()]


def way(location: Sequence[int | str], raw: Any, *, missing: bool = False) -> tuple[Path, tuple[str, ...]]:
    """Where in raw values a location of pydantic's is, and the types of unions that it names on the way.

    Args:
        location: steps into the values, and names of a union's types between them.
        raw: the values.
        missing: whether the last step leads to a field that is not there.
    """
    path: list[str] = []
    types: list[str] = []
    for number, step in enumerate(location):
        inside = isinstance(raw, Mapping) and step in raw
        if inside or (isinstance(raw, list) and isinstance(step, int) and step < len(raw)):
            raw = raw[step]
            path.append(str(step))
        elif missing and number == len(location) - 1:
            path.append(str(step))
        else:
            types.append(f"{'.'.join(path)}:{step}")
    return tuple(path), tuple(types)


class _Detail:
    """One line of pydantic's, with where it is."""

    def __init__(self, detail: pydantic_core.ErrorDetails, raw: Any) -> None:
        self.kind = detail["type"]
        self.value = detail["input"]
        self.context = detail.get("ctx", {})
        self.text = detail["msg"]
        self.path, self.types = way(detail["loc"], raw, missing=self.kind == "missing")
        if self.kind == "union_tag_invalid":
            self.path = (*self.path, self._tag)
            self.value = self.context["tag"]

    @property
    def _tag(self) -> str:
        return str(self.context["discriminator"]).strip("'")

    @property
    def foreign(self) -> bool:
        """Whether it is about which fields there are, so that another type of a union may be meant."""
        return self.kind in ("extra_forbidden", "missing")

    @property
    def wanted(self) -> str:
        """What was expected."""
        if self.kind == "extra_forbidden":
            return UNKNOWN
        if self.kind == "missing":
            return MISSING
        if self.kind == "union_tag_not_found":
            return f"does not say which it is: '{self._tag}' is missing"
        if self.kind == "union_tag_invalid":
            return f"should be {' or '.join(str(self.context['expected_tags']).rsplit(', ', 1))}"
        text = re.sub(r"^(Input|Value error,|Assertion failed,) ", "", self.text)
        for word, ours in _WORDS.items():
            text = text.replace(word, ours)
        return text[0].lower() + text[1:]


def _nearest(details: list[_Detail], level: int = 0) -> list[_Detail]:
    """Of the types of each union those that the value fits best."""
    unions: dict[str, dict[str, list[_Detail]]] = defaultdict(lambda: defaultdict(list))
    kept: list[_Detail] = []
    for one in details:
        if len(one.types) <= level:
            kept.append(one)
        else:
            unions[one.types[level].partition(":")[0]][one.types[level]].append(one)
    if not unions:
        return kept
    for by_type in unions.values():
        scores = {name: (sum(one.foreign for one in found), len(found)) for name, found in by_type.items()}
        best = min(scores.values())
        for name, found in by_type.items():
            if scores[name] == best:
                kept += _nearest(found, level + 1)
    return kept


def _told(found: Sequence[_Detail]) -> str:
    """What all the lines about one place say."""
    wanted = list(dict.fromkeys(one.wanted for one in found))
    if wanted[0] in (UNKNOWN, MISSING):
        return wanted[0]
    should = "should be "
    text = wanted[0]
    if len(wanted) > 1:
        text = should + " or ".join(one.removeprefix(should) for one in wanted)
    if found[0].kind == "union_tag_not_found":
        return text
    return f"{text}, not {found[0].value!r} ({type(found[0].value).__name__})"
