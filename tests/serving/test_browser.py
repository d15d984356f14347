"""The live page in Chromium, while another process runs the sweep: it moves, it grows, it shows what failed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import WAIT_SECONDS, Looking, looking

pytestmark = pytest.mark.slow
STUDY = Path(__file__).with_name("growing.py")


@contextlib.contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command of Quadrat's, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quadrat", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "GROWING_GATES": str(folder / "gates")},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@contextlib.contextmanager
def served(folder: Path, *arguments: str) -> Iterator[str]:
    """`quadrat ui`, and its address."""
    with command(folder, "ui", *arguments, "--port", "0", "--json") as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the study, and no gate open."""
    shutil.copy(STUDY, tmp_path / "growing.py")
    (tmp_path / "gates").mkdir()
    return tmp_path


def gate(folder: Path, *names: str) -> None:
    """Let runs go on."""
    for name in names:
        (folder / "gates" / name).touch()


def test_it_follows_a_sweep_that_another_process_runs(folder: Path, browser: Browser) -> None:
    steps = [str(step) for step in range(4)]
    with served(folder) as url, looking(browser, url) as seen:
        seen.wait("document.body.textContent.includes('Nothing was run yet')")
        sweep = ("run", "growing.py", "rate=0.1,9.0", "seed=1,2", "--jobs", "2")
        with command(folder, *sweep) as running:
            seen.wait("document.querySelector('#headline')?.textContent.includes('2 running')")
            assert seen.page.inner_text("#finished") == "0"
            seen.check()
            seen.page.click("main table a:has(code)")  # the first run that is being made
            seed = seen.page.locator("table.values tr:has(th:text-is('seed')) td").first.inner_text()
            gate(folder, f"{seed}.0", f"{seed}.1")
            seen.wait("document.querySelector('[data-points]')?.dataset.points === '2'")
            seen.wait("document.querySelector('#log').textContent.includes('at step 1')")
            seen.wait("document.body.textContent.includes('of 4 steps')")
            gate(folder, f"{seed}.2", f"{seed}.3")
            seen.wait("document.querySelector('[data-points]')?.dataset.points === '4'")
            gate(folder, f"{seed}.end")
            seen.wait("document.querySelector('#run').parentElement.textContent.includes('finished')")
            gate(folder, *(f"{seed}.{step}" for seed in (1, 2) for step in [*steps, "end"]))
            seen.go("#/growing/overview")
            seen.wait("document.querySelector('#finished')?.textContent === '2'")
            seen.wait("document.querySelector('#headline').textContent.includes('2 failed')")
            running.wait(60)
        seen.page.click("#headline a")
        seen.wait("document.querySelectorAll('main pre').length >= 2")
        shown = seen.page.inner_text("main")
        assert "too fast: <img src=x onerror=alert(1)> 9.0" in shown
        assert "<script>alert('log')</script> rate 9.0" in shown
        assert "quadrat debug" in shown
        seen.check()
        # Another request of the same study: the page that is open shows it, to its end.
        gate(folder, *(f"3.{step}" for step in [*steps, "end"]))
        seen.go("#/growing/runs/fit")
        seen.wait("document.querySelectorAll('.tabulator-row').length === 4")
        with command(folder, "run", "growing.py", "rate=0.1", "seed=1,2,3") as running:
            running.wait(60)
        seen.wait("document.querySelectorAll('.tabulator-row .state.finished').length === 3")
        seen.wait("document.querySelectorAll('.tabulator-row').length === 3")
        seen.check()


@pytest.mark.parametrize("width", [1200, 420])
def test_every_view_can_be_read_and_complains_of_nothing(store: Path, browser: Browser, width: int) -> None:
    with served(store) as url, looking(browser, url, width) as seen:
        seen.wait("document.querySelector('#finished')?.textContent === '16'")
        seen.check()
        assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        seen.go("#/odd/runs/fit")
        seen.wait("document.querySelectorAll('.tabulator-row').length === 18")
        seen.check()
        finished = _rows(seen, "finished")[0]
        failed = _rows(seen, "failed")[0]
        for run, found in ((finished, "Curves"), (failed, "too fast")):
            seen.go(f"#/odd/run/{run}")
            seen.wait(f"document.querySelector('main').textContent.includes({found!r})")
            seen.check()
            assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for view, selector in (("compare/fit", ".uplot"), ("failures", "main pre")):
            seen.go(f"#/odd/{view}")
            seen.page.wait_for_selector(selector, timeout=1000 * WAIT_SECONDS)
            seen.check()


def test_sorting_and_filters_in_the_page(store: Path, browser: Browser) -> None:
    with served(store) as url, looking(browser, f"{url}#/odd/runs/fit") as seen:
        seen.wait("document.querySelectorAll('.tabulator-row').length === 18")
        seen.page.locator("input[aria-label='filter rate']").press_sequentially("<5")
        seen.wait("document.querySelectorAll('.tabulator-row').length === 12")
        assert seen.page.inner_text("#matching") == "12 of 18 runs"
        seen.page.click(".tabulator-col[tabulator-field='loss'] .tabulator-col-title")
        seen.wait("document.querySelector('.tabulator-row [tabulator-field=\"loss\"]').textContent === '0.4'")
        seen.page.fill("#words", "<script>")
        seen.wait("document.querySelectorAll('.tabulator-row').length === 6")
        seen.page.locator("input[aria-label='filter rate']").press_sequentially("fast")
        seen.wait("document.querySelector('#matching').textContent.includes('is no number')")


def _rows(seen: Looking, state: str) -> list[Any]:
    """The ids of rows with a state."""
    links = seen.page.locator(f".tabulator-row:has(.state.{state}) a")
    return [str(links.nth(at).get_attribute("href")).rpartition("/")[2] for at in range(links.count())]
