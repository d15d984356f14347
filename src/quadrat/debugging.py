"""One run by itself: rebuilt from what the store knows of it, run in this process, committed nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from quadrat.core.errors import RunFailed
from quadrat.core.loading import Loaded, StudyRef, find_study, load_study
from quadrat.execution.base import Batch, Context, Order, Ref
from quadrat.execution.inline import post_mortem
from quadrat.execution.worker import Worker
from quadrat.store import failures
from quadrat.store.failures import Failure
from quadrat.store.record import Record
from quadrat.store.store import Store


def debug_run(store: Store, id: str, study: str | None, *, pdb: bool) -> Failure | None:
    """Run one run again without committing it.

    Args:
        store: the store.
        id: the whole id.
        study: where the study is, if not where it was.
        pdb: open a debugger where it raises.

    Returns:
        The failure, or None where it worked.

    Raises:
        RunFailed: where the run, what it reads, or its study cannot be found.
    """
    known: Record | Failure | None = store.newest(id) or failures.read(store.layout, id)
    if known is None:
        raise RunFailed(f"nothing is known of run {id[:12]}")
    loaded = _study(store, known.plan, study)
    if known.task not in loaded.study.tasks:
        raise RunFailed(f"study '{loaded.study.name}' has no task '{known.task}' any more")
    group = known.group if isinstance(known, Failure) else dict.fromkeys(known.inputs, known.group)
    order = Order(
        id=id,
        attempt=0,
        params=orjson.dumps(known.params),
        inputs=tuple((name, _refs(store, ids)) for name, ids in known.inputs.items()),
        group=dict(group),
    )
    context = Context(str(store.root), loaded.ref, "debug", command="quadrat debug {id}")
    worker = Worker(context, on_error=post_mortem if pdb else None)
    resources = loaded.study.tasks[known.task].resources
    return worker.rehearse(Batch(0, known.task, (order,), resources.cpus, resources.gpus)).failure


def _study(store: Store, plan: str, study: str | None) -> Loaded:
    if study is not None:
        return find_study(study)
    try:
        request: Mapping[str, Any] = orjson.loads((store.layout.plans / f"{plan}.json").read_bytes())
    except (OSError, ValueError):
        raise RunFailed("the request that made the run is lost", hint="say where its study is with --study") from None
    return load_study(StudyRef(request["kind"], request["source"]))


def _refs(store: Store, ids: str | list[str] | None) -> Ref | tuple[Ref, ...] | None:
    if ids is None:
        return None
    if isinstance(ids, list):
        return tuple(_ref(store, one) for one in ids)
    return _ref(store, ids)


def _ref(store: Store, id: str) -> Ref:
    record = store.newest(id)
    if record is None:
        raise RunFailed(f"run {id[:12]}, which it reads, is not finished any more")
    return record.id, record.attempt
