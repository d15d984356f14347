"""The sections that a study declares for its report: figures, tables and prose that its runs wrote."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson

from quadrat.core import study as declared
from quadrat.core.task import Task
from quadrat.plan.plan import Plan, TaskPlan
from quadrat.querying import table
from quadrat.reporting import images
from quadrat.reporting.gallery import told
from quadrat.reporting.markdown import Prose, image_addresses, inside
from quadrat.results.human import Shown, shown
from quadrat.results.table import RUN
from quadrat.session import Session

MOST_RUNS = 24
"""So many runs of a task are in a section."""
MOST_ROWS = 500
"""So many rows of a table."""
_MOST_CELLS = 20_000
_MOST_IMAGES = 24
"""So many images of a folder."""
_LONGEST = 500_000
"""Bytes of Markdown."""


@dataclass(frozen=True)
class Figure:
    """An image: what it shows (nothing where the title says it), the file, and the image."""

    kind: ClassVar = "figure"
    caption: str
    path: Path
    image: images.Embedded


@dataclass(frozen=True)
class Sheet:
    """A table: what it is, the file, its rows, and how many rows there are in the file."""

    kind: ClassVar = "sheet"
    caption: str
    path: Path
    shown: Shown
    rows: int


@dataclass(frozen=True)
class Text:
    """Prose."""

    kind: ClassVar = "prose"
    prose: Prose


@dataclass(frozen=True)
class Note:
    """Why something is not shown."""

    kind: ClassVar = "note"
    text: str
    path: Path


Block = Figure | Sheet | Text | Note


@dataclass(frozen=True)
class Entry:
    """What one run gives to a section: its id, what sets it apart from the others, and what it shows."""

    run: str
    told: str
    blocks: list[Block]

    @property
    def stretches(self) -> list[list[Block]]:
        """The blocks, with figures that follow each other together: they stand side by side where there is room."""
        return [list(those) for _, those in itertools.groupby(self.blocks, key=lambda one: one.kind)]


@dataclass
class Group:
    """What one task gives to a section.

    Attributes:
        task: its name.
        text: what the study says of it.
        notes: what a reader has to know.
        entries: the runs.
    """

    task: str
    text: str
    notes: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def side_by_side(self) -> bool:
        """Whether each run is one figure, so that the figures can stand beside each other."""
        return len(self.entries) > 1 and all([one.kind for one in entry.blocks] == ["figure"] for entry in self.entries)


@dataclass(frozen=True)
class Section:
    """A section: the id of its heading, its title, and what tasks give to it."""

    anchor: str
    title: str
    groups: list[Group]


@dataclass
class Sections:
    """The sections of a report, and by task the artifacts that are in them."""

    sections: list[Section] = field(default_factory=list)
    artifacts: dict[str, set[str]] = field(default_factory=dict)


def sections(session: Session, plan: Plan) -> Sections:
    """Gather the sections that a study declares; those of one title are one, those of tasks not asked for are none."""
    found = Sections()
    by_title: dict[str, Section] = {}
    room = images.Room()
    for one in session.study.sections:
        tasks = plan.tasks.get(one.task)
        if tasks is None or not tasks.active:
            continue
        if one.title not in by_title:
            by_title[one.title] = Section(f"section-{len(by_title) + 1}", one.title, [])
        reading = _Reading(
            session, plan, session.study.tasks[one.task], room, found.artifacts.setdefault(one.task, set())
        )
        by_title[one.title].groups.append(reading.group(one, tasks))
    found.sections += by_title.values()
    return found


@dataclass
class _Reading:
    """Reads the artifacts of a task's runs."""

    session: Session
    plan: Plan
    task: Task
    room: images.Room
    used: set[str]

    def group(self, one: declared.Section, runs: TaskPlan) -> Group:
        """What a task gives to a section."""
        group = Group(one.task, one.text)
        rows = runs.found[runs.found >= 0].tolist()
        asked = len(runs.found)
        if not rows:
            group.notes.append(f"Not finished yet: none of {_runs(asked)} of {one.task}.")
            return group
        if len(rows) < asked:
            group.notes.append(f"{len(rows):,} of {_runs(asked)} of {one.task} are finished.")
        many = min(len(rows), MOST_RUNS)
        chosen = [rows[place * len(rows) // many] for place in range(many)]
        if len(chosen) < len(rows):
            group.notes.append(f"{len(chosen)} of {len(rows):,} finished runs are shown, spread over all.")
        self.used.update(one.artifacts)
        apart = told(table(self.session, one.task, plan=self.plan))
        for row in chosen:
            raw = orjson.loads(self.session.store.index.raw(row))
            blocks = [block for name in one.artifacts for block in self._blocks(one, name, raw)]
            group.entries.append(Entry(raw["id"], apart.get(raw["id"], ""), blocks))
        return group

    def _blocks(self, one: declared.Section, name: str, raw: Mapping[str, Any]) -> Iterator[Block]:
        """What an artifact of a run becomes."""
        root = self.session.store.layout.run(raw["id"], raw["attempt"])
        artifact = raw.get("artifacts", {}).get(name)
        if artifact is None:
            yield Note(f"this run has no '{name}'", root)
            return
        path = root / artifact["path"]
        caption = self._caption(name)
        file = inside(root, path)
        if file is None:
            gone = "temporary, and gone" if name in self.task.temps else "not there any more"
            yield Note(f"{name} is {gone}", path)
        elif file.is_dir():
            yield from self._folder(caption, root, path)
        elif images.is_image(file):
            alone = len(one.artifacts) == 1 and caption == name
            yield self._figure("" if alone else caption, path)
        elif file.suffix.lower() == ".csv":
            yield _sheet(caption, path)
        elif file.suffix.lower() == ".md":
            yield self._prose(root, path, raw)
        else:
            yield Note(f"{name} is no image, no .csv and no .md", path)

    def _caption(self, name: str) -> str:
        """The docstring of a field of the result, or its name."""
        model = self.task.signature.result
        text = model.model_fields[name].description if model and name in model.model_fields else None
        return (text or name).strip()

    def _figure(self, caption: str, path: Path) -> Block:
        image = self.room.take(path)
        if image is None:
            said = f"{caption}: not shown" if caption else "not shown"
            return Note(f"{said}, since it cannot be opened or the report would be too large", path)
        return Figure(caption, path, image)

    def _folder(self, caption: str, root: Path, folder: Path) -> Iterator[Block]:
        every = sorted(path for path in folder.iterdir() if images.is_image(path) and inside(root, path))
        if not every:
            yield Note(f"{caption}: no images in this folder", folder)
        if len(every) > _MOST_IMAGES:
            yield Note(f"{caption}: the first {_MOST_IMAGES} of {len(every):,} images", folder)
        for path in every[:_MOST_IMAGES]:
            yield self._figure(path.stem.replace("_", " "), path)

    def _prose(self, root: Path, path: Path, raw: Mapping[str, Any]) -> Block:
        try:
            content = path.read_bytes()
        except OSError as error:
            return Note(f"cannot be read: {error.strerror}", path)
        if len(content) > _LONGEST:
            return Note(f"{len(content):,} bytes of Markdown are too many for a report", path)
        text = content.decode("utf-8-sig", errors="replace")
        prose = Prose(text, path, root)
        found: dict[str, images.Embedded | None] = {}
        owners = {(root / each["path"]).resolve(): name for name, each in raw.get("artifacts", {}).items()}
        for address in image_addresses(text):
            file = prose.local(address)
            if file is not None and file.is_file() and images.is_image(file):
                found[address] = self.room.take(file)
                self.used.update({owners[file]} if file in owners else ())
        return Text(Prose(text, path, root, found))


def _sheet(caption: str, path: Path) -> Block:
    """A table of a CSV file: its first rows, as many as can be read."""
    import polars as pl

    try:
        rows = int(pl.scan_csv(path, infer_schema=False, truncate_ragged_lines=True).select(pl.len()).collect().item())
        frame = pl.read_csv(
            path, n_rows=MOST_ROWS, infer_schema_length=MOST_ROWS, truncate_ragged_lines=True, encoding="utf8-lossy"
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        return Note(f"{caption}: no table: {str(error).partition(chr(10))[0]}", path)
    frame = frame.head(max(1, _MOST_CELLS // max(1, frame.width)))
    if RUN in frame.columns:  # ids of runs are shown by their first digits
        frame = frame.with_columns(pl.col(RUN).cast(pl.String).fill_null(""))
    return Sheet(caption, path, shown(frame, []), rows)


def _runs(count: int) -> str:
    return f"{count:,} {'run' if count == 1 else 'runs'}"
