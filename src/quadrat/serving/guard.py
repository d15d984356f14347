"""Who may read: whoever has the token, by a name of this machine. Loopback is not private: others may be logged in."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("localhost", "127.0.0.1", "[::1]")
TOKEN = "token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets requests through that only read, name this machine as their host, and have the token.

    The token comes in the address of the first page, which is answered with a cookie and the address without it; or
    from scripts as `Authorization: Bearer …`. Pages of other hosts that point their name here (DNS rebinding) fail by
    the host's name, and by the cookie, which is for this host only.

    Args:
        app: what is guarded.
        token: the token.
        cookie: the cookie's name; ports of a host share their cookies, so that it should have the port in it.
    """

    def __init__(self, app: ASGIApp, token: str, cookie: str) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        answer: ASGIApp = self._app if refusal is None else refusal

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await answer(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not let through; a redirection for the one that brings the token; None where it is."""
        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in HOSTS:
            return PlainTextResponse("this page is at localhost only\n", 421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("this page only reads\n", 405, {"Allow": "GET, HEAD"})
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if any(self._is_token(given) for given in query.get(TOKEN, ())):
            rest = urlencode([(name, one) for name, given in query.items() if name != TOKEN for one in given])
            path = "/" + scope["path"].lstrip("/")  # two slashes would name a host
            answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        kept = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")  # others of this host are none of ours
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_token(kept) or self._is_token(bearer):
            return None
        return PlainTextResponse("the address that `quadrat ui` printed has a token in it: use that one\n", 403)

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._token.encode())


def _host(header: str) -> str:
    """The host's name without its port, which differs behind a tunnel of ssh."""
    name, colon, port = header.rpartition(":")
    return name if colon and port.isdecimal() else header
