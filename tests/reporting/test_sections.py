"""The sections that a study declares: figures, tables and prose of its runs, with hostile prose among them."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import quadrat as qd
from page import Page, sections
from quadrat.core.errors import BadInput
from quadrat.reporting import gather, printing, render
from quadrat.running import How, run_plan

PROSE = """# Results

All of it is **bold**, <script>alert(1)</script> and <img src=x onerror=alert(1)>.

![the <b>course</b>](figures/course.png)

Again: ![the course](figures/course.png)

The course of it, also [as a file](figures/course.png) and [as numbers](numbers.csv).

## Links

[bad](javascript:alert(1)) [data](data:text/html,x) [file](file:///etc/passwd) [out](../../record.json)
[root](/etc/passwd) [good](https://example.org/?a=1&b=2) [here](#links) [nowhere](#nothing)

![up](../../../../outside.png) ![web](https://example.org/x.png) ![root](/tmp/x.png) ![no](missing.png)
![ln](linked.png)
![also](%2e%2e/%2e%2e/%2e%2e/%2e%2e/outside.png)

| name | value |
|:-----|------:|
| a\\|b |   1.5 |
| <i>  |    −2 |

```python
# no heading ![](figures/course.png)
```

Second
------

Text.
"""
STUDY = f'''
from typing import Annotated

import quadrat as qd
from PIL import Image

study = qd.Study("told")
PROSE = {PROSE!r}


class Fitted(qd.Result):
    loss: float
    picture: qd.File
    """Where it <b>went</b>."""
    vector: qd.File
    notes: qd.Temp
    binary: qd.File


class Summed(qd.Result):
    page: qd.File
    numbers: qd.File
    course: qd.File
    torn: qd.File
    empty: qd.File
    folder: qd.Folder


def image(file, width, colour):
    Image.new("RGB", (width, width // 2), colour).save(file)
    return file


@study.task
def fit(run: qd.Run, rate: float = 0.1, seed: int = 0) -> Fitted:
    """Fit."""
    vector, notes, binary = run.file("v.svg"), run.file("notes.md"), run.file("w.bin")
    vector.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>')
    notes.write_text("gone")
    binary.write_bytes(b"0")
    picture = image(run.file("p.png"), 2000, (int(255 * rate), 0, 0))
    return Fitted(loss=rate, picture=picture, vector=vector, notes=notes, binary=binary)


@study.task
def summary(fit: Annotated[qd.Many[object, Fitted], qd.by()], run: qd.Run) -> Summed:
    """Sum up."""
    page, numbers, torn, empty = (run.file(name) for name in ("page.md", "numbers.csv", "torn.png", "empty.csv"))
    page.write_text(PROSE)
    rows = [f"<u>{{i}}</u>,{{i}},{{i / 7}},{{i}}" for i in range(600)]
    numbers.write_text("\\n".join(["name,count,share,run", *rows]))
    torn.write_bytes(b"not an image")
    empty.write_bytes(b"")
    for number in range(30):
        image(run.file(f"all/f_{{number:02}}.png"), 20, (0, number, 0))
    run.file("all/readme.txt").write_text("no image")
    run.file("linked.png").symlink_to("/etc/passwd")
    course = image(run.file("figures/course.png"), 800, (0, 0, 9))
    folder = run.file("all/readme.txt").parent
    return Summed(page=page, numbers=numbers, course=course, torn=torn, empty=empty, folder=qd.Folder(folder))


@study.task
def later(summary: qd.Done[object, Summed], rate: float = 0.1) -> Fitted:
    """Never works."""
    raise ValueError("no")


study.section("Results", summary, "page", "numbers", text="What <i>came</i> out.")
study.section("Pictures", fit, "picture")
study.section("More", fit, "vector", "notes", "binary")
study.section("More", summary, "torn", "empty", "folder")
study.section("Not yet", later, "picture")
'''.replace("qd.Annotated", "Annotated").replace(
    "import quadrat as qd\nfrom PIL", "from typing import Annotated\n\nimport quadrat as qd\nfrom PIL"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Thirty runs with images, a summary of them, and a task that fails."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "told.py").write_text(STUDY, encoding="utf-8")

    def opened() -> Any:
        return qd.open(str(folder / "told.py"), store=folder / "runs", **{"fit.rate": [0.1, 0.2, 0.3]}, seed=range(10))

    first = opened()
    run_plan(first.session, first.plan(), How(executor="inline"))
    return gather(opened().session)


@pytest.fixture(scope="module")
def text(report: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    render(report, file)
    return file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def markdown(report: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The report as Markdown, and where it is."""
    file = tmp_path_factory.mktemp("page") / "report.md"
    render(report, file)
    return file, file.read_text(encoding="utf-8")


def test_sections_come_first_and_are_in_the_navigation(text: str) -> None:
    titles = re.findall(r'<h2 id="([^"]+)">([^<]+)', text)
    own = [("section-1", "Results"), ("section-2", "Pictures"), ("section-3", "More"), ("section-4", "Not yet")]
    assert titles[:5] == [*own, ("counts", "Counts and cost")]
    assert [link for link in Page(text).all("a", "href") if link.startswith("#section-")][:4] == [
        f"#{anchor}" for anchor, _ in own
    ]


def test_nothing_of_prose_is_markup_and_nothing_is_fetched(text: str) -> None:
    page = Page(text)
    assert text.count("<script>") == 3  # uPlot, charts, the page's own: each by its hash
    assert {values.get("type") for tag, values in page.tags if tag == "script"} == {None, "application/json"}
    assert not [tag for tag, _ in page.tags if tag in ("b", "i", "u")]
    assert not [values for _, values in page.tags if any(name.startswith("on") for name in values)]
    assert all(address.startswith("data:image/") for address in page.all("img", "src"))
    assert "<script>alert(1)</script>" in "".join(page.texts)
    links = page.all("a", "href")
    assert [link for link in links if not link.startswith("#")] == ["https://example.org/?a=1&b=2"]
    ids = {values["id"] for _, values in page.tags if "id" in values}
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    said = "".join(page.texts)
    assert "Again: [the course: figures/course.png]" in said  # an image is in the page once
    for words in ("[up: ../../../../outside.png]", "[web: https://example.org/x.png]", "[no: missing.png]", "[ln: "):
        assert words in said
    assert "[also: " in said


def test_prose_is_below_its_section_and_its_tables_can_be_sorted(text: str) -> None:
    part = sections(text)["Results"]
    assert part.count("Results") == 1  # its own title says the same
    assert re.findall(r"<h(\d)[^>]*>([^<]+)", part) == [("2", "Results"), ("3", "Links"), ("3", "Second")]
    assert "<strong>bold</strong>" in part
    table = part[part.index("<table") :].replace(">\n<", "><")
    assert table.startswith('<table data-sort="">')
    assert '<th class="n" scope="col"><button type="button">value</button></th>' in table
    assert "<td>a|b</td>" in table
    assert '<figure><img src="data:image/webp' in part


def test_tables_are_of_numbers_and_end(text: str) -> None:
    part = sections(text)["Results"]
    assert "The first 500 of 600 rows." in part
    sheet = part[part.rindex("<table") :]
    assert sheet.count("<tr>") == 501
    assert '<td>&lt;u&gt;1&lt;/u&gt;</td><td class="n">1</td><td class="n">0.14</td>' in sheet
    assert "numbers.csv</code>" in part


def test_figures_are_wide_and_say_what_they_are_of(text: str, report: Any) -> None:
    from PIL import Image

    part = sections(text)["Pictures"]
    assert "24 of 30 finished runs are shown, spread over all." in part
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", part)
    assert len(captions) == 24
    assert re.fullmatch(r"Where it &lt;b&gt;went&lt;/b&gt;\.: rate=0.1, seed=0 \(<a href=.*</a>\)", captions[0]), (
        captions[0]
    )
    address = report.sections[1].groups[0].entries[0].blocks[0].image.address
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert picture.size == (1600, 800)
    assert picture.convert("RGB").getpixel((5, 5)) == (25, 0, 0)


def test_what_cannot_be_shown_is_told(text: str) -> None:
    part = sections(text)["More"]
    assert part.count("data:image/svg+xml") == 24
    assert "binary is no image, no .csv and no .md" in part
    assert "notes is temporary, and gone" in part
    assert "torn: not shown" in part
    assert "empty: no table" in part
    assert "folder: the first 24 of 30 images" in part
    assert part.count("<figcaption>f ") == 24
    assert "Not finished yet: none of 1 run of later." in sections(text)["Not yet"]


def test_nothing_is_shown_twice(report: Any) -> None:
    shown = {part.task: {picture.artifact for picture in part.pictures} for part in report.parts}
    assert shown == {"fit": set(), "summary": set(), "later": set()}


def test_markdown_leads_to_the_files_of_runs(markdown: tuple[Path, str]) -> None:
    file, said = markdown
    assert re.findall(r"^## (.*)", said, re.MULTILINE)[:5] == [
        "Results", "Pictures", "More", "Not yet", "Counts and cost",
    ]  # fmt: skip
    assert "\n# " not in said.replace("\n# no heading", "")
    assert "### Links\n" in said
    assert "### Second\n" in said
    found = re.findall(r"!\[[^\]]*\]\(([^)]+\.(?:png|svg))\)", said.replace("# no heading ![](figures/course.png)", ""))
    local = [address for address in found if not address.startswith("https://")]
    assert len(local) == 2 + 24 + 24 + 24
    assert all((file.parent / address).is_file() for address in local)
    assert "# no heading ![](figures/course.png)\n" in said
    assert "up (../../../../outside.png)" in said
    assert "| <u>1</u> |" in re.sub(" +", " ", said)


def test_a_pdf_is_printed_by_chromium(report: Any, tmp_path: Path) -> None:
    try:
        printing.browser()
    except BadInput as error:
        pytest.skip(f"no Chromium on this machine: {error.message}")
    render(report, tmp_path / "r.pdf")
    content = (tmp_path / "r.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 3


def test_a_pdf_without_chromium_is_refused(report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRAT_CHROMIUM", str(tmp_path / "nothing"))
    with pytest.raises(BadInput, match="nothing' is no program"):
        render(report, tmp_path / "r.pdf")
    monkeypatch.delenv("QUADRAT_CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="printed by Chromium, and there is none") as refused:
        render(report, tmp_path / "r.pdf")
    assert "QUADRAT_CHROMIUM" in (refused.value.hint or "")
    monkeypatch.setenv("QUADRAT_CHROMIUM", shutil.which("false", path="/bin:/usr/bin") or "")
    with pytest.raises(BadInput, match="printed no PDF"):
        render(report, tmp_path / "r.pdf")
