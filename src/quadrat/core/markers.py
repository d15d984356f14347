"""What a signature says beyond its types: markers that stand in `Annotated[...]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Missing = Literal["fail", "drop"]


@dataclass(frozen=True)
class Over:
    """A gather over these parameters: one group for each combination of everything else."""

    names: tuple[str, ...]
    missing: Missing = "fail"


@dataclass(frozen=True)
class By:
    """A gather by these parameters or labels: one group for each combination of them."""

    names: tuple[str, ...]
    missing: Missing = "fail"


@dataclass(frozen=True)
class When:
    """An upstream that is needed only where the task's own params pass the test."""

    test: Callable[[Any], bool]


@dataclass(frozen=True)
class Follow:
    """A parameter that takes the value of another one unless it is set."""

    name: str


@dataclass(frozen=True)
class OffId:
    """A parameter that cannot change the result, and is left out of the id."""


@dataclass(frozen=True)
class Neutral:
    """A field that was added later: left out of the id where it has this value."""

    value: Any


@dataclass(frozen=True)
class Was:
    """A field that was renamed: the id still knows it by its old name."""

    old: str


@dataclass(frozen=True)
class Valid:
    """A metric that says whether the numbers of a run count."""


def over(*names: str, missing: Missing = "fail") -> Over:
    """Gather over `names` (say "seed"): each group agrees in every other parameter of the chain that enters ids.

    Args:
        names: parameters, bare where that is unambiguous.
        missing: what to do about members that failed: "fail" blocks the group, "drop" goes on without them.
    """
    return Over(names, missing)


def by(*names: str, missing: Missing = "fail") -> By:
    """Gather by `names`, parameters or labels: each group agrees in these. `by()` is one group of everything."""
    return By(names, missing)


def when(test: Callable[[Any], bool]) -> When:
    """The upstream is needed only where `test(own params)` is true; else the argument is None."""
    return When(test)


def follow(name: str) -> Follow:
    """The parameter takes the value of parameter `name` of an upstream unless it is set itself."""
    return Follow(name)


def valid() -> Valid:
    """Mark a bool metric that says whether a run's numbers count: where it is False, averages leave the run out."""
    return Valid()


def off_id() -> OffId:
    """Mark a parameter that cannot change the result (number of loader workers, device, progress bar)."""
    return OffId()


def neutral(value: Any) -> Neutral:
    """Mark a field that was added after runs existed: with this value, old ids hold. Frozen for ever."""
    return Neutral(value)


def was(old: str) -> Was:
    """Mark a field that was renamed from `old`: old ids hold."""
    return Was(old)
