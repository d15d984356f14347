"""What the server answers: pages, the state of sweeps as JSON and as events, tables, runs, artifacts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio.to_thread
import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from quadrat.core.errors import BadInput, QuadratError, unknown
from quadrat.querying.causes import causes
from quadrat.querying.dag import svg
from quadrat.serving.files import artifact, log_file, static
from quadrat.serving.guard import Guard
from quadrat.serving.sources import Sources
from quadrat.watching import Asked, Watch, about, comparison, difference, page
from quadrat.watching.runs import cut, failure_told, find, log_of

EVENT_SECONDS = 1.0
THREADS = 4
_MOST_CAUSES = 50
_MOST_IDS = 50

Answer = Callable[[Watch, Request], Any]


def make_app(
    sources: Sources, token: str, *, cookie: str = "quadrat", is_over: Callable[[], bool] = lambda: False
) -> Starlette:
    """The application, for a server.

    Args:
        sources: what is shown.
        token: what readers must know.
        cookie: the name under which their browsers keep it.
        is_over: whether the server is to end: streams of events end then.
    """

    def watch_of(request: Request) -> Watch:
        known = sources.watches()
        name = request.path_params["study"]
        if name not in known:
            raise unknown("study", name, list(known))
        return known[name]

    def answered(answer: Answer) -> Callable[[Request], Response]:
        return lambda request: _json(answer(watch_of(request), request))

    def studies(request: Request) -> Response:
        told = [{"study": name, "command": _command(watch)} for name, watch in sources.watches().items()]
        return _json({"studies": told, "notes": sources.notes(), "store": str(sources.store.root)})

    def graph(request: Request) -> Response:
        return Response(svg(watch_of(request).look().plan), media_type="image/svg+xml")

    def events(request: Request) -> Response:
        watch_of(request)
        return StreamingResponse(_events(lambda: _event(sources, request), is_over), media_type="text/event-stream")

    def file(request: Request) -> Response:
        found = find(watch_of(request), _id(request))
        return artifact(found, request.path_params["name"], request.query_params.get("inside", ""))

    def log(request: Request) -> Response:
        return log_file(find(watch_of(request), _id(request)))

    routes = [
        Route("/", static),
        Route("/static/{name}", static),
        Route("/api/studies", studies),
        Route("/api/{study}/state", answered(lambda watch, _: watch.look().state.told())),
        Route("/api/{study}/events", events),
        Route("/api/{study}/graph.svg", graph),
        Route("/api/{study}/tasks/{task}/rows", answered(_rows)),
        Route("/api/{study}/tasks/{task}/comparison", answered(_comparison)),
        Route("/api/{study}/failures", answered(_failures)),
        Route("/api/{study}/runs/{run}", answered(lambda watch, request: about(watch, _id(request)))),
        Route("/api/{study}/runs/{run}/difference", answered(_difference)),
        Route("/api/{study}/runs/{run}/log", log),
        Route("/api/{study}/runs/{run}/artifacts/{name}", file),
    ]
    handlers: Any = {QuadratError: _error, 404: _not_found}
    return Starlette(
        routes=routes, middleware=[Middleware(Guard, token=token, cookie=cookie)], exception_handlers=handlers,
        lifespan=_few_threads,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def _few_threads(app: Starlette) -> AsyncIterator[None]:
    """Answers are made in a few threads: each keeps memory of its own, and a page shall not take a sweep's cores."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def _json(value: Any, status: int = 200) -> Response:
    return Response(_bytes(value), status, media_type="application/json")


def _bytes(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # a text that is no UTF-8, as the name of a file may be
        return json.dumps(value, default=str).encode()


def _error(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuadratError):
        raise error
    told = {"error": cut(error.message), "where": error.where, "hint": error.hint}
    return _json(told, 400 if isinstance(error, BadInput) else 404)


def _not_found(request: Request, error: Exception) -> Response:
    return _json({"error": "there is nothing at this address", "where": None, "hint": None}, 404)


def _command(watch: Watch) -> str:
    """The command that runs the whole sweep, from any folder of this machine."""
    session = watch.session
    ref = session.loaded.ref
    study = ref.target if ref.kind == "file" else session.study.name
    return shlex.join(["quadrat", "run", study, *session.request.words(), "--store", str(session.store.root)])


def _id(request: Request) -> str:
    """The run that a request names.

    Raises:
        BadInput: for what is no id.
    """
    text: str = request.path_params["run"]
    if len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise BadInput("an address names a run by its 32 hexadecimal digits")
    return text


def _event(sources: Sources, request: Request) -> dict[str, Any] | None:
    """The state of a study as it is now, whichever its last request is; None where it is shown no more."""
    watches = sources.watches()
    watch = watches.get(request.path_params["study"])
    return None if watch is None else watch.look().state.told() | {"studies": sorted(watches)}


async def _events(look: Callable[[], dict[str, Any] | None], is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The state of a sweep, whenever it has changed, as server-sent events; looks are shared among all readers."""
    last: bytes | None = None
    while not is_over():
        told = await run_in_threadpool(look)
        if told is None:
            return
        now = _bytes({**told, "at": None})
        if now != last:
            last = now
            yield b"data: " + _bytes(told) + b"\n\n"
        await asyncio.sleep(EVENT_SECONDS)


def _rows(watch: Watch, request: Request) -> Any:
    given = request.query_params
    sort = [tuple(one.rsplit(":", 1)) for one in given.getlist("sort")]
    filters = [tuple(one.split(":", 1)) for one in given.getlist("filter")]
    if any(len(one) != 2 for one in [*sort, *filters]):
        raise BadInput("an address says sort=NAME:asc, filter=NAME:CONDITION")
    asked = Asked(
        _whole(given.get("first", "0")), _whole(given.get("count", "50")),
        [(one[0], one[1]) for one in sort], [(one[0], one[1]) for one in filters], given.get("words", ""),
    )  # fmt: skip
    return page(watch, request.path_params["task"], asked).told()


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"'{text[:40]}' is no whole number")
    return int(text[:18])


def _comparison(watch: Watch, request: Request) -> Any:
    given = request.query_params
    return comparison(watch, request.path_params["task"], given.get("x", ""), given.get("y", ""), given.get("hue", ""))


def _difference(watch: Watch, request: Request) -> Any:
    return difference(watch, _id(request), request.query_params.get("other", ""))


def _failures(watch: Watch, request: Request) -> Any:
    look = watch.look()
    found = causes(watch.session.store.layout, look.plan.tasks.values())
    told = [
        failure_told(one.first)
        | {"ids": one.ids[:_MOST_IDS], "count": len(one.ids), "log": log_of(find(watch, one.first.id))}
        for one in found[:_MOST_CAUSES]
    ]
    failed = sum(one.failed for one in look.state.tasks)
    return {"causes": told, "failed": failed, "read": sum(len(one.ids) for one in found), "kinds": len(found)}
