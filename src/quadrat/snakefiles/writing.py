"""Write a Snakefile for a study, the profiles beside it, and `cluster/snakecharm.sh`."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.core.resources import Resources
from quadrat.execution.templates import templates
from quadrat.session import Session
from quadrat.snakefiles.naming import TAKEN, Rule, RuleSet
from quadrat.snakefiles.needs import resources

TEMPLATES = Path(__file__).parent / "templates"
PROFILES = ("default", "slurm")
SHORT = "slurm"
"""Where Snakemake looks for `--profile slurm`, as it is typed: a link to the profile."""
MARK = "written by `quadrat snakefile`"


@dataclass(frozen=True)
class Place:
    """Where a Snakefile is written, and what it drives.

    Attributes:
        folder: the Snakefile's.
        study: as the Snakefile names it.
        store: as the names of its outputs begin; "." where the store is the folder itself.
        overrides, config_files: what is always in the sweep.
        chunk: how many runs one job makes, or None.
        apart: see `RuleSet`.
    """

    folder: Path
    study: str
    store: str = "runs"
    overrides: tuple[str, ...] = ()
    config_files: tuple[str, ...] = ()
    chunk: int | None = None
    apart: str = ""


def place_of(session: Session, folder: Path, store: Path | None, chunk: int | None = None) -> Place:
    """Where the Snakefile of a session goes: paths in the folder are written as from there.

    Raises:
        BadInput: for a store that no Snakefile can name.
    """
    ref = session.loaded.ref
    study = session.study.name if ref.kind == "entry" else _from(folder, Path(ref.target))
    root = "runs" if store is None else _from(folder, store.absolute())
    if re.search(r"[{}]", root):
        raise BadInput(f"the store '{root}' has braces in its name", hint="Snakemake takes them for wildcards")
    config = list(session.request.config_files)
    if folder.resolve() != Path.cwd():
        config[:0] = session.project_files  # Snakemake will not find them from that folder
    files = tuple(_from(folder, path.absolute()) for path in config)
    return Place(folder, study, root, session.request.overrides, files, chunk)


def _from(folder: Path, path: Path) -> str:
    """A path from a folder; an absolute one where it lies elsewhere."""
    inside = path.is_relative_to(folder.absolute())
    return os.path.relpath(path, folder.absolute()) if inside else str(path)


def render(session: Session, place: Place) -> str:
    """The text of a Snakefile."""
    environment = templates([TEMPLATES], literal=literal, docstring=docstring)
    return environment.get_template("Snakefile.j2").render(told(session, place))


def told(session: Session, place: Place) -> dict[str, Any]:
    """What the template of a Snakefile asks for."""
    rules = RuleSet(session.study, place.apart)
    prefix = "" if place.store == "." else f"{place.store}/"
    settings: dict[str, Any] = {"study": place.study, "store": place.store}
    for name in ("overrides", "config_files"):
        if getattr(place, name):
            settings[name] = list(getattr(place, name))
    if place.chunk:
        settings["chunk"] = place.chunk
    targets = []
    for name, those in rules.targets.items():
        names = [rule.name for rule in those]
        doc = f"Every run of {_listed(names)}." if names else "A part that has no runs of its own."
        targets.append({"name": name, "doc": doc, "call": _call(name, names, place)})
    wildcards = {name: None for rule in rules.rules for output in rule.outputs for name in output.wildcards}
    made = [_rule(rule, session.equipped.tasks[rule.task.name].resources, prefix) for rule in rules.rules]
    chunk = {
        "done": f"{prefix}.quadrat/plans/{{plan}}/{{chunk}}.done",
        "tried": f"{prefix}.quadrat/plans/{{plan}}/{{target}}.tried",
        "resources": list({name: None for one in made for name in one["resources"]}),
    }
    return {
        "title": f"The sweep of the study `{session.study.name}`, {MARK}.",
        "store": place.store,
        "settings": settings,
        "wildcards": list(wildcards),
        "rules": made,
        "targets": targets,
        "example": _example(session, rules),
        "chunk": chunk if place.chunk else None,
    }


def _example(session: Session, rules: RuleSet) -> dict[str, str]:
    """A command that fits the study."""
    last = rules.rules[-1].name if rules.rules else "all"
    names = [param.field for param in session.names if len(param.field) > 1]
    name = next((name for name in ("seed", *names) if name in names), "name")
    return {
        "target": next((name for name in rules.targets if name == f"all_{last}"), "all"),
        "config": f'{name}="[1,2]"',
    }


def _call(target: str, rules: list[str], place: Place) -> str:
    """What a target reads, as its rule says it."""
    if not rules:
        return "[]"
    if place.chunk:
        return f'sweep.chunked("{target}")'
    return f"sweep.names({', '.join(map(literal, rules))})"


def _rule(rule: Rule, needs: Resources, prefix: str) -> dict[str, Any]:
    inputs = []
    for link in rule.task.inputs:
        word = f"{link.name}_" if link.name in TAKEN else link.name
        inputs.append(f'{word}=sweep.reads("{rule.name}", "{link.name}")')
    if rule.task.extends:
        inputs.append(f'shorter=sweep.shorter("{rule.name}")')
    if not inputs:
        inputs.append(f'sweep.reads("{rule.name}")')
    stem = re.sub(r"\.\w+$", "", rule.outputs[0].pattern).removeprefix(f"{rule.name}/")
    return {
        "name": rule.name,
        "doc": inspect.getdoc(rule.task.function) or f"The task `{rule.task.name}`.",
        "inputs": inputs,
        "outputs": [prefix + output.pattern for output in rule.outputs],
        "log": f"logs/{rule.name}/{stem}.log",
        "benchmark": f"benchmarks/{rule.name}/{stem}.tsv",
        "threads": needs.cpus,
        "resources": resources(needs),
    }


def literal(value: Any) -> str:
    """A value as Python writes it, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | list) else repr(value)


