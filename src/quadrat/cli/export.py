"""`quadrat export`: finished runs in the form of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quadrat.cli.common import ConfigOption, StoreOption, StudyArgument, make_session, say
from quadrat.core.words import plural

FORMATS = ("signac", "csv", "tensorboard", "wandb")


def export(
    study: StudyArgument,
    rest: Annotated[
        list[str],
        typer.Argument(
            metavar="OUT [NAME=VALUE]...",
            help="The folder to write to; and parameters and settings, before it or after it.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="signac; or csv, tensorboard, wandb: curves.")
    ] = "signac",
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Whose runs; else the last task that gathers nothing."),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy artifacts; else they are hard links.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Write finished runs in the form of another tool.

    signac: a project with one job per run, found by its parameters; again: adds what is new. The state point has the
    parameters of the chain, the job document its metrics and run ids, the folder its artifacts.

    csv, tensorboard, wandb: what the runs of a task logged (`run.log`), a file or folder for each.

    Examples:
      quadrat export mnist_fgsm --format signac workspace-of-signac

      quadrat export mnist_fgsm dataset=mnist out --task train --copy

      quadrat export mnist_fgsm events --format tensorboard --task train
    """
    from quadrat.core.errors import BadInput, unknown

    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    folders = [text for text in rest if "=" not in text and not text.startswith("~")]
    if len(folders) != 1:
        raise BadInput(f"export takes one folder to write to, not {len(folders)}", hint="quadrat export STUDY OUT")
    out, overrides = Path(folders[0]), [text for text in rest if text != folders[0]]
    session = make_session(study, overrides, store=store, config=config)
    if kind != "signac":
        from quadrat.querying import export_curves, leaf_task

        task = task or leaf_task(session.study)
        say(f"curves of {plural(export_curves(session, out, task, kind), 'run')} of '{task}' in {out}")
        return
    from quadrat.querying import export_signac

    name, done = export_signac(session, out, task=task, copy=copy)
    files = done.linked + done.copied
    how = "copied" if done.copied == files and files else "linked"
    say(f"{plural(done.jobs, 'job')} of '{name}' in {out} ({done.new:,} new), {plural(files, 'file')} {how}")
    if done.lost:
        say(f"note: {plural(len(done.lost), 'artifact')} no longer on disk: see `quadrat verify`")
