"""Which sweep a run belongs to: what its flow was not told, and whatever else differs between the flows of a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Chain = Mapping[str, Any]
DROP, SEED = "flow.drop_variables", "flow.seed"


def settings(chain: Chain) -> dict[str, str]:
    """All settings of a run's flow and of its VAE that make numbers, by their dotted names, as JSON."""
    own = {name: value for name, value in chain.items() if name.startswith(("flow.", "vae."))}
    return dict(_leaves({name: value for name, value in own.items() if not name.endswith(".told")}))


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", json.dumps(value)


def same_flow(chain: Chain) -> tuple[tuple[str, str], ...]:
    """A key that runs have in common exactly if they stand on the same flow."""
    return tuple(sorted(settings(chain).items()))


def told(drop: Sequence[str]) -> str:
    """What a sweep is called that differs from others in the factors that its flows were not told."""
    return f"not told {', '.join(drop)}" if drop else "told everything"


def name_sweeps(chains: Iterable[Chain]) -> Callable[[Chain], str]:
    """A function that names the sweep of a run; runs of a sweep differ in their seeds alone.

    Args:
        chains: those of all flows of a page.
    """
    all_settings = [settings(chain) for chain in chains]
    values: dict[str, dict[str, set[str]]] = {}
    for one in all_settings:
        for name, value in one.items():
            values.setdefault(name, {}).setdefault(one[DROP], set()).add(value)
    # What follows from the dropped factors, as the size of the context, tells nothing more.
    varied = sorted(name for name, found in values.items() if name != SEED and max(map(len, found.values())) > 1)

    def name_of(chain: Chain) -> str:
        own = settings(chain)
        more = [f"{name.removeprefix('flow.')} {own.get(name, 'null')}" for name in varied]
        return "; ".join([told(chain[DROP]), *more])

    return name_of
