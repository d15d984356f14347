"""The batch script of a job array: a Jinja2 template, which a site extends, filled in."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quadrat.core.errors import BadInput
from quadrat.execution.templates import templates

TEMPLATE = "slurm.sh.j2"
OVERHEAD_BYTES = 500_000_000
"""What the worker needs besides its runs: its main process, and the server that runs are forked from."""


@dataclass(frozen=True)
class Job:
    """One job array as its script says it.

    Attributes:
        title, summary: comments for people.
        name, comment: what `squeue` shows; by the comment a job is found whose number was lost.
        number: of the array in the submission.
        array: elements and throttle, such as "0-99%20".
        log: where an element writes, relative to where it is submitted from.
        cpus, gpus, memory_mb, time: of one element.
        warn_seconds: how long before its end an element is told.
        folder: where its commands run; submission, elements: folders of the ledger.
        python: the interpreter.
    """

    title: str
    summary: tuple[str, ...]
    name: str
    comment: str
    number: int
    array: str
    log: str
    cpus: int
    gpus: int
    memory_mb: int | None
    time: str | None
    warn_seconds: int
    folder: str
    submission: str
    elements: str
    python: str


def render(job: Job, site: Mapping[str, Any], template: Path | None = None) -> str:
    """The text of a script.

    Args:
        job: what is submitted.
        site: the settings under `slurm:`.
        template: a site's own template; None for the one that comes along.

    Raises:
        BadInput: for a template that does not exist, does not parse, or asks for what there is not.
    """
    import jinja2

    folders = [Path(__file__).parent / "templates"]
    if template is not None:
        if not template.is_file():
            raise BadInput(f"there is no template '{template}'", hint='a file that begins {% extends "slurm.sh.j2" %}')
        folders.insert(0, template.parent)
    environment = templates(folders, quoted=quoted)
    try:
        text = environment.get_template(template.name if template else TEMPLATE).render(job=job, site=site)
        return text.lstrip()  # what stands before {% extends %} would come before #!/bin/bash, which sbatch wants first
    except jinja2.TemplateSyntaxError as error:
        raise BadInput(
            f"the template does not parse: {error.message}", where=f"{error.filename}:{error.lineno}"
        ) from None
    except jinja2.TemplateNotFound as error:
        hint = f"the one that comes along is called '{TEMPLATE}'"
        raise BadInput(
            f"the template extends '{error}', which does not exist", where=str(template), hint=hint
        ) from None
    except jinja2.UndefinedError as error:
        raise BadInput(f"the template asks for what there is not: {error}", where=str(template)) from None


def quoted(text: object) -> str:
    """Text as one word of a shell command, whatever is in it."""
    return shlex.quote(str(text))


def clock(seconds: float) -> str:
    """Seconds as SLURM takes them, rounded up to a minute: "1-02:03:00"."""
    minutes = math.ceil(seconds / 60)
    days, rest = divmod(minutes, 24 * 60)
    return (f"{days}-" if days else "") + f"{rest // 60:02d}:{rest % 60:02d}:00"


def memory_mb(bytes_each: int | None, parallel: int) -> int | None:
    """What an element asks for, in MB of 2²⁰ bytes; None where its tasks do not say."""
    return None if bytes_each is None else math.ceil((bytes_each * parallel + OVERHEAD_BYTES) / 2**20)


def interpreter(site: Mapping[str, Any]) -> str:
    """The Python that elements run: the one that the site's environment puts on the path, else this one."""
    named = site["python"]
    return (
        str(named)
        if named
        else "python"
        if any(site[key] for key in ("container", "venv", "conda"))
        else sys.executable
    )
