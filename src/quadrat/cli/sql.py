"""`quadrat sql`: ask the tables of a study in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quadrat.cli.common import ConfigOption, StoreOption, make_session
from quadrat.cli.results import AllOption, FormatOption, OutputOption, deliver

if TYPE_CHECKING:
    from quadrat.store.store import Store


def sql(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[STUDY] QUERY [NAME=VALUE]...",
            help="A SELECT in quotes; the study in front of it where the store holds several.",
            show_default=False,
        ),
    ],
    whole: AllOption = False,
    kind: FormatOption = None,
    output: OutputOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Answer an SQL query. Every task is a table of its finished runs: run, parameters, metrics, as `results` has them.

    The SQL is that of Polars. Names with a dot stand in double quotes: "sampler.name".

    Examples:
      quadrat sql "select dropout_prob, avg(test_acc) from train group by dropout_prob order by 1"

      quadrat sql mnist_fgsm "select * from attack where fgsm_acc > 0.8" seed=1,2 --format csv
    """
    from quadrat.results.formats import choose

    chosen = choose(kind, output)
    study, query, overrides = _sorted(words)
    if study is None:
        from quadrat.session import store_path
        from quadrat.store.store import Store

        store = store_path(store)
        study = _only_study(Store(store))
    session = make_session(study, overrides, store=store, config=config)
    from quadrat.querying import sql as answer

    deliver(answer(session, query, all=whole), chosen, output)


def _sorted(words: list[str]) -> tuple[str | None, str, list[str]]:
    """The study (or None), the query, the overrides."""
    from quadrat.core.errors import BadInput

    place = next((place for place, word in enumerate(words) if len(word.split()) > 1), None)
    if place is None or place > 1:
        raise BadInput("there is no query", hint='quadrat sql [STUDY] "select … from TASK"')
    return (words[0] if place else None), words[place], words[place + 1 :]


def _only_study(store: Store) -> str:
    """The one study of a store, by the name or file that it was run by.

    Raises:
        BadInput: where the store has none, or several.
    """
    from quadrat.core.errors import BadInput
    from quadrat.core.loading import entry_points

    tasks = store.refresh(write=False).tasks if store.exists else []
    studies = sorted({name.partition("/")[0] for name in tasks})
    if len(studies) != 1:
        found = f"holds runs of {', '.join(studies)}" if studies else "holds no finished run"
        raise BadInput(f"the store at '{store.root}' {found}", hint='say which study: quadrat sql STUDY "select …"')
    name = studies[0]
    if name in entry_points():
        return name
    file = _source(store)
    if file is None or not Path(file).is_file():
        raise BadInput(f"the file of study '{name}' is not where it was", hint='quadrat sql FILE.py "select …"')
    return file


def _source(store: Store) -> str | None:
    """The file of the study that the newest run of a store is of, as the request that made it has it."""
    import orjson

    index = store.index
    newest = int(index.light["started"].argmax())
    try:
        request = orjson.loads((store.layout.plans / f"{index.record(newest).plan}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return str(request.get("source"))
