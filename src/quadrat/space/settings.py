"""The settings of a study: the typed arguments of its space function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from quadrat.core.annotations import may_be
from quadrat.core.errors import ConfigError, DeclarationError
from quadrat.core.params import Invalid, Params, params_from_signature, validate
from quadrat.core.problems import MISSING
from quadrat.core.study import Study

LISTS = (list, tuple, Sequence, Set)


def settings_model(study: Study) -> type[Params] | None:
    """A class with a field for each setting of the study, or None where it has no space function."""
    function = study.space_function
    if function is None:
        return None
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DeclarationError(f"a type in the signature of '{function.__name__}' does not resolve: {error}") from None
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints.get(name, Any), default)
    return params_from_signature(f"{study.name} settings", __name__, fields)


Place = Callable[[tuple[str, ...]], str | None]
"""Where a setting, or what is at a path in one, is written."""


def read_settings(model: type[Params], given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The settings' values, checked; one value stands for a list of one where only a list will do.

    Raises:
        ConfigError: for a value of the wrong type, or one that is missing.
    """
    raw = dict(given)
    try:
        made = validate(model, raw)
    except Invalid as error:
        for problem in error.problems:
            name = problem.path[0]
            kind = model.model_fields[name].annotation if name in raw else None
            if not isinstance(raw.get(name), list) and may_be(kind, *LISTS) and not may_be(kind, str):
                raw[name] = [raw[name]]
        try:
            made = validate(model, raw)
        except Invalid as still:
            raise _refusal(still, place) from None
    return {name: getattr(made, name) for name in model.model_fields}


def _refusal(error: Invalid, place: Place) -> ConfigError:
    problem = error.problems[0]
    name = problem.path[0]
    if problem.message == MISSING and len(problem.path) == 1:
        return ConfigError(f"setting '{name}' has no value", hint=f"write {name}=… or set it in a file")
    return ConfigError(f"setting '{'.'.join(problem.path)}': {problem.message}", where=place(problem.path))
