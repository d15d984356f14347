"""A report in Chromium without a network: charts, sorting, searching, and nothing that a reader of screens misses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

import quadrat as qd
from browsing import looking
from quadrat.reporting import gather, render
from quadrat.running import How, run_plan

pytestmark = pytest.mark.slow

STUDY = '''
import quadrat as qd
from PIL import Image

study = qd.Study("seen")


class Fitted(qd.Result):
    loss: float
    picture: qd.File
    words: qd.File


@study.task
def fit(run: qd.Run, rate: float = 0.1, seed: int = 0, text: str = "<script>alert(1)</script>") -> Fitted:
    """Fit something."""
    for step in range(5):
        run.log(step, **{"<i>loss</i>": 1 / (1 + step * rate)})
    if rate > 5:
        raise ValueError("\\x1b[1mtoo\\x1b[0m fast: <script>alert(2)</script>")
    picture, words = run.file("p.png"), run.file("w.md")
    Image.new("RGB", (1200, 300), (int(255 * rate), 0, 0)).save(picture, dpi=(150, 150))
    table = "| a | b |\\n|---|---:|\\n| x | 1 |"
    words.write_text(f"# One\\n\\n{table}\\n\\n![a picture](p.png)\\n\\n<script>alert(3)</script>")
    return Fitted(loss=rate + seed / 10, picture=picture, words=words)


study.section("What it shows", fit, "words")
'''


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of nine runs, of which three failed."""
    folder = tmp_path_factory.mktemp("seen")
    (folder / "seen.py").write_text(STUDY, encoding="utf-8")

    def opened() -> Any:
        return qd.open(str(folder / "seen.py"), store=folder / "runs", rate=[0.1, 0.2, 9.0], seed=[0, 1, 2])

    run_plan(opened().session, opened().plan(), How(executor="inline"))
    render(gather(opened().session), folder / "report.html")
    return folder / "report.html"


@pytest.mark.parametrize("width", [1200, 420])
def test_it_is_whole_without_a_network_and_complains_of_nothing(page: Path, browser: Browser, width: int) -> None:
    with looking(browser, page.as_uri(), width) as seen:
        seen.wait("document.querySelectorAll('.uplot canvas').length >= 2")  # a metric, and what was logged
        seen.check()
        assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shown = seen.page.inner_text("main")
        assert "too fast: <script>alert(2)</script>" in shown
        assert "<script>alert(3)</script>" in shown


def test_sorting_and_searching_and_the_runs_behind_a_mean(page: Path, browser: Browser) -> None:
    with looking(browser, page.as_uri()) as seen:
        rows = "#table-1 tbody tr:not([hidden])"
        assert seen.page.locator(rows).count() == 6
        seen.page.click("#table-1 th button:text-is('loss')")
        seen.page.click("#table-1 th button:text-is('loss')")
        values = [float(text) for text in seen.page.locator("#table-1 td:nth-child(4)").all_inner_texts()]
        assert values == sorted(values, reverse=True)
        seen.page.fill("input[data-filter='table-1']", "0.2 2")
        seen.wait(f"document.querySelectorAll('{rows}').length < 6")
        seen.page.fill("input[data-filter='table-1']", "")
        seen.page.click("details summary:text-is('3') >> nth=0")
        link = seen.page.locator("details[open] a").first
        run = link.inner_text()
        link.click()
        assert seen.page.inner_text(f"#run-{run} td >> nth=0") == run
        seen.check()
