"""Names that Snakemake knows runs by: a rule for each task, a pattern for each view, names for runs without one."""

from __future__ import annotations

import itertools
import keyword
import re
import string
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quadrat.core.errors import BadInput
from quadrat.core.names import Param
from quadrat.core.result import Folder, Temp
from quadrat.core.study import Study
from quadrat.core.task import Task
from quadrat.core.trees import at_path, flatten
from quadrat.plan.plan import Plan
from quadrat.store.views import MAX_NAME, NamedView
from quadrat.viewing import check_names, named_views

RESERVED = ("all", "matching", "chunk", "tried")
DEFAULT = "default"
POINT = "point"
LONGEST = 200
# What neither a shell nor a pattern of Snakemake takes for more than it is.
_PLAIN = re.compile(r"[\w.+=,:@%^~-]+")
# What Snakemake's lists of inputs and wildcards have as methods: no wildcard and no input can be called so.
TAKEN = {*dir(list), "get", "items", "keys", "values", "update", "plainstrings", "allitems", "size_files"}


@dataclass(frozen=True)
class Output:
    """What a rule makes: a link to one artifact of a run, or to its record (artifact "").

    Attributes:
        template: its name as a view has it: "models/{seed:04d}.pt".
        pattern: the same as Snakemake has it: "models/{seed}.pt".
        artifact: the name of the artifact.
    """

    template: str
    pattern: str
    artifact: str

    @property
    def wildcards(self) -> list[str]:
        """The wildcards of the pattern."""
        return list(dict.fromkeys(re.findall(r"{(\w+)}", self.pattern)))


@dataclass(frozen=True)
class Rule:
    """A task as a rule of a Snakefile: its name, and what it makes; the first output stands for the run."""

    name: str
    task: Task
    outputs: tuple[Output, ...]

    @property
    def is_target(self) -> bool:
        """Whether Snakemake takes the rule itself for a target: it has no wildcards."""
        return not self.outputs[0].wildcards


class RuleSet:
    """The rules of a study, upstreams first, and its further targets: what can be said without its sweep.

    Args:
        study: the study.
        apart: a folder below the store's for names of this one call of Snakemake, whatever views the study has.

    Raises:
        BadInput: for two rules of one name.
    """

    def __init__(self, study: Study, apart: str = "") -> None:
        self._study = study
        self._apart = apart
        self.rules = [Rule(rule_name(task), task, self._outputs(task)) for task in study.order]
        counts = Counter([rule.name for rule in self.rules])
        for rule in self.rules:
            if counts[rule.name] > 1 or rule.name in RESERVED:
                raise BadInput(
                    f"the rule of task '{rule.task.name}' would have the name '{rule.name}', which is taken",
                    where=rule.task.where,
                    hint='give it another one: @study.task(rule="…")',
                )

    @cached_property
    def targets(self) -> dict[str, list[Rule]]:
        """The names of rules that stand for many runs: parts of the study, and every task by `all_<rule>`."""
        taken = {*RESERVED, *(rule.name for rule in self.rules)}
        by_task = {rule.task.name: rule for rule in self.rules}
        found: dict[str, list[Rule]] = {}
        for part, tasks in self._study.parts.items():
            name = re.sub(r"\W", "_", part)
            found[f"part_{name}" if name in taken else name] = [by_task[task] for task in tasks]
        for rule in self.rules:
            found.setdefault(f"all_{rule.name}", [rule])
        return {name: rules for name, rules in found.items() if name not in taken}

    def views(self, plan: Plan) -> dict[str, list[NamedView]]:
        """The views of a plan: those of the study, and one for each task that has none that a rule could make.

        Raises:
            BadInput: where two runs would have one name, or a name is none for Snakemake.
        """
        named = named_views(plan)
        for rule in self.rules:
            first = rule.outputs[0]
            if rule.task.name in plan.tasks and first == self._default(rule.task):
                column = {POINT: point_names(plan, rule.task.name)}
                named.setdefault(rule.task.name, []).append(NamedView(first.template, "", column))
        check_names(plan, named)
        return named

    def _outputs(self, task: Task) -> tuple[Output, ...]:
        """What the rule of a task makes: the views that are there for each of its runs and have the same wildcards."""
        found = []
        for view in self._study.views:
            if view.task == task.name and not self._apart and _is_file(task, view.artifact):
                pattern = _pattern(view.template)
                if pattern is not None:
                    found.append(Output(view.template, pattern, view.artifact))
        if not found:
            return (self._default(task),)
        return tuple(one for one in found if set(one.wildcards) == set(found[0].wildcards))

    def _default(self, task: Task) -> Output:
        name = f"{self._apart}{rule_name(task)}/{{{POINT}}}.json"
        return Output(name, name, "")


