"""Overrides on the command line: Hydra's grammar, read by Hydra's own parser."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quadrat.config.yaml12 import leading_zero
from quadrat.core.errors import ConfigError
from quadrat.core.identity import encode

_EXAMPLES = "write name=value, name=1,2,3, 'name=range(1,100)' or 'name=[1,2]'"
_ZEROS = re.compile(r"[-+]?0[0-9]+")


@dataclass(frozen=True)
class Override:
    """One override.

    Attributes:
        key: the dotted name.
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
    return [_parse(parser, text) for text in texts]


def _parse(parser: Any, text: str) -> Override:
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException

    where = f"command line: {text}"
    if "=" not in text and not text.startswith("~"):
        raise ConfigError(f"'{text}' is no override: it has no '='", hint=_EXAMPLES)
    try:
        found = parser.parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        if "while evaluating" not in reason:
            reason = "it does not parse" + (" (a value is missing)" if text.endswith((",", "(", "[", "{")) else "")
        raise ConfigError(f"'{text}' is no override: {reason}", hint=_EXAMPLES) from None
    key = found.key_or_group.replace("/", ".") if found.package is None else found.key_or_group
    if found.type is OverrideType.DEL:
        return Override(found.key_or_group, None, None, text, delete=True)
    if found.is_sweep_override():
        return Override(key, None, _sweep(key, found._value, where), text)
    if isinstance(found._value, str) and found._value == "":
        raise ConfigError(f"'{text}' has no value", hint=f"write {key}=null for none, {key}='' for empty text")
    return Override(key, _plain(found._value, where), None, text)


def _sweep(key: str, value: Any, where: str) -> tuple[Any, ...]:
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep

    if isinstance(value, RangeSweep):
        found = _range(value.start, value.stop, value.step)
    elif isinstance(value, ChoiceSweep):
        found = [_plain(item, where) for item in value.list]
    else:
        kind = type(value).__name__.removesuffix("Sweep").lower()
        raise ConfigError(
            f"{kind}(…) names no list of values", where=where, hint=f"a sweep lists its values: {key}=1,2,3"
        )
    if getattr(value, "shuffle", False):
        raise ConfigError("shuffle(…) has no meaning here", where=where, hint="a run is the same in every order")
    _check_axis(key, found, where)
    return tuple(found)


def _range(start: float, stop: float, step: float) -> list[Any]:
    """The values from start to before stop; floats rounded to 15 digits, so that steps do not add up errors."""
    count = max(0, math.ceil((stop - start) / step - 1e-9))
    if isinstance(start, int) and isinstance(step, int):
        return [start + step * place for place in range(count)]
    return [float(f"{start + step * place:.15g}") for place in range(count)]


def _check_axis(key: str, values: list[Any], where: str) -> None:
    if not values:
        raise ConfigError(f"axis '{key}' is empty", where=where, hint="give at least one value")
    seen: set[bytes] = set()
    for value in values:
        code = encode(value)
        if code in seen:
            raise ConfigError(f"axis '{key}' has the value {value!r} twice", where=where)
        seen.add(code)
    numbers = sorted(value for value in values if isinstance(value, float))
    for one, other in zip(numbers, numbers[1:], strict=False):
        if math.isclose(one, other, rel_tol=1e-12):
            raise ConfigError(f"axis '{key}' has near twins: {one!r} and {other!r}", where=where)


def _plain(value: Any, where: str) -> Any:
    """Hydra's value as a plain one."""
    from hydra.core.override_parser.types import QuotedString

    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, str) and _ZEROS.fullmatch(value):
        raise leading_zero(value, where)
    if isinstance(value, float) and math.isnan(value):
        raise ConfigError("NaN is not a value", where=where, hint="leave it out, or write null")
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key, where)): _plain(item, where) for key, item in value.items()}
    return value
