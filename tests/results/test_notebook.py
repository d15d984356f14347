"""What a notebook shows of a study: counts, rows, a figure; and nothing of users' texts is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from quadrat.running import How, run_plan

HOSTILE = """<script>alert("1")</script> & 'quoted'"""
STUDY = '''
import quadrat as qd

study = qd.Study("odd")


@study.task
def fit(text: str = "a", rate: float = 0.1, seed: int = 0) -> dict:
    """Fit something."""
    if rate > 5:
        raise ValueError("too fast")
    return {"loss": rate + seed / 10}

'''


class Tags(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "odd.py").write_text(STUDY, encoding="utf-8")
    return tmp_path


def opened(folder: Path, **params: Any) -> Any:
    return qd.open(str(folder / "odd.py"), store=folder / "runs", **params)


def run(sweep: Any) -> None:
    run_plan(sweep.session, sweep.plan(), How(executor="inline"))


def test_nothing_has_run(folder: Path) -> None:
    shown = opened(folder, seed=[0, 1])._repr_html_()
    assert "0 of 2 runs finished" in shown
    assert "<img" not in shown
    assert not (folder / "runs").exists()  # looking writes nothing


def test_counts_rows_and_a_figure(folder: Path) -> None:
    params = {"rate": [0.1, 0.2, 0.4, 9.0], "seed": list(range(4))}
    run(opened(folder, **params))
    shown = opened(folder, **params)._repr_html_()
    said = " ".join(Tags(shown).texts)
    assert "12 of 16 runs finished" in said
    assert "12 of 16 (4 failed)" in said
    assert "10 of 12 rows" in said
    assert 'aria-label="75% finished"' in shown
    assert re.search(r'<img alt="loss against rate" src="data:image/svg\+xml;base64,', shown)


def test_texts_of_users_are_texts(folder: Path) -> None:
    params = {"text": [HOSTILE, "b"], "seed": [0, 1]}
    run(opened(folder, **params))
    shown = opened(folder, **params)._repr_html_()
    page = Tags(shown)
    assert "script" not in page.tags
    assert any(HOSTILE[:30] in text for text in page.texts)


def test_more_axes_than_a_figure_has(folder: Path) -> None:
    params = {"text": ["a", "b"], "rate": [0.1, 0.2], "seed": [0, 1]}
    run(opened(folder, **params))
    assert "<img" in opened(folder, **params)._repr_html_()
    assert "<img" not in opened(folder, **{**params, "rate": 0.1, "text": "a", "seed": 0})._repr_html_()
