"""The live page of 100,000 runs: how soon it is there, how fast it sorts and filters, what it costs the sweep.

    python benchmarks/bench_ui.py [--out FILE] [--store FOLDER]

A store is made first (a minute; `--store` keeps it for the next time). Then `quadrat ui` is started fresh; times are
those of a reader: of HTTP requests, and of Chromium from the address to what it shows, where there is a Chromium. The
last rows set a sweep of trivial runs with twenty readers of the page against the same sweep with none.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from bench_engine import STUDY, machine

AXES = ["targets=1000", "samplers=99"]
RUNS = 100_000
TRIES = 7
READERS = 20
SMALL = ["targets=100", "samplers=99"]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--store", type=Path, help="a store that is kept, or used again")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quadrat-bench-"))
    try:
        lines = ["$ python benchmarks/bench_ui.py", machine(), "", *table(given.store or folder / "big", folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def table(store: Path, folder: Path) -> list[str]:
    """The table, line by line."""
    quadrat("run", STUDY, *AXES, "--store", str(store))
    quadrat("status", STUDY, *AXES, "--store", str(store))
    lines = [f"{'of a store of 100,000 runs':<64} {'seconds':>8}"]

    def add(name: str, seconds: float) -> None:
        lines.append(f"{name:<64} {seconds:>8.3f}")
        print(lines[-1], file=sys.stderr, flush=True)

    began = time.perf_counter()
    with served(STUDY, *AXES, "--store", str(store)) as (url, process):
        add("`quadrat ui` to its address", time.perf_counter() - began)
        with reader(url) as client:
            client.get("/api/scale/state")
            client.get("/api/scale/tasks/sample/rows")
            add("`quadrat ui` to the first rows, imports and all", time.perf_counter() - began)
            asks = {
                "first page of the table": "",
                "sorted by a metric": "?sort=estimate:desc",
                "sorted by two columns": "?sort=sampler:desc&sort=estimate:asc",
                "filtered by a number": "?filter=estimate:>400",
                "filtered by two columns, sorted": "?filter=sampler:1,2,3&filter=target:<500&sort=estimate:desc",
                "rows with a word in any column": "?words=499",
                "the last page": "?first=98950",
            }
            for name, query in asks.items():
                add(f"  {name}", median(client, f"/api/scale/tasks/sample/rows{query}"))
            add("  counts of all tasks", median(client, "/api/scale/state"))
            add(
                "  groups: a metric against an axis of 1,000 values",
                median(client, "/api/scale/tasks/sample/comparison"),
            )
            run = client.get("/api/scale/tasks/target/rows?count=1").json()["rows"][0]["run"]
            add("  a run, with the 99 that read it", median(client, f"/api/scale/runs/{run}"))
        lines += in_browser(url)
        lines.append(f"{'largest memory of the server, MB':<64} {peak(process.pid):>8.0f}")
    return lines + slowing(folder)


def median(client: httpx.Client, path: str) -> float:
    """Seconds of a request, the median of seven."""
    times = []
    for _ in range(TRIES):
        before = time.perf_counter()
        client.get(path).raise_for_status()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def in_browser(url: str) -> list[str]:
    """Seconds from the address to what a reader sees, in Chromium; nothing where there is none."""
    from playwright.sync_api import sync_playwright

    from quadrat.core.errors import BadInput
    from quadrat.reporting.printing import browser

    try:
        program = browser()
    except BadInput as error:
        return [f"not measured in a browser: {error.message}"]
    found = []
    with sync_playwright() as playwright:
        shown = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = shown.new_page()
        page.goto("about:blank")
        for name, view, wanted in (
            ("in Chromium: the address to the counts", "", "#headline b"),
            ("in Chromium: the address to the first rows of the table", "#/scale/runs/sample", ".tabulator-row"),
        ):
            times = []
            for _ in range(TRIES):
                page.goto("about:blank")
                before = time.perf_counter()
                page.goto(url + view)
                page.wait_for_selector(wanted)
                times.append(time.perf_counter() - before)
            found.append(f"{name:<64} {statistics.median(times):>8.3f}")
        shown.close()
    return found


def slowing(folder: Path) -> list[str]:
    """How much longer 10,000 trivial runs take while twenty read the page."""
    alone, read = [], []
    for place in range(5):
        store = folder / f"alone{place}"
        alone.append(quadrat("run", STUDY, *SMALL, "--store", str(store)))
        store = folder / f"read{place}"
        store.mkdir()
        with served(STUDY, *SMALL, "--store", str(store)) as (url, _), readers(url):
            read.append(quadrat("run", STUDY, *SMALL, "--store", str(store)))
    ratio = statistics.median(read) / statistics.median(alone)
    return [
        f"{'10,000 trivial runs, nobody looks':<64} {statistics.median(alone):>8.2f}",
        f"{f'the same, {READERS} follow the page':<64} {statistics.median(read):>8.2f}",
        f"{'ratio':<64} {ratio:>8.2f}",
    ]


@contextlib.contextmanager
def readers(url: str) -> Iterator[None]:
    """Twenty that follow the events of the page."""
    over = threading.Event()

    def follow() -> None:
        with (
            contextlib.suppress(httpx.HTTPError),
            reader(url) as client,
            client.stream("GET", "/api/scale/events") as it,
        ):
            for _ in it.iter_lines():
                if over.is_set():
                    return

    threads = [threading.Thread(target=follow, daemon=True) for _ in range(READERS)]
    for one in threads:
        one.start()
    yield
    over.set()


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`quadrat ui`, its address and its process."""
    command = [sys.executable, "-m", "quadrat", "ui", *arguments, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def reader(url: str) -> Iterator[httpx.Client]:
    """Somebody who has opened the address."""
    base = url.partition("/?")[0]
    with httpx.Client(base_url=base, follow_redirects=True, timeout=120) as client:
        client.get(url).raise_for_status()
        yield client


def quadrat(*arguments: str) -> float:
    """Seconds of a command."""
    before = time.perf_counter()
    subprocess.run([sys.executable, "-m", "quadrat", *arguments], check=True, capture_output=True)
    return time.perf_counter() - before


def peak(pid: int) -> float:
    """The largest resident memory of a process, in megabytes."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(float(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM")) / 1e3


if __name__ == "__main__":
    main()
