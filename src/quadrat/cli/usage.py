"""`quadrat usage`: what runs asked for, beside what they needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quadrat.cli.common import (
    ConfigOption,
    JsonOption,
    OverridesArgument,
    StoreOption,
    StudyArgument,
    WhereOption,
    answer,
    make_session,
    say,
    table,
)

if TYPE_CHECKING:
    from quadrat.querying.usage import TaskUsage

COLUMNS = ("task", "runs", "cpus", "busy", "memory", "peak", "walltime", "took")


def usage(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the finished runs of each task asked for and what they needed, and advise what to ask for.

    Where two numbers stand, they are the median and the most. What is advised is YAML for the study's configuration.
    Peak memory is that of the worker's process, so it includes what earlier runs left loaded, but neither processes
    that a run starts nor the memory of a GPU. Cores busy are the process's own processor time over its time.

    Examples:
      quadrat usage mnist_fgsm

      quadrat usage mnist_fgsm seed=1,2,3 --json
    """
    from quadrat.querying.usage import as_yaml
    from quadrat.querying.usage import usage as count

    session = make_session(study, overrides, store=store, config=config, where=where)
    tasks = count(session)
    if as_json:
        answer({"study": session.study.name, "tasks": [one.told() for one in tasks], "yaml": as_yaml(tasks) or None})
        return
    table(COLUMNS, [_row(one) for one in tasks])
    counted = [one for one in tasks if one.runs]
    for one in counted:
        if one.advice:
            print(f"{one.task}: {one.advice}")
    if not counted:
        say("none of these runs is finished: `quadrat run` or `quadrat submit`, with --canary, runs one of each task")
    elif text := as_yaml(tasks):
        print(f"\n{text}", end="")
        if any("cpus" in one.suggested for one in tasks):
            say("note: a run has as many threads as cpus, and with another number its last digits may change")
    else:
        print("what is declared fits")


def _row(one: TaskUsage) -> list[object]:
    from quadrat.querying.usage import show_bytes, show_seconds

    if not one.runs:
        measured = ["-", "-", "-"]
    else:
        measured = [
            f"{one.busy.median:.1f}, {one.busy.most:.1f}" if one.busy.most else "-",
            f"{show_bytes(one.memory.median)}, {show_bytes(one.memory.most)}",
            f"{show_seconds(one.seconds.median)}, {show_seconds(one.seconds.most)}",
        ]
    asked = one.asked
    return [
        one.task,
        one.runs,
        asked.cpus,
        measured[0],
        show_bytes(asked.memory) if asked.memory else "-",
        measured[1],
        show_seconds(asked.walltime) if asked.walltime else "-",
        measured[2],
    ]
