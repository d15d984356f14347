"""Markdown that runs wrote, as a part of a report: nothing of it is markup of its own, and nothing is fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape

from quadrat.reporting.images import Embedded

_WEB = ("http://", "https://")
_DEEPEST = 6
LONG = 40
"""A table of more rows is in a box of its own that scrolls."""
_IMAGE_OR_LINK = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))|(?P<mark>!?)\[(?P<text>[^\]\[]*)\]\((?P<to>[^)\s]+)\)"
)
"""Images and links of one line; those in code are none."""
_CELLS = (("long", 50), ("some", 16))
"""Cells of more letters than these are given the width to be read."""


@dataclass(frozen=True)
class Prose:
    """A Markdown file of a run.

    Attributes:
        text: the Markdown.
        file: where it stands.
        root: the run's folder: of files, only those in it are shown.
        images: for each address of an image in it the image; None for what cannot be shown.
    """

    text: str
    file: Path
    root: Path
    images: Mapping[str, Embedded | None] = field(default_factory=dict)

    def local(self, address: str) -> Path | None:
        """The file of the run that an address in the text means; None for whatever is not in the run's folder."""
        plain = unquote(address).partition("#")[0]
        if not plain or "\0" in plain or re.match(r"[A-Za-z][\w+.-]*:|[/\\]", plain):
            return None
        return inside(self.root, self.file.parent / plain)


def inside(root: Path, path: Path) -> Path | None:
    """A file or folder that there is, where it truly lies in `root` (links followed); else None."""
    try:
        found = path.resolve(strict=True)
        return found if found.is_relative_to(root.resolve()) else None
    except (OSError, ValueError, RuntimeError):
        return None


def image_addresses(text: str) -> list[str]:
    """The addresses of all images in a text, each once."""
    every = (child for token in _parser().parse(text) for child in token.children or ())
    return list(dict.fromkeys(str(child.attrs.get("src", "")) for child in every if child.type == "image"))


def html(prose: Prose, *, level: int, prefix: str, title: str = "") -> str:
    """A text as HTML.

    Args:
        prose: the text.
        level: of its highest headings.
        prefix: what the ids of its headings begin with.
        title: a first heading that says the same is left out.
    """
    parser = _parser()
    tokens = _without_title(parser.parse(prose.text), title)
    shift = _shift(tokens, level)
    slugs = _number_headings(tokens, shift, prefix)
    rest = dict(prose.images)
    for token in tokens:
        if token.children:
            _settle_links(token.children, prose, slugs)
            token.children = [_image(child, rest) for child in token.children]
    return str(parser.renderer.render(list(_dressed(tokens, title)), parser.options, {}))


def moved(prose: Prose, *, level: int, start: Path, title: str = "") -> str:
    """A text as Markdown for another place.

    Args:
        prose: the text.
        level: of its highest headings.
        start: the folder from which paths to the run's files are told.
        title: a first heading that says the same is left out.
    """
    every = _parser().parse(prose.text)
    tokens = _without_title(every, title)
    lines = prose.text.splitlines()
    if len(tokens) < len(every) and (title_lines := every[0].map):
        lines[slice(*title_lines)] = [""] * (title_lines[1] - title_lines[0])
    shift = _shift(tokens, level)
    kept = {
        line for token in tokens if token.type in ("fence", "code_block") and token.map for line in range(*token.map)
    }
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            first, last = token.map
            deep = min(_DEEPEST, int(token.tag[1:]) + shift)
            lines[first:last] = ["#" * deep + " " + tokens[at + 1].content.replace("\n", " ")] + [""] * (
                last - first - 1
            )
    change = _mover(prose, start)
    return "\n".join(line if at in kept else _IMAGE_OR_LINK.sub(change, line) for at, line in enumerate(lines)).strip()


def path_from(start: Path, file: Path) -> str:
    """A path as an address in Markdown."""
    path = os.path.relpath(file, start)
    return f"<{path}>" if re.search(r"[\s()]", path) else path


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _mover(prose: Prose, start: Path) -> Callable[[re.Match[str]], str]:
    def change(found: re.Match[str]) -> str:
        mark, text, to = found["mark"], found["text"], found["to"]
        if found["code"] or to is None or to.startswith((*_WEB, "#")):
            return found[0]
        file = prose.local(to)
        if file is None:
            return f"{text} ({to})" if text else to
        return f"{mark}[{text}]({path_from(start, file)})"

    return change


def _without_title(tokens: list[Token], title: str) -> list[Token]:
    first = tokens[0].type == "heading_open" if tokens else False
    return tokens[3:] if first and title and tokens[1].content.strip().lower() == title.lower() else tokens


