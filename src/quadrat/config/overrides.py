"""Overrides on the command line: Hydra's grammar, read by Hydra's own parser."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quadrat.config.yaml12 import scalar
from quadrat.core.axes import axis_values
from quadrat.core.errors import ConfigError

_EXAMPLES = "write name=value, name=1,2,3, 'name=range(1,100)' or 'name=[1,2]'"


@dataclass(frozen=True)
class Override:
    """One override.

    Attributes:
        key: the dotted name; of a group of configuration files the path of its folder ("opt/inner").
        value: its value, where it has one.
        values: the values of a sweep, else None.
        text: as it was written.
        delete: whether it takes the key away (`~name`).
    """

    key: str
    value: Any
    values: tuple[Any, ...] | None
    text: str
    delete: bool = False


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """Read overrides.

    Raises:
        ConfigError: for a text that is none, an axis that is empty or has twins, a value that cannot be.
    """
    if not texts:
        return []
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    functions = parser.functions.functions
    functions["str"] = _as_text(functions["str"])
    functions["shuffle"] = _no_shuffle
    return [_parse(parser, text) for text in texts]


class _Text(str):
    """A text that was cast to one: `str(1)` stays text, where a bare `1` is a number."""

    __slots__ = ()


def _as_text(cast: Callable[..., Any]) -> Callable[..., Any]:
    """Hydra's `str(…)`, which marks each text that it makes."""

    def marked(value: Any) -> Any:
        from hydra.core.override_parser.types import ChoiceSweep

        if isinstance(value, str):
            return _Text(value)
        if isinstance(value, list):
            return [marked(item) for item in value]
        if isinstance(value, dict):
            return {key: marked(item) for key, item in value.items()}
        if isinstance(value, ChoiceSweep):
            return dataclasses.replace(value, list=[marked(item) for item in value.list])
        return value

    return lambda *args, **named: marked(cast(*args, **named))


def _no_shuffle(*_args: Any, **_named: Any) -> Any:
    # Hydra's own shuffles a list anew in each process: the same command would then name other runs each time.
    raise ConfigError("shuffle(…) has no meaning here", hint="a run is the same in every order")


def _parse(parser: Any, text: str) -> Override:
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException

    where = f"command line: {text}"
    if "=" not in text and not text.startswith("~"):
        raise ConfigError(f"'{text}' is no override: it has no '='", hint=_EXAMPLES)
    if text.startswith("="):
        raise ConfigError(f"'{text}' is no override: it has no name", hint=_EXAMPLES)
    try:
        found = parser.parse_override(text)
    except HydraException as error:
        if isinstance(error.__cause__, ConfigError):
            raise ConfigError(error.__cause__.message, where=where, hint=error.__cause__.hint) from None
        reason = str(error).splitlines()[0]
        if "while evaluating" not in reason:
            reason = "it does not parse" + (" (a value is missing)" if text.endswith((",", "(", "[", "{")) else "")
        name, _, value = text.partition("=")
        hint = f"a text with = in it goes in quotes: {name}='{value}'" if "=" in value else _EXAMPLES
        raise ConfigError(f"'{text}' is no override: {reason}", hint=hint) from None
    key = found.key_or_group
    if not key:
        raise ConfigError(f"'{text}' is no override: it has no name", hint=_EXAMPLES)
    if found.type is OverrideType.DEL:
        return Override(key, None, None, text, delete=True)
    if found.is_sweep_override():
        return Override(key, None, _sweep(key, found.value(), where), text)
    value = found._value  # noqa: SLF001 - `value()` forgets which texts were quoted
    if value == "":
        raise ConfigError(f"'{text}' has no value", hint=f"write {key}=null for none, {key}='' for empty text")
    return Override(key, _plain(value, where), None, text)


def _sweep(key: str, value: Any, where: str) -> tuple[Any, ...]:
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

    if isinstance(value, RangeSweep):
        if not value.step:
            raise ConfigError(f"axis '{key}' goes by steps of 0", where=where)
        bounds = (value.start or 0, value.stop or 0, value.step)
        if not all(math.isfinite(bound) for bound in bounds):
            raise ConfigError(f"axis '{key}' has no end, or no number for one", where=where, hint=_EXAMPLES)
        found = _range(*bounds)
    elif isinstance(value, ChoiceSweep):
        found = [_plain(item, where) for item in value.list]
    else:
        kind = type(value).__name__.removesuffix("Sweep").lower()
        raise ConfigError(
            f"{kind}(…) names no list of values", where=where, hint=f"a sweep lists its values: {key}=1,2,3"
        )
    return axis_values(key, found, where=where)


def _range(start: float, stop: float, step: float) -> Sequence[Any]:
    """The values from start to before stop; floats as they are written, so that steps do not add up errors."""
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return range(start, stop, step)
    first, last, by = (Decimal(repr(bound)) for bound in (start, stop, step))
    return [float(first + by * place) for place in range(math.ceil((last - first) / by))]


def _plain(value: Any, where: str) -> Any:
    """Hydra's value as a plain one."""
    from hydra.core.override_parser.types import Glob, QuotedString, Sweep

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, _Text):
        return str(value)
    if isinstance(value, Sweep | Glob):
        raise ConfigError("a sweep stands inside another one", where=where, hint=_EXAMPLES)
    if isinstance(value, str) and value and "${" not in value:
        return scalar(value, where)  # Hydra leaves as text what it does not know: 0x10, 0010
    if isinstance(value, float) and math.isnan(value):
        raise ConfigError("NaN is not a value", where=where, hint="leave it out, or write null")
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key, where)): _plain(item, where) for key, item in value.items()}
    return value
