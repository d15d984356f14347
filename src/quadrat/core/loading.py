"""Find a study: by entry point, by file, or by folder; and load it the same way in every worker."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from quadrat.core.blame import user_code
from quadrat.core.errors import BadInput, DeclarationError, unknown
from quadrat.core.study import Study

GROUP = "quadrat.studies"
HEAVY = ("torch", "jax", "tensorflow", "lightning", "sklearn", "pandas", "matplotlib", "xarray", "scipy")


@dataclass(frozen=True)
class StudyRef:
    """How a study is found again in another process.

    Attributes:
        kind: "entry" (an installed study), "file", or "memory" (only in the process that made it).
        target: the entry point's "module:attribute", or the file's absolute path.
        root: a folder that goes before all others when modules are searched: where a snapshot of the code lies.
    """

    kind: str
    target: str
    root: str = ""


@dataclass(frozen=True)
class Loaded:
    """A study, how it was found, and the heavy libraries that loading it brought in."""

    study: Study
    ref: StudyRef
    heavy: tuple[str, ...] = ()


def find_study(name: str) -> Loaded:
    """The study that a command names: an entry point's name, a `.py` file, or a folder with a `study.py`.

    Raises:
        BadInput: where there is none of that name (the nearest is named) or its file does not import.
    """
    path = Path(name)
    if path.suffix == ".py" or (path.is_dir() and "/" in name) or (path.is_dir() and (path / "study.py").exists()):
        file = path / "study.py" if path.is_dir() else path
        if not file.is_file():
            raise BadInput(f"there is no study at '{file}'", hint="give a .py file, or a folder that has a study.py")
        return load_study(StudyRef("file", str(file.resolve())))
    known = entry_points()
    if name not in known:
        raise unknown("study", name, list(known))
    return load_study(StudyRef("entry", known[name]))


def entry_points() -> dict[str, str]:
    """The installed studies: name to "module:attribute"."""
    from importlib.metadata import entry_points as installed

    return {point.name: point.value for point in installed(group=GROUP)}


_loaded: dict[StudyRef, Study] = {}


def load_study(ref: StudyRef) -> Loaded:
    """Load a study by its reference; once per process."""
    if ref in _loaded:
        return Loaded(_loaded[ref], ref)
    if ref.root and ref.root not in sys.path:
        sys.path.insert(0, ref.root)
    before = set(sys.modules)
    module = _import_file(Path(ref.target)) if ref.kind == "file" else _import_entry(ref.target)
    attribute = ref.target.partition(":")[2] if ref.kind == "entry" else ""
    study = _study_of(module, attribute)
    _loaded[ref] = study
    heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)
    return Loaded(study, ref, heavy)


def remember(study: Study) -> StudyRef:
    """A reference to a study that lives in this process; one that has a file is known by it."""
    if study.file is not None and study.module != "__main__" and "<" not in str(study.file):
        ref = StudyRef("file", str(study.file))
    else:
        ref = StudyRef("memory", study.name)
    _loaded[ref] = study
    return ref


def _import_entry(target: str) -> ModuleType:
    module = target.partition(":")[0]
    with user_code(f"the import of study '{module}'"):
        return importlib.import_module(module)


def _import_file(file: Path) -> ModuleType:
    stem = file.parent.name if file.stem == "study" else file.stem
    name = "quadrat_study_" + re.sub(r"\W", "_", stem)
    with user_code(f"the import of study '{file}'"):
        if (file.parent / "__init__.py").is_file():
            _execute(name, file.parent / "__init__.py", package=True)
            return _execute(f"{name}.{file.stem}", file)
        if str(file.parent) not in sys.path:
            sys.path.insert(0, str(file.parent))  # a study's own helper modules lie beside it, as for a script
        return _execute(name, file)


def _execute(name: str, file: Path, *, package: bool = False) -> ModuleType:
    """Run a file as a module of this name; as a package, so that the files beside it can be imported relatively."""
    folders = [str(file.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise BadInput(f"'{file}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _study_of(module: ModuleType, attribute: str) -> Study:
    if attribute:
        study = getattr(module, attribute, None)
        if isinstance(study, Study):
            return study
        raise DeclarationError(f"'{attribute}' of {module.__name__} is no study")
    found = [value for value in vars(module).values() if isinstance(value, Study) and value.module == module.__name__]
    if len({id(study) for study in found}) != 1:
        text = "has no study" if not found else f"has {len(found)} studies: {', '.join(one.name for one in found)}"
        raise DeclarationError(f"'{module.__file__}' {text}", hint='one `study = qd.Study("name")` a file')
    return found[0]


def heavy_line(study: Study, names: tuple[str, ...]) -> str | None:
    """The line of the study's own file that brings a heavy library into planning, or None."""
    import ast

    if study.file is None or not names:
        return None
    for node in ast.parse(study.file.read_text(encoding="utf-8")).body:
        roots = []
        if isinstance(node, ast.Import):
            roots = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots = [(node.module or "").partition(".")[0]]
        slow = next((root for root in roots if root in names), None)
        if slow:
            return f"{study.file}:{node.lineno} imports {slow}"
    return f"{study.file} imports {names[0]} through another module"
