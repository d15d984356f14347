"""The report of a sweep: everything in one file, every number with its runs, and nothing of users' texts is markup."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from chain_cli import Cli
from quadrat.reporting import gather, render
from quadrat.reporting.rendering import amount, duration
from quadrat.running import How, run_plan

HOSTILE = """<script>alert("1")</script> & 'quoted' | `x`"""
STUDY = '''
import quadrat as qd
from PIL import Image

study = qd.Study("odd")


class Fitted(qd.Result):
    loss: float
    picture: qd.File


@study.task
def fit(run: qd.Run, text: str = "a", rate: float = 0.1, seed: int = 0) -> Fitted:
    """Fit <b>something</b>.

    More of it.
    """
    print("<i>log</i>")
    if rate > 5:
        raise ValueError(f"too fast: <{text}>")
    picture = run.file("p.png")
    Image.new("RGB", (960, 480), (int(255 * rate), 0, 0)).save(picture)
    return Fitted(loss=rate + seed / 10, picture=picture)
'''
PARAMS = {"text": [HOSTILE, "b"], "rate": [0.1, 0.2, 9.0], "seed": [0, 1, 2]}


class Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str, attribute: str) -> list[str]:
        """The values of an attribute of all tags of a name."""
        return [value for name, values in self.tags if name == tag and (value := values.get(attribute)) is not None]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Twelve runs that finished, and six that failed."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.py").write_text(STUDY, encoding="utf-8")

    def opened() -> Any:
        return qd.open(str(folder / "odd.py"), store=folder / "runs", **PARAMS)

    first = opened()
    run_plan(first.session, first.plan(), How(executor="inline"))
    return opened()


@pytest.fixture(scope="module")
def text(sweep: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    render(gather(sweep.session), file)
    return file.read_text(encoding="utf-8")


def test_a_report_says_what_was_swept_what_it_cost_and_what_failed(sweep: Any) -> None:
    report = gather(sweep.session)
    assert (report.counts["runs"], report.counts["finished"], report.counts["failed"]) == (18, 12, 6)
    (part,) = report.parts
    assert part.text == "Fit <b>something</b>."
    assert {axis.name: axis.values for axis in part.swept}["seed"] == ["0", "1", "2"]
    assert part.seconds > 0
    assert part.peak_memory > 1e6
    (cause, failure) = report.failures[0]
    assert cause == 3  # of each text
    assert "too fast" in failure.message
    assert sum(report.provenance.hosts.values()) == 12


def test_every_mean_leads_to_its_runs(sweep: Any) -> None:
    (part,) = gather(sweep.session).parts
    assert part.averages is not None
    assert part.averages.over == "seed"
    assert [len(runs) for runs in part.averages.runs] == [3] * 4
    assert sorted(run for runs in part.averages.runs for run in runs) == sorted(part.ids)


def test_the_command_of_a_row_makes_that_run_alone(sweep: Any) -> None:
    (part,) = gather(sweep.session).parts
    for place, id in enumerate(part.ids):
        words = shlex.split(part.commands[place])
        where = [words[at + 1] for at, word in enumerate(words) if word == "--where"]
        assert sweep.results("fit", where=where)["run"].to_list() == [id]


def test_the_page_needs_nothing_else_and_runs_nothing_else(text: str) -> None:
    page = Page(text)
    assert all(address.startswith("data:") for address in page.all("img", "src"))
    assert all(link.startswith("#") for link in page.all("a", "href"))
    assert not page.all("link", "href")
    policy = page.all("meta", "content")[-1]
    script = re.findall(r"<script>(.*?)</script>\n</body>", text, re.DOTALL)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == (f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'")
    assert not [values for _, values in page.tags if any(name.startswith("on") for name in values)]


def test_links_lead_to_rows(text: str) -> None:
    page = Page(text)
    ids = {values["id"] for _, values in page.tags if "id" in values}
    links = page.all("a", "href")
    assert len([link for link in links if link.startswith("#run-")]) >= 12
    assert {link[1:] for link in links} <= ids


def test_texts_of_users_are_texts(text: str) -> None:
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag in ("b", "i")]
    said = "".join(page.texts)
    assert HOSTILE in said
    assert "Fit <b>something</b>." in said
    assert "<i>log</i>" in said


def test_images_are_small_copies(sweep: Any) -> None:
    from PIL import Image

    (part,) = gather(sweep.session).parts
    assert len(part.pictures) == 12
    picture = part.pictures[0]
    small = Image.open(io.BytesIO(base64.b64decode(picture.address.partition(",")[2])))
    assert small.size == (480, 240)
    assert Path(picture.path).is_file()
    assert "rate=0.1" in picture.told


def test_figures_of_the_metrics(sweep: Any) -> None:
    (part,) = gather(sweep.session).parts
    assert [graph.label for graph in part.graphs] == ["loss against rate"]


def test_markdown(sweep: Any, tmp_path: Path) -> None:
    render(gather(sweep.session), tmp_path / "r.md")
    said = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert said.startswith("# odd\n\n12 of 18 runs finished, 6 failed")
    assert "| fit | 12 of 18 | 6 |" in said
    assert "## Failures\n\n- 3 of fit: " in said


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "0.012 s"), (12, "12 s"), (90, "1.5 min"), (7200, "2.0 h"), (2e5, "2.3 d")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1234, "1 kB"), (5.6e8, "560 MB"), (3e12, "3.0 TB")])
def test_amounts(size: float, text: str) -> None:
    assert amount(size) == text


def test_the_command_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert "no run of 'chain' is finished" in cli("report", "chain.py", "lr=1", code=2).err
    cli("run", "chain.py", "lr=1", "seed=1,2")
    assert cli("report", "chain.py", "lr=1", "seed=1,2").out == "chain_report.html\n"
    assert cli("report", "chain.py", "lr=1", "seed=1,2", "-o", "out/r.md").out == "out/r.md\n"
    assert "unknown format of a report 'pfd'" in cli("report", "chain.py", "-o", "r.pfd", "lr=1", code=2).err
