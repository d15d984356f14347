"""Verbs that look at runs: show, path, logs, note, quarantine."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quadrat.cli.common import JsonOption, StoreOption, amount, answer, duration, say

if TYPE_CHECKING:
    from quadrat.store.record import Record
    from quadrat.store.store import Store

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id; its first digits are enough.")]


def _store(store: Any) -> Store:
    from quadrat.core.errors import StoreError
    from quadrat.session import store_path
    from quadrat.store.store import Store

    found = Store(store_path(store))
    if not found.exists:
        raise StoreError("there is no store", where=str(found.root), hint="give it with --store, or run a study first")
    return found


def show(
    run: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run id (its first digits), or a file.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: parameters, metrics, inputs, provenance, artifacts, notes, log; or what a figure was made from.

    A file is a view, an artifact, or a figure that `quadrat plot` drew.

    Examples:
      quadrat show 3fa4

      quadrat show 3fa4c1 --json

      quadrat show runs/figures/accuracy.png
    """
    from dataclasses import asdict

    from quadrat.core.errors import RunFailed
    from quadrat.store import failures

    if _show_figure(run, as_json=as_json):
        return
    found = _store(store)
    id = found.resolve(run)
    record = found.newest(id)
    notes = found.notes(id)
    if record is not None:
        if as_json:
            answer({"state": "finished", "folder": str(found.folder(record)), "notes": notes, **asdict(record)})
        else:
            _show_record(found, record, notes)
        return
    failure = failures.read(found.layout, id)
    if failure is None:
        raise RunFailed(f"run {id} cannot be read", hint="see `quadrat verify`")
    if as_json:
        answer({"state": "failed", "notes": notes, **asdict(failure)})
        return
    from quadrat.cli.failing import show_one

    say(f"run {id} of {failure.task} FAILED ({failure.kind}): {failure.message}")
    show_one(failure)


def _show_figure(name: str, *, as_json: bool) -> bool:
    """Tell what a figure was made from; False for anything that is no figure of `quadrat plot`."""
    from dataclasses import asdict
    from pathlib import Path

    path = Path(name)
    if path.suffix.lower() not in (".pdf", ".png", ".svg") or not path.is_file():
        return False
    from quadrat.results.figures.keeping import source_of

    source = source_of(path)
    if source is None:
        return False
    if as_json:
        answer({"figure": str(path), **asdict(source)})
        return True
    shown = [f"{id[:12]}" for id in source.runs[:_MOST_IDS]]
    more = len(source.runs) - len(shown)
    print(f"figure of {len(source.runs):,} runs of {source.study}/{source.task} in {source.store}")
    print(f"made by: {source.command}")
    print("runs:\n" + "\n".join(f"  {'  '.join(shown[at : at + 6])}" for at in range(0, len(shown), 6)))
    if more:
        print(f"  and {more:,} more: --json tells all")
    return True


_MOST_IDS = 60


def _show_record(store: Store, record: Record, notes: list[dict[str, Any]]) -> None:
    from datetime import datetime

    folder = store.folder(record)
    print(f"run {record.id}  {record.study}/{record.task}  version {record.version}, attempt {record.attempt}")
    _section("params", {**{f"{name}": value for name, value in record.params.items()}})
    _section("params of what it reads", record.chain)
    _section("metrics", record.scalars)
    inputs = {name: f"{len(ids)} runs" if isinstance(ids, list) else ids for name, ids in record.inputs.items()}
    _section("inputs", inputs)
    artifacts = {
        name: f"{folder / one.path}  {amount(one.size)}"
        + ("  (temporary, gone)" if one.temp and not (folder / one.path).exists() else "")
        for name, one in record.artifacts.items()
    }
    _section("artifacts", artifacts)
    started = datetime.fromtimestamp(record.started).astimezone().isoformat(timespec="seconds")
    dirty = " (with uncommitted changes)" if record.git.get("dirty") else ""
    _section(
        "provenance",
        {
            "started": started,
            "took": f"{duration(record.seconds)} ({duration(record.cpu_seconds)} of CPU)",
            "peak memory": amount(record.peak_memory),
            "host": f"{record.host}, process {record.pid}",
            "devices": ", ".join(record.devices),
            "code": record.code,
            "git": f"{record.git.get('commit', '')[:12]}{dirty}" if record.git else "",
            "environment": _environment(store, record.environment),
            "seeds": ", ".join(f"{name}={value}" for name, value in record.seeds.items()),
            "continued from": record.continued,
            "request": str(store.layout.plans / f"{record.plan}.json") if record.plan else "",
        },
    )
    if notes:
        _section("notes", {note["author"]: note["text"] for note in notes})
    if record.log:
        print("log (its end):\n" + "\n".join(f"  {line}" for line in record.log.rstrip().splitlines()[-15:]))


