"""The report of a sweep: everything in one file, every number with its runs, and nothing of users' texts is markup."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from chain_cli import Cli
from page import Page
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
DATA = {"type": "application/json", "data-chart": None}
PARAMS = {"text": [HOSTILE, "b"], "rate": [0.1, 0.2, 9.0], "seed": [0, 1, 2]}


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
    cause = report.failures[0]
    assert len(cause.ids) == 3  # of each text
    assert "too fast" in cause.first.message
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
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    assert [("uPlot" in script, "quadratChart" in script) for script in scripts] == [(1, 0), (1, 1), (0, 1)]
    assert not [values for _, values in page.tags if any(name.startswith("on") for name in values)]


def test_links_lead_to_rows(text: str) -> None:
    page = Page(text)
    ids = {values["id"] for _, values in page.tags if "id" in values}
    links = page.all("a", "href")
    assert len([link for link in links if link.startswith("#run-")]) >= 12
    assert {link[1:] for link in links} <= ids


def test_texts_of_users_are_texts(text: str) -> None:
    page = Page(text)
    assert [values for tag, values in page.tags if tag == "script"] == [DATA, {}, {}, {}]
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


def test_charts_have_the_numbers_of_the_means_and_names_are_never_markup(sweep: Any, text: str) -> None:
    (block,) = re.findall(r'<script type="application/json" data-chart>(.*?)</script>', text, re.DOTALL)
    assert not re.search(r"[<>&\u2028\u2029]", block)
    chart = json.loads(block)
    assert {one["name"]: one["values"] for one in chart["series"]} == {
        name: pytest.approx([0.2, 0.3]) for name in (HOSTILE, "b")
    }
    (graph,) = gather(sweep.session).parts[0].graphs
    assert graph.chart is not None
    assert json.loads(json.dumps(graph.chart.told())) == chart


def test_a_page_without_charts_has_no_code_for_them(sweep: Any, tmp_path: Path) -> None:
    report = gather(sweep.session)
    for part in report.parts:
        part.graphs = [replace(graph, chart=None) for graph in part.graphs]
    render(report, tmp_path / "r.html")
    said = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<figure><img" in said
    assert "uPlot" not in said
    assert len(said) < 60_000 + sum(len(graph.address) for part in report.parts for graph in part.graphs) + sum(
        len(picture.address) for part in report.parts for picture in part.pictures
    )


LOGGING = """
import quadrat as qd

study = qd.Study("logging")


class Fitted(qd.Result):
    loss: float


@study.task
def fit(run: qd.Run, rate: float = 0.1, kind: str = "a", seed: int = 0) -> Fitted:
    for step in range(3000):
        run.log(step, loss=rate + seed + step, **({"acc": 0.5} if step % 1000 == 0 else {}))
    return Fitted(loss=rate)
"""


def reported(folder: Path, **params: Any) -> Any:
    """The one part of the report of a study that logs."""
    (folder / "logging_study.py").write_text(LOGGING, encoding="utf-8")

    def opened() -> Any:
        return qd.open(str(folder / "logging_study.py"), store=folder / "runs", **params)

    first = opened()
    run_plan(first.session, first.plan(), How(executor="inline"))
    return gather(opened().session).parts[0]


def test_what_runs_logged_is_drawn_against_steps(tmp_path: Path) -> None:
    part = reported(tmp_path, rate=[0.1, 0.2], kind=["a", "b"], seed=[1, 3])
    assert [graph.label for graph in part.graphs] == ["loss against rate", "loss against step", "acc against step"]
    loss, acc = (graph.chart for graph in part.graphs[1:])
    assert [one.name for one in loss.series] == [f"rate={rate}, kind={kind}" for rate in (0.1, 0.2) for kind in "ab"]
    assert loss.legend == "rate, kind"
    assert (len(loss.x.values), loss.x.values[0], loss.x.values[-1]) == (1000, 0, 2999)
    assert loss.series[2].values == pytest.approx([2.2 + step for step in loss.x.values])
    assert acc.x.values == (0, 1000, 2000)
    assert part.notes == []


def test_learning_curves_of_many_configurations_are_left_to_a_command(tmp_path: Path) -> None:
    part = reported(tmp_path, rate=[0.1 * place for place in range(9)])
    assert [graph.label for graph in part.graphs] == ["loss against rate"]
    assert "quadrat plot logging fit -x step" in part.notes[-1]


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
