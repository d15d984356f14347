"""The `sweep` of a generated Snakefile: it tells Snakemake names, what they are made of, and how a run is run.

Snakemake's main process plans the sweep and freezes it; the jobs that it hands to a cluster, hours later perhaps, read
what it has frozen. So what is edited meanwhile changes nothing, and they begin at once.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quadrat.snakefiles.sheet import Sheet, Unknown
from quadrat.snakefiles.targets import take_absolute

if TYPE_CHECKING:
    from quadrat.snakefiles.planning import Planned

PLAN_VARIABLE = "QUADRAT_SNAKEMAKE_PLAN"
"""The folder of the frozen plan: from the main process to its jobs."""
GIVEN_VARIABLE = "QUADRAT_SNAKEMAKE_GIVEN"
"""The same, where `quadrat run --on snakemake` has planned: from there to the main process."""
AGAIN_VARIABLE = "QUADRAT_SNAKEMAKE_AGAIN"
"""A file with the names of the runs that are to be made again."""
MATCH_VARIABLE = "QUADRAT_SNAKEMAKE_MATCH"
"""The patterns that the target `matching` stands for."""

# What profiles/slurm has for rules that say nothing themselves.
USUAL = {"mem_mb": 1500, "runtime": 60, "gpu": 0}

Names = Callable[[Any], list[Any]]
"""What Snakemake calls with the wildcards of a job."""


class Sweep:
    """A sweep as a Snakefile sees it.

    Args:
        workflow: Snakemake's.
        study: a name, or a path from the Snakefile's folder.
        store: the folder that holds the runs, as the names of the outputs begin.
        overrides: "name=value" texts, as after `quadrat run`; `--config` goes over them.
        config_files: YAML files; `--configfile` goes over them.
        chunk: how many runs one job makes; None for rules that make one run each.
    """

    def __init__(
        self,
        workflow: Any,
        *,
        study: str,
        store: str = "runs",
        overrides: Sequence[str] = (),
        config_files: Sequence[str] = (),
        chunk: int | None = None,
    ) -> None:
        self._workflow = workflow
        self._chunk_size = chunk
        self._prefix = "" if store == "." else f"{store}/"
        self._planned: Planned | None = None
        self._prepared: set[tuple[str, int]] = set()
        self._compared = False
        _take_repeated(workflow.resource_settings)
        _translate_time(workflow.resource_settings)
        if workflow.is_main_process and GIVEN_VARIABLE not in os.environ:
            self._planned = self._plan(study, store, overrides, config_files)
            self._sheet = self._planned.sheet
        else:
            self._sheet = _frozen(GIVEN_VARIABLE if workflow.is_main_process else PLAN_VARIABLE)
        os.environ[PLAN_VARIABLE] = str(self._sheet.folder)
        if workflow.is_main_process:
            take_absolute(workflow)
            self._refuse_patterns()

    def _refuse_patterns(self) -> None:
        """Snakemake takes a pattern for the name of a file, and only says that it has no rule for that."""
        from snakemake.exceptions import WorkflowError

        for target in sys.argv[1:]:
            name = target.removeprefix(self._prefix)
            if not (target.startswith(self._prefix) and re.search(r"[*?[]", name)):
                continue
            names = [name for one in self._sheet.rules.values() for name in one.places]
            if name not in names and (self._prefix or fnmatch.filter(names, name)):
                raise WorkflowError(
                    f"'{target}' is a pattern, which Snakemake takes for the name of a file\n"
                    f"  quadrat make {shlex.quote(target)}"
                )

    def _plan(self, study: str, store: str, overrides: Sequence[str], config_files: Sequence[str]) -> Planned:
        from snakemake.exceptions import WorkflowError

        from quadrat.core.errors import QuadratError
        from quadrat.snakefiles.planning import Asked, plan_sweep

        settings = self._workflow.config_settings
        folder, config = Path(self._workflow.basedir), list(settings.config_args or ())
        asked = Asked(study, store, folder, overrides, config_files, config, settings.configfiles, sys.argv[1:])
        try:
            return plan_sweep(asked)
        except QuadratError as error:  # Snakemake tells its own without a traceback
            raise WorkflowError(str(error)) from None

    # --- what rules need to know ---------------------------------------------------------------------------------

    @property
    def run(self) -> str:
        """The command that makes runs, but for what it is to make."""
        return shlex.join([sys.executable, "-m", "quadrat.snakefiles.job", self._in_plan()])

    def names(self, *rules: str) -> Names:
        """All names that some rules make (all rules, where none is said), but for runs that are held back."""

        def named(wildcards: Any) -> list[str]:
            self._compare()
            chosen = [self._sheet.rules[rule] for rule in rules or self._sheet.rules if rule in self._sheet.rules]
            return [f"{self._prefix}{name}" for one in chosen for name in one.wanted()]

        return named

    def reads(self, rule: str, argument: str | None = None) -> Names:
        """What a run of a rule reads by an argument. Without one nothing: then its name is only looked up."""

        def read(wildcards: Any) -> list[str]:
            self._compare()
            one = self._sheet.rules[rule]
            run = one.place(wildcards)
            self._prepare(rule, run, wildcards)
            reads = one.reads[argument] if argument else None
            above = self._sheet.rules[reads.rule].names[0] if reads else []
            return [f"{self._prefix}{above[place]}" for place in (reads.of(run) if reads else ())]

        return read

    def shorter(self, rule: str) -> Names:
        """The shorter run that a run goes on from, where that has to be made first: only where a whole sweep is."""

        def read(wildcards: Any) -> list[Any]:
            from snakemake.io import ancient

            one = self._sheet.rules[rule]
            place = one.shorter[one.place(wildcards)]
            if place < 0 or not self._is_whole():
                return []
            return [ancient(f"{self._prefix}{one.names[0][place]}")]

        return read

    def _compare(self) -> None:
        """Make sure, once, that the Snakefile has the rules of the study as it is now."""
        if self._compared or not self._workflow.is_main_process:
            return
        self._compared = True
        from snakemake.exceptions import WorkflowError
        from snakemake.io import strip_wildcard_constraints

        for name, one in self._sheet.rules.items():
            there = self._workflow.get_rule(name) if self._workflow.is_rule(name) else None
            outputs = [strip_wildcard_constraints(str(path)) for path in there.output] if there else []
            inputs = {word.rstrip("_") for word, _ in there.input._get_names()} if there else set()  # noqa: SLF001
            wanted = {argument.rstrip("_") for argument in one.reads}
            if not {f"{self._prefix}{pattern}" for pattern in one.patterns} <= set(outputs) or not wanted <= inputs:
                raise WorkflowError(
                    f"the study has changed since this Snakefile was written: rule '{name}' is not as it should be\n"
                    "  `quadrat snakefile STUDY --force` writes it anew"
                )

    def _prepare(self, rule: str, run: int, wildcards: Any) -> None:
        """Before Snakemake looks at the files of a finished run: see to what only a job of it can be known by."""
        if self._planned is None or (rule, run) in self._prepared:
            return
        from snakemake.io import apply_wildcards

        self._prepared.add((rule, run))
        benchmark = self._workflow.get_rule(rule).benchmark
        if benchmark is not None:
            self._planned.date(rule, run, Path(apply_wildcards(str(benchmark), wildcards)))
        if self._may_force():
            self._planned.soften(rule, run)

    def _may_force(self) -> bool:
        """Whether Snakemake may make what is finished again."""
        asked = self._workflow.dag_settings
        triggers = {one.name for one in asked.rerun_triggers}
        return bool(asked.forceall or asked.forcetargets or asked.forcerun or triggers - {"MTIME"})

    def _is_whole(self) -> bool:
        """Whether targets are rules, which stand for many runs, and not single files."""
        rules = {rule.name for rule in self._workflow.rules}
        return self._workflow.is_main_process and set(self._workflow.dag_settings.targets) <= rules

    def matching(self, wildcards: Any) -> list[str]:
        """The names that the patterns of `quadrat make` stand for."""
        patterns = json.loads(os.environ.get(MATCH_VARIABLE, "[]"))
        names = self.names()(wildcards)
        found: dict[str, None] = {}
        for pattern in patterns:
            hits = fnmatch.filter(names, os.path.normpath(pattern))
            if not hits:
                raise Unknown(f"no run of this sweep has a name like '{pattern}'")
            found |= dict.fromkeys(hits)
        return list(found)

    # --- several runs in one job ---------------------------------------------------------------------------------

    def chunked(self, *target: str) -> Names:
        """What says that all runs of a target were tried and none failed; where none is to be run, their names."""

        def named(wildcards: Any) -> list[str]:
            name = target[0] if target else "all"
            if self._chunks(name):
                return [self._in_plan(f"{name}.tried")]
            return self.names(*self._sheet.chosen(name))(wildcards)

        return named

    def chunks(self, wildcards: Any) -> list[str]:
        """The chunks of a target."""
        return [
            self._in_plan(f"{wildcards.target}-{number}.done") for number in range(len(self._chunks(wildcards.target)))
        ]

    def chunks_before(self, wildcards: Any) -> list[str]:
        """The chunks that a chunk reads from."""
        target = wildcards.chunk.rpartition("-")[0]
        return [self._in_plan(f"{target}-{number}.done") for number in self._chunk(wildcards)["after"]]

    def chunk_threads(self, wildcards: Any) -> int:
        """The threads of a chunk."""
        return int(self._chunk(wildcards)["threads"])

    def chunk_needs(self, resource: str) -> Callable[[Any], int]:
        """A resource of chunks; where their tasks declare none, what the profile has for such."""

        def needed(wildcards: Any) -> int:
            return int(self._chunk(wildcards)["resources"].get(resource, USUAL[resource]))

        return needed

    def _chunk(self, wildcards: Any) -> dict[str, Any]:
        target, _, number = wildcards.chunk.rpartition("-")
        return self._chunks(target)[int(number)]

    def _chunks(self, target: str) -> list[dict[str, Any]]:
        """The chunks of a target; the main process cuts them, when they are first asked for."""
        file = self._sheet.folder / f"{target}.chunks"
        if not file.exists() and self._chunk_size and self._workflow.is_main_process:
            from quadrat.snakefiles.chunking import write_chunks

            tasks = [self._sheet.rules[rule].task for rule in self._sheet.chosen(target)]
            write_chunks(file, tasks, self._chunk_size)
        found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def _in_plan(self, *names: str) -> str:
        """The frozen plan's folder, or a file in it, as rules name it."""
        return "/".join([f"{self._prefix}.quadrat/plans/{self._sheet.folder.name}", *names])

    # --- what happens before the first job -----------------------------------------------------------------------

    def start(self) -> None:
        """Make the tasks' checks, and note which runs are to be made again (--forcerun, --force, --forceall)."""
        dag = self._workflow.dag
        again: list[str] = []
        wanted: dict[str, list[int]] = {}
        for job in dag.needrun_jobs():
            if job.rule.name in self._sheet.rules:
                name = str(job.output[0]).removeprefix(self._prefix)
                wanted.setdefault(job.rule.name, []).append(self._sheet.rules[job.rule.name].places[name])
                if dag.reason(job).forced:
                    again.append(name)
        self._check(wanted)
        os.environ.pop(AGAIN_VARIABLE, None)
        if again:
            os.environ[AGAIN_VARIABLE] = _noted(self._sheet.folder, again)

    def _check(self, wanted: dict[str, list[int]]) -> None:
        from snakemake.exceptions import WorkflowError

        from quadrat.core.errors import QuadratError

        try:
            if self._planned is not None:
                self._planned.check(wanted)
        except QuadratError as error:
            raise WorkflowError(str(error)) from None


