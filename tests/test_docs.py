"""Every example of README.md and docs/**/*.md is run, in the order of its page, in one empty folder for each page.

- ```` ```python ```` runs; the blocks of a page share their names.
- ```` ```python file=study.py ```` is written to that file instead, for the commands below it.
- ```` ```console ```` runs its `$` lines in one bash (`> ` continues a line); a command that fails, fails the test.
  `exit=2` says that the last command must end so; `check` compares the printed lines with what is shown, in order,
  where `…` or `...` stands for anything.
- `no-test` leaves a block out; the HTML comment right above it says why: `<!-- no-test: needs a cluster -->`.
"""

from __future__ import annotations

import linecache
import os
import re
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if page.exists()]
FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>python|console|yaml)(?P<tags>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
REASON = re.compile(r"<!--\s*no-test:\s*\S[^>]*-->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced example: its language, its tags, its text, and the line of the page where the text starts."""

    language: str
    tags: dict[str, str]
    body: str
    line: int
    reason: bool

    @property
    def skipped(self) -> bool:
        """Whether it must not be run."""
        return "no-test" in self.tags


def blocks(text: str) -> list[Block]:
    """The examples of a page, in order."""
    found = []
    for match in FENCE.finditer(text):
        tags = {tag.partition("=")[0]: tag.partition("=")[2] for tag in match["tags"].split()}
        before = text[: match.start()]
        line = before.count("\n") + 2
        found.append(Block(match["language"], tags, match["body"], line, bool(REASON.search(before))))
    return found


def commands(body: str) -> list[str]:
    """What follows the `$` prompts, continuation lines joined to theirs."""
    found: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> ") and found:
            found[-1] += "\n" + line[2:]
    return found


def shown(body: str) -> list[re.Pattern[str]]:
    """The lines that a console block shows as output, as patterns that any run of blanks matches."""
    patterns = []
    for line in body.splitlines():
        if line.strip() and not line.startswith(("$ ", "> ")):
            words = [".*".join(re.escape(part) for part in re.split(r"…|\.\.\.", word)) for word in line.split()]
            patterns.append(re.compile(r"\s+".join(words)))
    return patterns


def run_python(block: Block, page: Path, module: types.ModuleType) -> None:
    """Run a block with the page's own line numbers, so that a traceback points into the page."""
    name = f"<{page.name}>"
    text = page.read_text(encoding="utf-8")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    source = "\n" * (block.line - 1) + block.body
    exec(compile(source, name, "exec"), module.__dict__)


def run_console(block: Block, page: Path, folder: Path) -> None:
    """Run the `$` lines in one bash."""
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
    script = "\n".join(["set -euo pipefail", *commands(block.body)])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    where = f"{page.relative_to(ROOT)}:{block.line}\n{block.body}"
    if done.returncode != int(block.tags.get("exit", 0)):
        pytest.fail(f"{where}\nended with {done.returncode}:\n{done.stdout}", pytrace=False)
    if "check" in block.tags:
        position = 0
        for pattern in shown(block.body):
            hit = pattern.search(done.stdout, position)
            if hit is None:
                pytest.fail(f"{where}\nprints no line like {pattern.pattern!r}:\n{done.stdout}", pytrace=False)
            position = hit.end()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(
    page: Path, in_tmp: Path, data_root: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if data_root is not None:
        monkeypatch.setenv("QUADRAT_DATA", str(data_root))
    # Console and Python alike find the `quadrat` of this interpreter, as in an environment that is activated.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.skipped:
            continue
        if block.language == "console":
            run_console(block, page, in_tmp)
        elif "file" in block.tags:
            target = in_tmp / block.tags["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.body, encoding="utf-8")
        else:
            run_python(block, page, module)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_example_left_out_says_why(page: Path) -> None:
    silent = [block.line for block in blocks(page.read_text(encoding="utf-8")) if block.skipped and not block.reason]
    assert silent == [], "put <!-- no-test: the reason --> right above the block"


def test_an_example_is_read_as_its_tags_say() -> None:
    page = "text\n<!-- no-test: takes an hour -->\n```console no-test\n$ make all\n```\n"
    page += "```python file=a.py\nx = 1\n```\n"
    page += "```console check exit=2\n$ quadrat run \\\n>   nothing\nunknown … nothing\n```\n"
    left_out, file, console = blocks(page)
    assert left_out.skipped
    assert left_out.reason
    assert (file.tags, file.body, file.line) == ({"file": "a.py"}, "x = 1\n", 7)
    assert commands(console.body) == ["quadrat run \\\n  nothing"]
    assert console.tags["exit"] == "2"
    assert [bool(pattern.search("unknown  study  nothing")) for pattern in shown(console.body)] == [True]


def test_docs_build(tmp_path: Path) -> None:
    """`make docs` builds without a warning (a dead reference is one)."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(tmp_path / "site")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").exists()