def _shift(tokens: Sequence[Token], level: int) -> int:
    levels = [int(token.tag[1:]) for token in tokens if token.type == "heading_open"]
    return level - min(levels, default=level)


def _number_headings(tokens: Sequence[Token], shift: int, prefix: str) -> dict[str, str]:
    """Move headings down and give them ids; returns the id for each slug, as GitHub makes slugs."""
    slugs: dict[str, str] = {}
    for at, token in enumerate(tokens):
        if token.type not in ("heading_open", "heading_close"):
            continue
        token.tag = f"h{min(_DEEPEST, int(token.tag[1:]) + shift)}"
        if token.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", tokens[at + 1].content.lower()).replace(" ", "-")
            slug = next(one for one in (words, *(f"{words}-{n}" for n in range(1, len(tokens)))) if one not in slugs)
            slugs[slug] = f"{prefix}-{slug}"
            token.attrs["id"] = slugs[slug]
    return slugs


def _settle_links(children: Sequence[Token], prose: Prose, slugs: Mapping[str, str]) -> None:
    """Links lead to the web or to headings of the text; others are texts, which tell the path of a file of the run."""
    open_tags: list[str] = []
    for child in children:
        if child.type == "link_close":
            child.tag = open_tags.pop()
        if child.type != "link_open":
            continue
        address = str(child.attrs.get("href", ""))
        slug = unquote(address.removeprefix("#"))
        if address.lower().startswith(_WEB):
            child.attrs = {"href": address, "rel": "noreferrer noopener"}
        elif address.startswith("#") and slug in slugs:
            child.attrs = {"href": f"#{slugs[slug]}"}
        else:
            child.tag = "span"
            file = prose.local(address)
            child.attrs = {"title": str(file or address)}
        open_tags.append(child.tag)


def _image(child: Token, rest: dict[str, Embedded | None]) -> Token:
    """An image with its data in it, once; or its words."""
    if child.type != "image":
        return child
    source = str(child.attrs.get("src", ""))
    found = rest.pop(source, None)
    if found is None:
        return Token("text", "", 0, content=f"[{child.content}: {source}]" if child.content else f"[{source}]")
    child.attrs["src"] = found.address
    child.attrs |= {"width": found.width} if found.width else {}
    child.attrs |= {"class": "broad"} if found.broad else {}
    return child


def _dressed(tokens: Sequence[Token], title: str) -> Iterator[Token]:
    """The tokens with what the report adds: sortable tables in boxes that scroll, images alone as figures."""
    tables = 0
    for at, token in enumerate(tokens):
        if token.type == "paragraph_open" and _is_figure(tokens[at + 1]):
            token.tag = tokens[at + 2].tag = "figure"
            if any(child.attrs.get("class") == "broad" for child in tokens[at + 1].children or ()):
                token.attrs["tabindex"] = "0"  # on narrow screens it scrolls
        if token.type == "heading_open":
            title = tokens[at + 1].content
        if token.type == "table_open":
            token.attrs["data-sort"] = ""
            box = "tall" if _rows(tokens[at:]) > LONG else "wide"
            tables += 1
            yield _raw(f'<div class="{box}" tabindex="0" role="region" aria-label="{escape(title)}: table {tables}">')
        if token.type in ("th_open", "td_open"):
            right = str(token.attrs.pop("style", "")).endswith("right")
            letters = len(tokens[at + 1].content)
            kind = "n" if right else next((name for name, least in _CELLS if letters > least), "")
            token.attrs |= {"class": kind} if kind else {}
        button = token.type in ("th_open", "th_close") and _is_plain(tokens[at + (1 if token.nesting > 0 else -1)])
        if token.type == "th_open":
            token.attrs["scope"] = "col"
        if button and token.type == "th_close":
            yield _raw("</button>")
        yield token
        if button and token.type == "th_open":
            yield _raw('<button type="button">')
        if token.type == "table_close":
            yield _raw("</div>\n")


def _rows(tokens: Sequence[Token]) -> int:
    """How many rows the table has that the tokens begin with."""
    types = [token.type for token in tokens]
    return types[: types.index("table_close")].count("tr_open")


def _is_figure(inline: Token) -> bool:
    return [child.type for child in inline.children or ()] == ["image"]


def _is_plain(inline: Token) -> bool:
    return not any(child.type == "link_open" for child in inline.children or ())


def _raw(text: str) -> Token:
    """Markup of the report's own."""
    return Token("html_block", "", 0, content=text)
