"""What code a task is: the syntax tree of its function and of all that it reaches inside the study's own files.

Comments, docstrings and layout do not count. A changed fingerprint marks runs as outdated; it never changes an id.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from quadrat.core.identity import digest
from quadrat.core.study import Study
from quadrat.core.task import Task


def fingerprints(study: Study) -> dict[str, str]:
    """For each task the fingerprint of its code, 16 hexadecimal digits; empty for code without a file."""
    return {task.name: fingerprint(task) for task in study.tasks.values()}


def fingerprint(task: Task) -> str:
    """The fingerprint of one task's code, its batched form included."""
    parts: list[bytes] = []
    for found in _reached(task):
        if not found:
            return ""
        # Where a definition lies may change (a file moved, a folder renamed) without changing what it does.
        parts.append(digest(b"".join(sorted(found.values()))))
    return digest(b"".join(parts)).hex()[:16]


def own_modules(study: Study, tasks: Iterable[Task]) -> list[str]:
    """The study's own modules that some tasks reach, by the names under which these tasks import them."""
    if study.file is None:
        return []
    folder, package = study.file.parent, study.module.rpartition(".")[0]
    files = {Path(file) for task in tasks for found in _reached(task) for file, _ in found}
    names = []
    for file in sorted(files - {study.file}):
        if file.is_relative_to(folder) and file.name != "__init__.py":
            inner = ".".join(file.relative_to(folder).with_suffix("").parts)
            names.append(f"{package}.{inner}" if package else inner)
    return names


def own_files(study: Study) -> list[Path]:
    """The study's file, and every file of its own that it imports, at its top or inside functions, directly or not."""
    if study.file is None:
        return []
    found: set[Path] = set()
    rest = [study.file]
    while rest:
        path = rest.pop()
        if path in found:
            continue
        found.add(path)
        rest += [target for target, _ in _source(path).imports.values()]
        rest += [init for init in (path.parent / "__init__.py",) if init.is_file()]
    return sorted(found)


Reached = dict[tuple[str, str], bytes]
"""What some code reaches: the code of each (file, name)."""


def _reached(task: Task) -> Iterator[Reached]:
    """What a task's function reaches, and then its batched form; nothing for code without a file."""
    for function in [task.function, *([task.batched.function] if task.batched else [])]:
        code = getattr(function, "__code__", None)
        file = Path(code.co_filename) if code else None
        if code is None or file is None or not file.is_file():
            yield {}
            continue
        done: Reached = {}
        rest = [(file.resolve(), function.__qualname__)]
        while rest:
            path, wanted = rest.pop()
            if (str(path), wanted) not in done:
                nodes, links = _source(path).definition(wanted)
                done[str(path), wanted] = b"".join(nodes)
                rest.extend(links)
        yield done


class _Source:
    """One file, cut into its top-level definitions and imports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = list(ast.walk(self.tree))
        for part in parts:
            _drop_texts(part)
        self.nodes: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, tuple[Path, str | None]] = {}
        self._definitions: dict[str, tuple[list[bytes], list[tuple[Path, str]]]] = {}
        for node in self.tree.body:
            for name in _defined(node):
                self.nodes.setdefault(name, []).append(node)
        for part in parts:
            if isinstance(part, ast.Import | ast.ImportFrom):
                self._link(part)

    def _link(self, node: ast.Import | ast.ImportFrom) -> None:
        """Remember the imports that lead to files of the study itself."""
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if isinstance(node, ast.Import):
                target = self._module(alias.name.split("."), 0)
                if target:
                    self.imports[name] = (target, None)
                continue
            parts = (node.module or "").split(".") if node.module else []
            submodule = self._module([*parts, alias.name], node.level)
            target = self._module(parts, node.level) if parts else None
            if submodule:
                self.imports[name] = (submodule, None)
            elif target:
                self.imports[name] = (target, alias.name)

    def _module(self, parts: list[str], level: int) -> Path | None:
        """The file of a module that lies in the folder of this file (or below it), or None."""
        if not parts:
            return None
        folder = self.path.parent
        for _ in range(max(level - 1, 0)):
            folder = folder.parent
        if not level and (root := _package_root(self.path)):
            folder = root
        for candidate in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
            if candidate.is_file():
                # Inside a package only the study's own folder counts: the library is no part of a study.
                own = self.path.parent if _package_root(self.path) else folder
                if level or candidate.is_relative_to(own):
                    return candidate.resolve()
        return None

    def definition(self, name: str) -> tuple[list[bytes], list[tuple[Path, str]]]:
        """The code of one top-level name ("*" for the whole file), and what it refers to."""
        if name not in self._definitions:
            self._definitions[name] = self._define(name)
        return self._definitions[name]

    def _define(self, name: str) -> tuple[list[bytes], list[tuple[Path, str]]]:
        first = name.split(".", maxsplit=1)[0]
        nodes = self.nodes.get(first, []) if name != "*" else self.tree.body
        links: list[tuple[Path, str]] = []
        if not nodes and first in self.imports:
            target, attribute = self.imports[first]
            return [], [(target, attribute or "*")]
        if not nodes:
            nodes = _inner(self.tree, name)
        bare = [_undecorated(node) for node in nodes]
        for node in bare:
            links += self._links(node)
        return [ast.dump(node, annotate_fields=False).encode() for node in bare], links

    def _links(self, node: ast.AST) -> list[tuple[Path, str]]:
        links: list[tuple[Path, str]] = []
        parts = list(ast.walk(node))
        attributes = {
            id(part.value): part.attr
            for part in parts
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)
        }
        local = _local_names(parts) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else set()
        for part in parts:
            if not isinstance(part, ast.Name) or part.id in local:
                continue
            if part.id in self.imports:
                target, attribute = self.imports[part.id]
                links.append((target, attribute or attributes.get(id(part), "*")))
            elif part.id in self.nodes:
                links.append((self.path, part.id))
        return links


def _local_names(parts: list[ast.AST]) -> set[str]:
    """The arguments and variables of a function: an argument `train` is not the function of that name."""
    names = {part.arg for part in parts if isinstance(part, ast.arg)}
    return names | {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _package_root(path: Path) -> Path | None:
    """The folder from which a package's absolute imports start, or None for a file that is in no package."""
    folder = path.parent
    if not (folder / "__init__.py").is_file():
        return None
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


@lru_cache(maxsize=512)
def _parsed(path: str, _mtime: int) -> _Source:
    return _Source(Path(path))


def _source(path: Path) -> _Source:
    return _parsed(str(path), path.stat().st_mtime_ns)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
    if isinstance(node, ast.If | ast.Try | ast.With):
        return [name for child in node.body for name in _defined(child)]
    return []


def _inner(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The definitions of a function that was made inside another one (in a test, say)."""
    last = name.rpartition(".")[2]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == last]


def _undecorated(node: ast.stmt) -> ast.stmt:
    """A function without its decorators: what is declared of a task (cpus, retries) is not what it computes."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node
    bare = copy.copy(node)
    bare.decorator_list = []
    return bare


def _drop_texts(node: ast.AST) -> None:
    """Take the docstrings out of a body."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        kept = [item for item in body if not _is_text(item)]
        node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is nothing but a string: a docstring, of a module, class, function or field."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
