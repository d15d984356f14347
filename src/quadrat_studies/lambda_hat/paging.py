"""What the page of a sweep needs to know of each run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .params import Data, Model, Teacher, Training

if TYPE_CHECKING:
    from .study import Sampling


def summary_row(params: Sampling, chain: Mapping[str, Any], analysis: Path) -> dict[str, Any]:
    """A run's analysis, with what tells it and its target from others.

    Args:
        params: of the sampler run.
        chain: the parameters of it and of its target, by full name.
        analysis: its `analysis.json`.
    """
    values: dict[str, Any] = json.loads(analysis.read_text(encoding="utf-8"))
    model, data = Model.model_validate(chain["target.model"]), Data.model_validate(chain["target.data"])
    training = Training.model_validate(chain["target.training"])
    options = _set(params.sampler) | _set(params.posterior)
    seed = options.pop("seed", params.sampler.seed)
    target = {"p": values["d"], "n_data": values["n"], "depth": model.depth, "activation": model.activation}
    teacher = chain["target.teacher"]
    more = {"model": _set(model), "data": _set(data), "training": _set(training)}
    more["teacher"] = _set(Teacher.model_validate(teacher)) if teacher else {}
    known = {"depth", "activation", "n_data", "target_params"}
    for part, values_set in more.items():
        target |= {f"{part}.{name}": value for name, value in values_set.items() if name not in known}
    return {
        **values,
        "seed": chain["target.seed"],
        "sampler_seed": seed,
        "sampler_options": options,
        "target": target,
    }


def _set(params: Any) -> dict[str, Any]:
    """The fields that are not at their default."""
    plain: dict[str, Any] = params.model_dump(mode="json")
    defaults = {name: field.get_default(call_default_factory=True) for name, field in type(params).model_fields.items()}
    return {name: value for name, value in plain.items() if name != "name" and value != defaults[name]}
