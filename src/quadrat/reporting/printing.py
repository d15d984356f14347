"""A page as PDF, printed by Chromium: the same figures, tables and fonts that a browser shows."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from quadrat.core.errors import BadInput
from quadrat.results.human import Shown

VARIABLE = "QUADRAT_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120
ROWS = 60
"""So many rows of a table are printed."""
_LETTERS = 105
"""Letters of a row on a page."""
_OPTIONS = (
    "--headless", "--disable-gpu", "--no-pdf-header-footer", "--no-first-run", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
)  # fmt: skip
"""Nothing of the user's own browser, and no network."""


def browser() -> str:
    """The Chromium that prints: `$QUADRAT_CHROMIUM`, else the first that is on the path.

    Raises:
        BadInput: where there is none.
    """
    asked = os.environ.get(VARIABLE)
    for name in [asked] if asked else _NAMES:
        found = shutil.which(name)
        if found:
            return found
    if asked:
        raise BadInput(f"'{asked}' is no program", where=f"${VARIABLE}", hint="the path of Chromium or Chrome")
    raise BadInput(
        "a PDF is printed by Chromium, and there is none on the path",
        where="--format pdf",
        hint=f"install chromium, or say where Chrome is in ${VARIABLE}; --format html can be printed from any browser",
    )


def cuts(shown: Shown) -> list[Shown]:
    """A table in parts that fit on a page, to stand below each other: some columns, each time beside what tells rows.

    That is the first column, or the number of the row where that is not enough.
    """
    rows = shown.rows[:ROWS]
    if len({row[0] for row in rows if row}) < len(rows):
        numbers = [[str(number), *row] for number, row in enumerate(rows, 1)]
        shown, rows = Shown(["#", *shown.columns], [True, *shown.numeric], numbers, []), numbers
    wide = [max(map(len, (name, *(row[place] for row in rows)))) for place, name in enumerate(shown.columns)]
    parts: list[list[int]] = []
    left = 0
    for place in range(1, len(wide)):
        left -= wide[place] + 2
        if left < 0:
            parts.append([0])
            left = _LETTERS - wide[0] - wide[place] - 4
        parts[-1].append(place)
    return [
        Shown(
            [shown.columns[place] for place in part],
            [shown.numeric[place] for place in part],
            [[row[place] for place in part] for row in rows],
            [],
        )
        for part in parts or [list(range(len(wide)))]
    ]


def pdf(text: str) -> bytes:
    """A page of HTML as PDF.

    Raises:
        BadInput: where Chromium is missing, fails, or needs more than two minutes.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="quadrat-", ignore_cleanup_errors=True) as name:
        page, printed = Path(name, "report.html"), Path(name, "report.pdf")
        page.write_text(text, encoding="utf-8")
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        said = _call([
            program, *_OPTIONS, *root, f"--user-data-dir={name}/profile", f"--print-to-pdf={printed}", page.as_uri(),
        ])  # fmt: skip
        if not printed.is_file():
            last = said.strip().splitlines()[-1:] or ["it says nothing"]
            raise BadInput(f"{program} printed no PDF: {last[0][:300]}", where="--format pdf", hint="--format html")
        return printed.read_bytes()


def _call(command: list[str]) -> str:
    """Run Chromium with all its processes in a group of their own, and end them all; returns what it says."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BadInput(f"{command[0]} cannot be started: {error.strerror}", where="--format pdf") from None
    try:
        _, said = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise BadInput(f"{command[0]} printed nothing in {_SECONDS} s", where="--format pdf") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return said
