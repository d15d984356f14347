"""The page of the study has every option with its default, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from quadrat_studies.lambda_hat.params import SAMPLERS, Data, Model, Posterior, Sampler, Teacher, Training
from quadrat_studies.lambda_hat.presets import PRESETS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "studies" / "lambda_hat.md").read_text(encoding="utf-8")
PARTS: dict[str, type[qd.Params]] = {
    "model": Model,
    "data": Data,
    "teacher": Teacher,
    "training": Training,
    "posterior": Posterior,
    "all samplers": Sampler,
    **SAMPLERS,
}


def table(heading: str) -> dict[str, str]:
    """Option and default as the page has them under a heading."""
    section = re.search(rf"^### {heading}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"the page has no heading '{heading}'"
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section[1], re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def as_written(default: Any) -> Any:
    """A default, and the text of a cell, as the same value."""
    words = {"null": None, "true": True, "false": False}
    if isinstance(default, str):
        default = words.get(default, default)
    try:
        return default if default is None or isinstance(default, bool) else float(default)
    except ValueError:
        return default


@pytest.mark.parametrize("heading", PARTS)
def test_every_option_stands_in_the_page_with_its_default(heading: str) -> None:
    fields = PARTS[heading].model_fields
    shared = Sampler.model_fields if heading in SAMPLERS else {}
    own = {
        name: as_written(field.default)
        for name, field in fields.items()
        if name != "name" and (name not in shared or field.default != shared[name].default)
    }
    assert {name: as_written(cell) for name, cell in table(heading).items()} == own


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, known in PRESETS.items() for name in known])
def test_every_preset_is_named(part: str, name: str) -> None:
    assert f"`{name}`" in PAGE, f"preset {name} of {part}"
