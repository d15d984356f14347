"""`quadrat ui`: a live page of sweeps."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from quadrat.cli.common import ConfigOption, JsonOption, StoreOption, make_session, say
from quadrat.cli.completion import complete_study

if TYPE_CHECKING:
    from quadrat.serving import Address
    from quadrat.session import Session
    from quadrat.store.store import Store


def ui(
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY [NAME=VALUE]...]...",
            help="Studies, each with its overrides; else what was run last of every study in the store.",
            autocompletion=complete_study,
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="On loopback; else the first free one from 8724 on.", show_default=False
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser of this machine.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show sweeps on a page as they go on: progress, workers, the table of runs, curves, failures. Changes nothing.

    The page is at an address of this machine with a token in it, and follows whoever runs the sweep: this machine,
    another one on the same file system, SLURM. Stop it with Ctrl-C; the sweep does not notice.

    Examples:
      quadrat ui

      quadrat ui mnist_fgsm seed=1,2,3

      quadrat ui mnist_fgsm lambda_hat --store /scratch/runs --port 8080

      ssh -L 8724:localhost:8724 login-node     # then open the address here
    """
    from quadrat.core.errors import BadInput
    from quadrat.session import store_path
    from quadrat.store.store import Store

    try:
        from quadrat.serving import Sources, serve
    except ModuleNotFoundError as error:
        raise BadInput(f"the live page needs {error.name}", hint="pip install 'quadrat[ui]'") from None
    sessions = [make_session(name, overrides, store=store, config=config) for name, overrides in _asked(studies or ())]
    _all_in_one_store(sessions)
    sources = Sources(sessions[0].store if sessions else Store(store_path(store)), sessions)

    serve(sources, lambda address: _tell(address, sources.store, browser=browser, as_json=as_json), port)


def _tell(address: Address, store: Store, *, browser: bool, as_json: bool) -> None:
    """Say where the page is."""
    if as_json:
        print(json.dumps({"url": address.url, "port": address.port}), flush=True)
    else:
        print(address.url, flush=True)
        say(f"the store is {store.root}; Ctrl-C ends the page, and nothing else")
        say(f"from another machine: ssh -L {address.port}:localhost:{address.port} {socket.gethostname()}")
    if browser:
        import webbrowser

        webbrowser.open(address.url)


def _asked(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Studies, each with the overrides behind it.

    Raises:
        BadInput: for an override before any study, or a study that is named twice.
    """
    from quadrat.core.errors import BadInput

    found: dict[str, list[str]] = {}
    for word in words:
        if "=" not in word and word in found:
            raise BadInput(f"'{word}' is named twice", hint="one page shows one request of each study")
        if "=" not in word:
            found[word] = []
        elif found:
            found[next(reversed(found))].append(word)
        else:
            raise BadInput(f"'{word}' comes before any study", hint=f"quadrat ui STUDY {word}")
    return list(found.items())


def _all_in_one_store(sessions: Sequence[Session]) -> None:
    from quadrat.core.errors import BadInput

    roots = {one.store.root: one.study.name for one in sessions}
    if len(roots) > 1:
        told = "; ".join(f"{name} in {root}" for root, name in roots.items())
        raise BadInput(f"these studies have stores of their own: {told}", hint="one page for each, or --store")
