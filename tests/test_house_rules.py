"""The rules of the house that no linter knows: sizes, docstrings, light imports, nothing of this machine in a file.

Who may import whom is in pyproject.toml (import-linter); style and types are ruff's and mypy's.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "src" / "quadrat"
MAX_MODULE = 400
MAX_FUNCTION = 60
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# What `import quadrat` and `quadrat --help` must not pay for.
HEAVY = [
    "torch",
    "jax",
    "tensorflow",
    "lightning",
    "sklearn",
    "scipy",
    "pandas",
    "polars",
    "pyarrow",
    "hydra",
    "omegaconf",
    "matplotlib",
    "snakemake",
    "parsl",
    "signac",
    "quadrat_studies",
]


def modules(*, under: Path = ROOT / "src") -> list[tuple[Path, ast.Module]]:
    """Every module below a folder, parsed."""
    return [(path, ast.parse(path.read_text(encoding="utf-8"), str(path))) for path in sorted(under.rglob("*.py"))]


def at(path: Path, line: int) -> str:
    """Where something is, as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{line}"


def report(found: list[str], rule: str) -> None:
    """Fail with every place at once, one a line."""
    if found:
        pytest.fail("\n  ".join([rule, *found]), pytrace=False)


def project_files() -> list[Path]:
    """What git tracks, and what it would add: nothing that it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in files if path.is_file()]


def test_modules_are_short() -> None:
    sizes = {path: path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "src").rglob("*.py")}
    found = [f"{at(path, 1)} {lines} lines" for path, lines in sorted(sizes.items()) if lines > MAX_MODULE]
    report(found, f"a module of more than {MAX_MODULE} lines: two things live in it")


def test_functions_fit_on_a_screen() -> None:
    found = [
        f"{at(path, node.lineno)} {node.name} {lines} lines"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    ]
    report(found, f"a function of more than {MAX_FUNCTION} lines")


def _public(body: list[ast.stmt]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


def _needs_no_docstring(node: Definition) -> bool:
    """An override is told by what it overrides; an overload and a property's setter by the first definition."""
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    return bool(marks & {"override", "overload", "setter", "deleter"})


def test_public_names_have_docstrings() -> None:
    found = []
    for path, tree in modules(under=LIBRARY):
        if not ast.get_docstring(tree):
            found.append(f"{at(path, 1)} the module")
        found += [
            f"{at(path, node.lineno)} {node.name}"
            for node in _public(tree.body)
            if not ast.get_docstring(node) and not _needs_no_docstring(node)
        ]
    report(found, "no docstring")


def test_no_assert_in_the_library() -> None:
    found = [
        at(path, node.lineno)
        for path, tree in modules(under=LIBRARY)
        if "testing" not in path.relative_to(LIBRARY).parts  # the conformance suite asserts: that is its work
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    report(found, "`assert` goes away under `python -O`: raise a QuadratError (or narrow the type) instead")


def test_only_the_command_line_prints() -> None:
    found = [
        at(path, node.lineno)
        for path, tree in modules()
        if (LIBRARY / "cli") not in path.parents
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    report(found, "print outside quadrat.cli")


def test_no_test_sleeps() -> None:
    """A moment between two looks at a condition does not count: `while not …:` and at once below it a hundredth."""
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        lines = ["", *path.read_text(encoding="utf-8").splitlines()]
        for number, (above, line) in enumerate(itertools.pairwise(lines), 1):
            moment = above.strip().startswith("while ") and re.search(r"sleep\(0\.0[1-5]\)", line)
            if re.search(r"\bsleep\s*\(", line) and not moment:
                found.append(at(path, number))
    report(found, "a test that sleeps is slow or flaky: wait for an event, a file or a process instead")


def _loaded(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after running `code`."""
    script = f"import json, sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += "sys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.fail(f"{code}\n{done.stderr}", pytrace=False)
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import quadrat", id="import quadrat"),
        pytest.param("from quadrat.cli import main; sys.argv = ['quadrat', '--help']; main()", id="quadrat --help"),
    ],
)
def test_imports_stay_light(code: str) -> None:
    heavy = sorted(_loaded(code) & set(HEAVY))
    assert not heavy, f"`{code}` loads {', '.join(heavy)}: import it inside the function that needs it"


def test_files_name_no_machine_and_no_registry() -> None:
    # With a blank in each, so that this file itself is clean.
    spelt = "/work/ main, /work/ shared, /work/ .library, /opt/ wheels, /opt/ pypi, /root /, /home/ runner/, "
    spelt += "pypi .org, files. pythonhosted, npmjs .org, deb. debian"
    pattern = re.compile("|".join(re.escape(name) for name in spelt.replace(" ", "").split(",")))
    found = []
    for path in project_files():
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [
            f"{at(path, number)} {hit.group()}"
            for number, line in enumerate(text.splitlines(), 1)
            if (hit := pattern.search(line))
        ]
    report(found, "a path of this machine or a host of a package registry")


def test_constraints_pin_every_requirement() -> None:
    """Everything that pyproject.toml asks for has one exact version, without a local label."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[\[<>=!~ ]", each)[0].lower() for each in asked} - {"quadrat"}
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    pins = dict(line.split("==") for line in lines)
    assert sorted(names - pins.keys()) == [], "run `make constraints`"
    assert [name for name, version in pins.items() if "+" in version] == []
