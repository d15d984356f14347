"""Trees of parameters that are set in part: the rest is what the default has, unless another variant was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pydantic

from quadrat.core.annotations import is_open, literals, variants
from quadrat.core.trees import Path, copied, put

Model = type[pydantic.BaseModel]


@dataclass
class Parts:
    """Who set what inside a task's trees, and what had no place there.

    Attributes:
        sources: for each path the number of the source that set it (or something in it) last.
        homeless: paths that were set for a variant that was not chosen.
    """

    sources: dict[Path, int] = field(default_factory=dict)
    homeless: set[Path] = field(default_factory=set)

    def note(self, path: Path, source: int) -> None:
        """Remember that a source set a path."""
        for length in range(2, len(path) + 1):
            self.sources[path[:length]] = source


def completed(annotation: Any, default: Any, given: Mapping[str, Any], path: Path, parts: Parts) -> dict[str, Any]:
    """A tree with everything that was not given as the default has it.

    Where a union's variant is chosen (by a field that is a `Literal`, say `name`), another variant's default does not
    count. What one source sets for a variant that another source did not choose is left out: `draws=5` of a sweep over
    samplers is for those that have draws.

    Args:
        annotation: the type of the tree.
        default: its default value.
        given: what was set.
        path: where the tree is in the task's params.
        parts: who set what; what is left out is noted there.
    """
    models = variants(annotation)
    if not models:
        is_same = isinstance(default, Mapping) and given.get("_target_", ...) in (..., default.get("_target_", ...))
        if not is_same or not is_open(annotation):
            return dict(given)
        whole = copied(default)
        for name, value in given.items():
            put(whole, (name,), value)
        return dict(whole)
    model, tag = _variant(models, default, given)
    if model is None:
        return dict(given)
    base = default if type(default) is model else None
    done: dict[str, Any] = {}
    for name, value in given.items():
        here = (*path, name)
        info = model.model_fields.get(name)
        if info is None:
            known = any(name in other.model_fields for other in models)
            if tag is not None and known and parts.sources.get(here) != parts.sources.get((*path, tag)):
                parts.homeless.add(here)
                continue
        elif isinstance(value, Mapping):
            inner = getattr(base, name) if base is not None else info.get_default(call_default_factory=True)
            value = completed(info.annotation, inner, value, here, parts)
        done[name] = value
    if base is not None:
        for name in model.model_fields:
            done.setdefault(name, getattr(base, name))
    return done


def _variant(models: list[Model], default: Any, given: Mapping[str, Any]) -> tuple[Model | None, str | None]:
    """The variant that is meant, and the field that says so; None where it is left to the validation."""
    if len(models) == 1:
        return models[0], None
    tags = [name for name in given if any(literals(model, name) for model in models)]
    own = type(default)
    if not tags:
        is_own = own in models and (given.keys() <= own.model_fields.keys() or _is_tagged(own))
        return (own if is_own else None), None
    fits = [model for model in models if all(given[name] in literals(model, name) for name in tags)]
    if own in fits:
        return own, tags[0]
    return (fits[0] if len(fits) == 1 else None), tags[0]


def _is_tagged(model: Model) -> bool:
    return any(literals(model, name) for name in model.model_fields)