def docstring(text: str) -> str:
    """A text as the docstring of a rule."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = [line.rstrip() for line in text.splitlines()]
    if len(lines) == 1:
        text = lines[0] + (" " if lines[0].endswith('"') else "")
        return f'    """{text}"""'
    return "\n".join(f"    {line}".rstrip() for line in (f'"""{lines[0]}', *lines[1:], '"""'))


def _listed(names: list[str]) -> str:
    words = [f"`{name}`" for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"


def write(session: Session, place: Place, *, force: bool = False) -> Mapping[Path, bool]:
    """Write the Snakefile and what goes with it.

    Returns:
        The files, each with whether it was written; profiles that are there already, and a folder in the place of the
        link to the one for SLURM, are left as they are.

    Raises:
        BadInput: for a Snakefile that is there, says something else, and is not to be replaced.
    """
    files = {
        place.folder / "Snakefile": render(session, place),
        place.folder / "cluster" / "snakecharm.sh": (TEMPLATES / "snakecharm.sh").read_text(encoding="utf-8"),
    }
    for path, text in files.items():
        if path.is_file() and path.read_text(encoding="utf-8") != text and not force:
            raise BadInput(f"'{path}' is there already and says something else", hint="--force writes it anew")
    for profile in PROFILES:
        path = place.folder / "profiles" / profile / "config.yaml"
        if force or not path.exists():
            files[path] = (TEMPLATES / profile / "config.yaml").read_text(encoding="utf-8")
    written = {}
    for path, text in files.items():
        written[path] = not path.is_file() or path.read_text(encoding="utf-8") != text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (place.folder / "cluster" / "snakecharm.sh").chmod(0o755)
    written[place.folder / SHORT] = _link(place.folder / SHORT, f"profiles/{SHORT}", force=force)
    return written


def _link(link: Path, target: str, *, force: bool) -> bool:
    """Make a link where nothing is, or (by force) in place of a file or another link; whether it was made."""
    if link.is_symlink() and str(link.readlink()) == target:
        return False
    if link.is_symlink() or link.exists():
        if not force or (link.is_dir() and not link.is_symlink()):
            return False
        link.unlink()
    link.symlink_to(target)
    return True
