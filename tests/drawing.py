"""Small studies drawn at random, for laws that hold of every one."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import dataclass, field
from typing import Annotated, Any

from hypothesis import strategies as st

import quadrat as qd


class Seeded(qd.Params):
    seed: int = 0


@dataclass
class Drawn:
    """A study drawn at random: for each task its upstreams, its parameters, and whether it gathers over one."""

    tasks: list[tuple[tuple[str, ...], tuple[str, ...]]]
    gather: str | None
    axes: dict[str, list[int]] = field(default_factory=dict)

    def study(self, reverse: bool = False) -> qd.Study:
        """The study; its tasks declared in this order or the other."""
        study = qd.Study("drawn")
        numbered = list(enumerate(self.tasks))
        for number, (above, own) in reversed(numbered) if reverse else numbered:
            study.task(name=f"t{number}")(_function(above, own, number))
        if self.gather:

            def gathered(**_: Any) -> None: ...

            last = f"t{len(self.tasks) - 1}"
            gathered.__annotations__ = {last: Annotated[qd.Many[Any, Any], qd.over(self.gather)], "return": dict}
            gathered.__signature__ = _signature([(last, None)])  # type: ignore[attr-defined]
            study.task(name="gather")(gathered)
        return study

    def overrides(self, order: list[str] | None = None) -> list[str]:
        """The axes on the command line."""
        names = order if order is not None else list(self.axes)
        return [f"{name}={','.join(map(str, self.axes[name]))}" for name in names]

    def rows(self) -> list[list[dict[str, Any]]]:
        """The rows of each task, joined one by one: each a mapping of names to values, ancestors among them."""
        done: list[list[dict[str, Any]]] = []
        for number, (above, own) in enumerate(self.tasks):
            names = [self.full(number, name) for name in own]
            axes = [self.axes.get(name, [0]) for name in names]
            rows = [dict(zip(names, values, strict=True)) for values in itertools.product(*axes)]
            for name in above:
                rows = [
                    left | right
                    for left in rows
                    for right in done[int(name[1:])]
                    if all(left[key] == right[key] for key in left.keys() & right.keys())
                ]
            for row in rows:
                row[f"@t{number}"] = tuple(sorted(row.items(), key=str))
            done.append(rows)
        return done

    @staticmethod
    def full(number: int, name: str) -> str:
        """The name on the command line; the seed is shared by all tasks that have one."""
        return name if name == "seed" else f"t{number}.{name}"


def _signature(arguments: list[tuple[str, Any]]) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [
            inspect.Parameter(name, kind, default=inspect.Parameter.empty if default is None else default)
            for name, default in arguments
        ]
    )


def _function(above: tuple[str, ...], own: tuple[str, ...], number: int) -> Any:
    """A task's function with these upstreams and parameters; `seed` is the shared one."""

    def function(**_: Any) -> None: ...

    arguments: list[tuple[str, Any]] = [(name, None) for name in above]
    function.__annotations__ = dict.fromkeys(above, qd.Done[Any, Any]) | {"return": dict}
    if "seed" in own:
        arguments.append(("params", None))
        function.__annotations__["params"] = Seeded
    for name in own:
        if name != "seed":
            arguments.append((name, 0))
            function.__annotations__[name] = int
    function.__signature__ = _signature(arguments)  # type: ignore[attr-defined]
    function.__name__ = f"t{number}"
    return function


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    count = draw(st.integers(1, 4))
    tasks = []
    for number in range(count):
        above = draw(st.sets(st.sampled_from([f"t{one}" for one in range(number)]), max_size=2)) if number else set()
        own = draw(st.sets(st.sampled_from(["a", "b", "seed"]), max_size=2))
        tasks.append((tuple(sorted(above)), tuple(sorted(own))))
    last = len(tasks) - 1
    axes: dict[str, list[int]] = {}
    for number, (_, own) in enumerate(tasks):
        for name in own:
            axes[Drawn.full(number, name)] = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True))
    found = Drawn(tasks, None, axes)
    known = [name for name in found.rows()[last][0] if not name.startswith("@")] if found.rows()[last] else []
    found.gather = draw(st.none() | st.sampled_from(known)) if known else None
    return found
