"""A report as one HTML file that needs no network, as PDF, or as Markdown."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from quadrat.core.errors import BadInput, unknown
from quadrat.reporting import markdown, printing
from quadrat.reporting.gathering import Report
from quadrat.results import human
from quadrat.web import asset

HERE = Path(__file__).parent
FORMATS = ("html", "pdf", "md")
_SHEETS = ("report.css", "sections.css", "print.css")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def render(report: Report, output: Path, kind: str | None = None) -> None:
    """Write a report.

    Args:
        report: what it says.
        output: a file.
        kind: "html", "pdf" (printed by Chromium) or "md"; what the file's suffix says where it is not said.

    Raises:
        BadInput: for another format, a file that cannot be written, or a PDF without a Chromium.
    """
    form = format_of(output, kind)
    text = _markdown(report, output.resolve().parent) if form == "md" else _html(report, printed=form == "pdf")
    content = printing.pdf(text) if form == "pdf" else text.encode()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)
    except OSError as error:
        raise BadInput(f"'{output}' cannot be written: {error.strerror}") from None


def format_of(output: Path, kind: str | None = None) -> str:
    """The format that a file will have.

    Raises:
        BadInput: for one that there is not, or that cannot be made on this machine.
    """
    found = kind or output.suffix.lower().removeprefix(".") or "html"
    if found not in FORMATS:
        raise unknown("format of a report", found, FORMATS, where="--format" if kind else str(output))
    if found == "pdf":
        printing.browser()
    return found


def _html(report: Report, *, printed: bool = False) -> str:
    scripts = [(HERE / "report.js").read_text(encoding="utf-8")]
    sheet = "".join((HERE / name).read_text(encoding="utf-8") for name in _SHEETS)
    if any(graph.chart for part in report.parts for graph in part.graphs):
        scripts = [asset("vendor/uPlot.iife.min.js"), asset("charts.js"), *scripts]
        sheet += asset("vendor/uPlot.min.css")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    made = _environment(autoescape=True)
    made.filters |= {"prose": _prose, "cuts": printing.cuts}
    linked = {id for part in report.parts for id in part.ids}
    return made.get_template("report.html.j2").render(
        report=report, scripts=list(map(Markup, scripts)), digests=digests, sheet=Markup(sheet), linked=linked,
        printed=printed, most=printing.ROWS,
    )  # fmt: skip


def _prose(prose: markdown.Prose, level: int, prefix: str, title: str) -> Markup:
    return Markup(markdown.html(prose, level=level, prefix=prefix, title=title))


def _markdown(report: Report, folder: Path) -> str:
    """The report as Markdown that lies in a folder."""

    def place(path: Path) -> str:
        return markdown.path_from(folder, path)

    def prose(text: markdown.Prose, level: int, title: str) -> str:
        return markdown.moved(text, level=level, start=folder, title=title)

    made = _environment(autoescape=False)
    made.filters |= {"place": place, "prose": prose}
    return made.get_template("report.md.j2").render(report=report)


def _environment(*, autoescape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"duration": duration, "amount": amount, "moment": moment, "count": "{:,}".format}
    made.filters |= {"markdown": human.markdown, "plain": human.plain}
    return made


def duration(seconds: float) -> str:
    """Seconds as people say them: 12 s, 3.5 min, 2.1 h, 4.0 d."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def amount(size: float) -> str:
    """Bytes as people say them, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def moment(seconds: float) -> str:
    """A time as a local date, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
