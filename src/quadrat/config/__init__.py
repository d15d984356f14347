"""Configuration: YAML files and overrides become one plain tree; interpolation is resolved later."""

from quadrat.config.compose import Composed, compose, is_group, merge
from quadrat.config.interpolate import has_interpolation, references, resolve
from quadrat.config.overrides import Override, parse_overrides

__all__ = [
    "Composed",
    "Override",
    "compose",
    "has_interpolation",
    "is_group",
    "merge",
    "parse_overrides",
    "references",
    "resolve",
]