def rule_name(task: Task) -> str:
    """What the rule of a task is called."""
    return task.rule or re.sub(r"\W", "_", task.name)


def _is_file(task: Task, artifact: str) -> bool:
    """Whether each run of a task has this artifact, for good."""
    kind = task.artifacts.get(artifact)
    if kind is None or issubclass(kind, Temp | Folder) or task.signature.result is None:
        return False
    return type(None) not in typing.get_args(task.signature.result.model_fields[artifact].annotation)


def _pattern(template: str) -> str | None:
    """A view's template with wildcards in place of its fields; None where it has braces that are none."""
    names: dict[tuple[str, str | None, str | None], str] = {}
    text = ""
    for literal, name, form, conversion in string.Formatter().parse(template):
        if "{" in literal or "}" in literal:
            return None
        text += literal
        if name is not None:
            word = names.get((name, form, conversion)) or _wildcard(name, names.values())
            names[name, form, conversion] = word
            text += f"{{{word}}}"
    return text


def _wildcard(name: str, taken: Iterable[str]) -> str:
    """A wildcard for a field; one that is written in two ways has two."""
    word = re.sub(r"\W", "_", name)
    if word in TAKEN or keyword.iskeyword(word):
        word += "_"
    known = set(taken)
    more = (f"{word}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([word], more) if one not in known)


def output_names(rule: Rule, named: Sequence[NamedView], size: int) -> list[list[str]]:
    """For each output of a rule the names of the runs.

    Raises:
        BadInput: for a name that Snakemake cannot have.
    """
    found = []
    for output in rule.outputs:
        view = next(one for one in named if (one.template, one.artifact) == (output.template, output.artifact))
        names = [view.name(run) for run in range(size)]
        for name in names:
            if re.search(r"[{}]", name):
                raise BadInput(
                    f"view '{view.template}' gives the name '{name}', which has braces",
                    hint="Snakemake takes them for wildcards: use {id:.12} in place of the parameter that has them",
                )
        found.append(names)
    return found


def point_names(plan: Plan, task: str) -> list[str]:
    """For each run of a task a name that tells it from the others: what is not at its default in its chain."""
    one = plan.tasks[task]
    rows, columns = plan.chain_columns(task)
    first = np.unique(rows.columns[f"@{task}"], return_index=True)[1]
    short = plan.names.display(columns)
    parts: list[list[str]] = [[] for _ in range(one.size)]
    for key, column in columns.items():
        param = next(param for param in plan.names if key == param.key or key.startswith(f"{param.key}."))
        if param.off_id:
            continue
        usual = _default_of(param, key)
        texts = [_not_default(short[key], value, usual) for value in [*plan.builder.domains.table(key), None]]
        for run, code in enumerate(column[first].tolist()):
            if texts[code]:
                parts[run].append(texts[code])
    ids = [id.hex() for id in one.ids]
    names = [_plain("+".join(part) or DEFAULT, id) for part, id in zip(parts, ids, strict=True)]
    counts = Counter(names)
    return [name if counts[name] == 1 else _plain(f"{name}+{id[:12]}", id) for name, id in zip(names, ids, strict=True)]


def _plain(name: str, id: str) -> str:
    return name if _PLAIN.fullmatch(name) and len(name.encode()) <= min(LONGEST, MAX_NAME) else id[:16]


def _default_of(param: Param, key: str) -> dict[str, Any]:
    """The default of a parameter, or of what `key` says of it; empty where it has none."""
    if param.info.is_required():
        return {}
    path = tuple(key[len(param.key) + 1 :].split(".")) if key != param.key else ()
    return flatten(at_path(param.info.get_default(call_default_factory=True), path), "")


def _not_default(name: str, value: Any, usual: Mapping[str, Any]) -> str:
    """What a parameter is, "name=value" joined by +, as far as that is not its default."""
    return "+".join(
        f"{name}{key}={_text(item)}"
        for key, item in flatten(value, "").items()
        if key not in usual or usual[key] != item
    )


def _text(value: Any) -> str:
    """A value in a name, as one would write it on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return ",".join(_text(item) for item in value)
    return str(value)
