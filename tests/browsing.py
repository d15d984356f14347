"""Pages in a real browser: Chromium without a network, what a page complains of, and what axe finds wrong in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from quadrat.core.errors import BadInput
from quadrat.reporting.printing import browser as chromium

WAIT_SECONDS = 60
SERIOUS = ("serious", "critical")


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """Chromium without a network: every name but loopback is unknown to it."""
    try:
        program = chromium()
    except BadInput as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        options = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-dev-shm-usage"]
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        shown = playwright.chromium.launch(executable_path=program, args=[*options, *root])
        yield shown
        shown.close()


@dataclass
class Looking:
    """A page, and what it has complained of."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    def wait(self, script: str) -> None:
        """Until an expression of the page is true; asked from outside, since the page's policy lets nothing in."""
        end = time.monotonic() + WAIT_SECONDS
        while not self.page.evaluate(script):
            assert time.monotonic() < end, f"{script}\n{self.page.inner_text('body')}\n{self.troubles}"
            self.page.wait_for_timeout(50)

    def go(self, view: str) -> None:
        """To another view."""
        self.page.evaluate("(view) => { location.hash = view; }", view)

    def check(self) -> None:
        """No error in the console, nothing of a user is run, no serious fault for readers of screens."""
        found = Axe().run(self.page).response["violations"]
        serious = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]
        assert serious == []
        assert self.troubles == []


@contextlib.contextmanager
def looking(browser: Browser, url: str, width: int = 1200) -> Iterator[Looking]:
    """A page of the browser at an address."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    seen = Looking(page)
    page.on("console", lambda one: seen.troubles.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.troubles.append(str(error)))
    page.on("dialog", lambda dialog: (seen.troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(url)
    try:
        yield seen
    finally:
        page.close()
