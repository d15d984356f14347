"""The tags, attributes and texts of a page, for tests that look at reports."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any


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


def sections(text: str) -> dict[str, str]:
    """The markup of each section that a study puts into a report, by its title."""
    found = re.findall(r"<section>.*?</section>", text, re.DOTALL)
    return {part.partition("</h2>")[0].rpartition(">")[2]: part for part in found}