def _environment(store: Store, name: str) -> str:
    told = store.environment(name)
    return (
        f"Python {told.get('python')} on {told.get('platform')}, {len(told.get('packages', {}))} packages"
        if told
        else ""
    )


def _section(title: str, values: dict[str, Any]) -> None:
    shown = {name: value for name, value in values.items() if value not in ("", None)}
    if shown:
        width = max(len(name) for name in shown)
        print(f"{title}:")
        for name, value in shown.items():
            print(f"  {name:<{width}}  {value}")


def path(
    run: RunArgument,
    artifact: Annotated[str | None, typer.Argument(help="An artifact; else the run's folder.")] = None,
    store: StoreOption = None,
) -> None:
    """Print the path of a run's folder, or of one of its artifacts.

    Examples:
      cd $(quadrat path 3fa4)

      quadrat path 3fa4 weights
    """
    from quadrat.core.errors import unknown

    found = _store(store)
    record = _finished(found, run)
    folder = found.folder(record)
    if artifact is None:
        print(folder)
    elif artifact in record.artifacts:
        print(folder / record.artifacts[artifact].path)
    else:
        raise unknown("artifact", artifact, list(record.artifacts))


def logs(run: RunArgument, store: StoreOption = None) -> None:
    """Print everything that a run printed; of a run that failed, its error too.

    Examples:
      quadrat logs 3fa4 | less
    """
    from quadrat.core.errors import RunFailed
    from quadrat.store import failures
    from quadrat.store.record import LOG_FILE

    found = _store(store)
    id = found.resolve(run)
    record = found.newest(id)
    if record is not None:
        whole = found.folder(record) / LOG_FILE
        sys.stdout.write(whole.read_text(errors="replace") if whole.exists() else record.log)
        return
    failure = failures.read(found.layout, id)
    if failure is None:
        raise RunFailed(f"run {id} cannot be read", hint="see `quadrat verify`")
    whole = found.layout.failure_log(id)
    sys.stdout.write(whole.read_text(errors="replace") if whole.exists() else failure.log)
    print(failure.traceback or failure.message)


def note(
    run: RunArgument,
    text: Annotated[str, typer.Argument(help="What to remember of it.")],
    store: StoreOption = None,
) -> None:
    """Write a note on a run; `quadrat show` shows it.

    Examples:
      quadrat note 3fa4 "loss spikes at step 200"
    """
    found = _store(store)
    id = found.resolve(run)
    found.note(id, text, getpass.getuser())
    print(f"noted on {id[:12]}")


def quarantine(run: RunArgument, store: StoreOption = None) -> None:
    """Set a finished run aside: it is kept, but counts as not finished, so that `run` makes it again.

    Examples:
      quadrat quarantine 3fa4
    """
    from quadrat.core.errors import RunFailed

    found = _store(store)
    id = found.resolve(run)
    moved = found.quarantine(id)
    for path in moved:
        print(f"set aside: {path}")
    if not moved:
        raise RunFailed(f"run {id[:12]} is not finished: there is nothing to set aside")


def _finished(store: Store, run: str) -> Record:
    from quadrat.core.errors import RunFailed

    id = store.resolve(run)
    record = store.newest(id)
    if record is None:
        raise RunFailed(f"run {id[:12]} is not finished", hint=f"`quadrat logs {id[:12]}` shows why")
    return record
