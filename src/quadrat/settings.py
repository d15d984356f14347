"""The library's own settings: keys of a configuration, and overrides, that are no parameters of the study."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic

from quadrat.core.errors import BadInput, ConfigError, unknown
from quadrat.core.params import Invalid, Params, validate
from quadrat.core.resources import Resources
from quadrat.core.study import Study
from quadrat.plan.plan import RERUN_KINDS

EXECUTORS = ("pool", "inline", "parsl", "slurm", "snakemake")

Origin = Callable[[tuple[str, ...]], str | None]
"""Where a key was written: file and line, or the override."""


class SlurmSettings(Params):
    """What a site's SLURM wants to be told, under `slurm:`."""

    account: str = ""
    partition: str = ""
    qos: str = ""
    constraint: str = ""
    time: str | int | None = None
    """For elements whose tasks declare no walltime; else the partition's own default."""
    modules: list[str] = pydantic.Field(default_factory=list)
    """What `module load` loads."""
    conda: str = ""
    """A conda environment."""
    venv: str = ""
    """A virtual environment's folder."""
    container: str = ""
    """An image in which the worker runs."""
    container_command: str = "apptainer exec"
    python: str = ""
    """The interpreter on the nodes; else the environment's, else the one that submits."""
    setup: list[str] = pydantic.Field(default_factory=list)
    """Further lines of shell before the worker starts."""
    options: list[str] = pydantic.Field(default_factory=list)
    """Further options of sbatch: "--exclude=node7"."""
    template: str = ""
    """A Jinja2 file that extends slurm.sh.j2."""
    requeue: bool = True
    """Whether an element that is preempted, loses its node or runs out of time goes back into the queue."""
    warn_seconds: int = pydantic.Field(default=60, ge=1)
    """How long before its end an element stops to begin runs."""


class Settings(Params):
    """How a study is run. A parameter of the study goes before a setting of the same name."""

    rerun: str | list[str] = "failed"
    """Which runs to run again: failed, outdated, all, none."""
    jobs: int | None = pydantic.Field(default=None, ge=1)
    """How many workers; the machine's cores where it is not said."""
    executor: str = "pool"
    """Where runs run: pool, inline (in this process), parsl (in pilots), slurm, or snakemake."""
    store: str | None = None
    """Where runs are kept, where neither --store nor $QUADRAT_STORE says it; from the working folder."""
    durable: bool = False
    """Whether a commit also survives a power loss."""
    slurm: SlurmSettings = SlurmSettings()
    """What the site's SLURM wants to be told: {partition: gpu, account: vision}."""
    resources: dict[str, dict[str, Any]] = pydantic.Field(default_factory=dict)
    """Resources of tasks, in place of those declared: {train: {cpus: 2}}."""

    @property
    def store_folder(self) -> Path | None:
        """Where runs are kept, as the configuration has it."""
        return Path(self.store).expanduser() if self.store else None

    @property
    def rerun_kinds(self) -> tuple[str, ...]:
        """The kinds of runs to run again."""
        return (self.rerun,) if isinstance(self.rerun, str) else tuple(self.rerun)


def read_settings(given: Mapping[str, Any], origin: Origin) -> Settings:
    """The settings, checked.

    Raises:
        ConfigError: for a value of the wrong type, with the place where it was written.
        BadInput: for an executor or a kind of rerun that does not exist.
    """
    try:
        settings = validate(Settings, given)
    except Invalid as error:
        problem = error.problems[0]
        path = tuple(problem.path)
        raise ConfigError(f"setting '{'.'.join(path)}': {problem.message}", where=origin(path)) from None
    if settings.executor not in EXECUTORS:
        raise unknown("executor", settings.executor, EXECUTORS, where=origin(("executor",)))
    check_rerun(settings.rerun_kinds, origin(("rerun",)))
    return settings


def check_rerun(kinds: tuple[str, ...], where: str | None) -> None:
    """Make sure that every kind of rerun is one.

    Raises:
        BadInput: for one that is not.
    """
    for kind in kinds:
        if kind not in RERUN_KINDS:
            raise unknown("kind of rerun", kind, RERUN_KINDS, where=where)


def with_resources(study: Study, settings: Settings, origin: Origin) -> Study:
    """The study with the resources that the settings give to its tasks; the study itself stays as it is.

    Raises:
        BadInput: for a task or a resource that does not exist, or an amount that is none.
    """
    if not settings.resources:
        return study
    tasks = dict(study.tasks)
    fields = {field.name for field in dataclasses.fields(Resources)}
    for name, given in settings.resources.items():
        if name not in tasks:
            raise unknown("task", name, list(tasks), where=origin(("resources", name)))
        for key in given:
            if key not in fields:
                raise unknown("resource", key, sorted(fields), where=origin(("resources", name, key)))
        merged = {key: getattr(tasks[name].resources, key) for key in fields} | given
        try:
            tasks[name] = dataclasses.replace(tasks[name], resources=Resources.of(**merged))
        except BadInput as error:
            error.where = error.where or origin(("resources", name, *given))
            raise
    return study.with_tasks(tasks)