def _frozen(variable: str) -> Sheet:
    """The plan that the main process has frozen."""
    from snakemake.exceptions import WorkflowError

    folder = os.environ.get(variable)
    if folder is None:
        raise WorkflowError(f"the environment of Snakemake's main process did not come along: {variable} is not set")
    try:
        return Sheet.load(Path(folder))
    except OSError as error:
        raise WorkflowError(f"the frozen plan cannot be read: {error}") from None


def _take_repeated(settings: Any) -> None:
    """Let `--set-resources` be said several times: of these Snakemake takes the last alone, and says nothing."""
    said = _behind("--set-resources", sys.argv)
    if len(said) > 1:
        from snakemake.cli import parse_set_resources

        last = settings.overwrite_resources
        for rule, values in parse_set_resources([text for texts in said[:-1] for text in texts]).items():
            there = last.setdefault(rule, values)
            for name in values.keys() - there.keys():
                there[name] = values[name]


def _behind(option: str, arguments: Sequence[str]) -> list[list[str]]:
    """The values behind an option, each time that it is there."""
    found: list[list[str]] = []
    is_value = False
    for text in arguments:
        name, _, value = text.partition("=")
        if text.startswith("-"):
            is_value = name == option
            if is_value:
                found.append([value] if value else [])
                is_value = not value
        elif is_value:
            found[-1].append(text)
    return found


def _translate_time(settings: Any) -> None:
    """Let `--set-resources RULE:time=60` mean `runtime`, as the executors call it."""
    from snakemake.resources import Resources

    for values in settings.overwrite_resources.values():
        if "time" in values and "runtime" not in values:
            text = f"runtime={values['time'].raw}"
            values["runtime"] = Resources.parse([text], allow_expressions=True)["runtime"]


def _noted(folder: Path, names: Sequence[str]) -> str:
    """A file with some names, for the jobs: they may be too many for the environment."""
    import hashlib

    text = json.dumps(sorted(names))
    file = folder / f"again-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
    return str(file)
