"""`quadrat status`: how a sweep stands."""

from __future__ import annotations

from quadrat.cli.common import (
    ConfigOption,
    JsonOption,
    OnlyOption,
    OverridesArgument,
    StoreOption,
    StudyArgument,
    ToOption,
    WhereOption,
    answer,
    make_session,
    say,
    table,
)


def status(
    study: StudyArgument,
    overrides: OverridesArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    where: WhereOption = None,
    only: OnlyOption = None,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many runs of each task are finished, to run, failed and outdated.

    Examples:
      quadrat status mnist_fgsm

      quadrat status mnist_fgsm seed=1,2,3,4 --json

      quadrat status mnist_fgsm --only part_3_train_and_test_command
    """
    session = make_session(study, overrides, store=store, config=config, where=where, only=only, to=to)
    counts = session.plan(write_index=True).counts()
    if as_json:
        answer(counts)
        return
    keys = ("runs", "finished", "to_run", "failed", "outdated")
    rows = [[one["task"], *(one[key] for key in keys)] for one in counts["tasks"]]
    rows.append(["total", *(counts[key] for key in keys)])
    table(["task", "runs", "finished", "to run", "failed", "outdated"], rows)
    if session.store.exists and session.store.index.torn:
        say(f"{len(session.store.index.torn)} runs cannot be read: see `quadrat verify`")
    if counts["outdated"]:
        say(outdated_line(counts["outdated"], session.study.name))


def outdated_line(count: int, study: str) -> str:
    """What to say of runs whose code has changed since."""
    return (
        f"OUTDATED: the code of {count:,} finished runs has changed since they ran "
        f"(`--rerun outdated` runs them again, `quadrat accept {study}` declares them as good as new)"
    )
