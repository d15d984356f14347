"""Run the server: on loopback, with a token, until it is stopped."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from quadrat.core.errors import BadInput, QuadratError
from quadrat.serving.app import make_app
from quadrat.serving.sources import Sources

LOOPBACK = "127.0.0.1"
PORT = 8724
_TRIES = 20
_TOKEN_BYTES = 24
_SHUTDOWN_SECONDS = 3


@dataclass(frozen=True)
class Address:
    """Where the page is: the port on this machine, and the address with its token."""

    port: int
    url: str


def serve(sources: Sources, told: Callable[[Address], None], port: int | None = None) -> None:
    """Serve a page until Ctrl-C.

    Args:
        sources: what is shown.
        told: called with the address as soon as the page is there.
        port: on loopback; the first free one from 8724 on where it is not said, any free one for 0.

    Raises:
        BadInput: for a port that is taken.
    """
    import uvicorn

    listener = _listen(port)
    number = listener.getsockname()[1]
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    app = make_app(sources, token, cookie=f"quadrat-{number}", is_over=lambda: server.should_exit)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )  # fmt: skip
    threading.Thread(target=_look_ahead, args=[sources], daemon=True, name="quadrat-first-look").start()
    told(Address(number, f"http://{LOOPBACK}:{number}/?token={token}"))
    with listener:
        server.run(sockets=[listener])


def _look_ahead(sources: Sources) -> None:
    """Read what the first reader will ask for, so that the first page is there at once."""
    for watch in sources.watches().values():
        with contextlib.suppress(QuadratError):  # whoever asks for the page is told
            tasks = watch.look().state.tasks
            if tasks:
                watch.table(tasks[-1].task)


def _listen(port: int | None) -> socket.socket:
    """A socket that listens already, so that who is told of the page finds it."""
    ports = range(PORT, PORT + _TRIES) if port is None else [port]
    for one in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, one))
        except OSError as error:
            listener.close()
            if port is not None:
                raise BadInput(
                    f"port {port} cannot be had: {error.strerror}", where="--port", hint="leave it out for a free one"
                ) from None
            continue
        listener.listen(128)
        return listener
    raise BadInput(f"ports {ports[0]} to {ports[-1]} are all taken", hint="name a free one: --port")
