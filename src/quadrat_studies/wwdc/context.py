"""What a flow is conditioned on: the label and the factors that are left. Imports nothing heavy: plans ask it too."""

from __future__ import annotations

from collections.abc import Sequence

from quadrat import BadInput, suggest

from .params import FACTORS


def kept_factors(drop: Sequence[str]) -> tuple[str, ...]:
    """The factors that are left without those in `drop`, in their order.

    Raises:
        BadInput: for one that is not in the data.
    """
    for name in drop:
        if name not in FACTORS:
            raise BadInput(
                f"there is no factor '{name}' in the data",
                where="data.x_ds.drop_variables",
                hint=suggest(name, FACTORS),
            )
    return tuple(name for name in FACTORS if name not in drop)


def check_context(context: int | None, classes: int, factors: Sequence[str]) -> int:
    """The size of the context; the one that is given has to be it.

    Raises:
        BadInput: naming both numbers.
    """
    size = classes + len(factors)
    if context is not None and context != size:
        raise BadInput(
            f"the flow takes a context of {context} numbers, but the data give {size}: "
            f"{classes} for the label and {len(factors)} factors ({', '.join(factors) or 'none'})",
            where="lightning_loader.flow.context",
            hint=f"write context: {size}, or context: null to take what the data give",
        )
    return size
