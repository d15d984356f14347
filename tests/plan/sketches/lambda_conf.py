"""Presets of targets and samplers, as the module beside a study has them."""

from typing import Any

MODELS = {"small": {"depth": 1}, "base": {"depth": 2}, "wide": {"depth": 2, "target_params": 50_000}}
DATA = {"small": {"n_data": 5_000}, "base": {"n_data": 20_000}, "large": {"n_data": 100_000}}


def resolve(entry: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """A target or a sampler: presets and overrides to one nested mapping."""
    changes = entry.get("overrides", {})
    if "name" in entry:
        seed = {"seed": entry["seed"]} if "seed" in entry else {}
        return {"sampler": {"name": entry["name"], **changes}, **seed}
    point = {"model": MODELS[entry["model"]], "data": DATA[entry["data"]], "seed": entry["seed"], **extra}
    for name, values in changes.items():
        point[name] = {**point[name], **values}
    if entry.get("teacher", "_null") != "_null":
        point["teacher"] = MODELS[entry["teacher"]]
    return point
