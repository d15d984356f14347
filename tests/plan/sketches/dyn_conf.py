"""Models and loaders by category, as the module beside a study has them."""

from typing import Any

import quadrat as qd

CATEGORIES: dict[str | None, list[dict[str, Any]]] = {
    None: [{}],
    "rctype": [{"rctype": one} for one in ("full", "self", "pointwise")],
    "rctarget": [{"rctarget": one} for one in ("output", "middle")],  # X8 only
    "idle": [{"idle": 10}, {"idle": 20}],
}


def model_space(model_name: str | list[str], category: str | None) -> qd.Space:
    """The models of a request: every name with every choice of its category."""
    names = [model_name] if isinstance(model_name, str) else model_name
    return qd.grid(model_name=names) * qd.points([{"model_args": one} for one in CATEGORIES[category]])


def test_space(config: dict[str, Any]) -> qd.Space:
    """The tests of one experiment: every status with every value of its loader's parameter."""
    name, values = config["parameter"], config["values"]
    return qd.grid(status=config["status"]) * qd.points([{"loader": {name: one}} for one in values])
