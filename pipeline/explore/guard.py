"""Who may come in: someone on this computer who has the link, under an address of this computer."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.explore.rendering import pieces
from pipeline.explore.reply import Page

if TYPE_CHECKING:
    from pipeline.explore.explorer import Explorer

# Drawings carry attributes `style`; scripts come from files of ours alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TOKEN = "token"
# What the page that refuses looks like is no secret.
_OPEN = "/explore.css"


class Guard:
    """Let through who has the token, and say in every answer what a browser may do with it.

    The token comes in the query of the first address, and a cookie takes its place.
    Names of hosts are checked as well: a foreign page whose name points to this computer gets nothing.

    Parameters
    ----------
    app
        What is guarded.
    explorer
        Knows the token.
    hosts
        Values of the header ``Host`` that are served.
    cookie
        Name of the cookie; browsers do not keep those of different ports apart, so it holds the port.
    """

    def __init__(self, app: ASGIApp, explorer: "Explorer", hosts: Collection[str], cookie: str) -> None:
        self._app, self._explorer = app, explorer
        self._hosts, self._cookie = frozenset(hosts), cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        await (self._answer(scope) or self._app)(scope, receive, marked)

    def _answer(self, scope: Scope) -> Response | None:
        """Refuse, or take the token out of the address; None: let through."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", "").lower() not in self._hosts:
            return _refusal(
                421, "This server answers only under the address that `beed explore` printed.", {}
            )
        if scope["method"] not in ("GET", "HEAD"):
            return _refusal(405, "Nothing can be changed here: only GET is answered.", {})
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        token = query.pop(_TOKEN, None)
        if token is not None and self._explorer.admits(token):
            path = scope["path"] if scope["path"].startswith("/") and scope["path"][1:2] != "/" else "/"
            answer = RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)
            answer.set_cookie(self._cookie, self._explorer.token, httponly=True, samesite="lax")
            return answer
        cookies = cookie_parser(headers.get("cookie", ""))
        if scope["path"] == _OPEN:
            return None
        if token is None and self._explorer.admits(cookies.get(self._cookie, "")):
            return None
        said = "The token is not the one of this server." if token is not None else "This link needs a token."
        text = f"{said} Open the link that `beed explore` printed, or type the token that stands in it."
        return _refusal(403, text, query)


def _refusal(status: int, text: str, query: Mapping[str, str]) -> Response:
    page = Page("refusal.html", "Not let in", {"text": text, "query": query, "ask": status == 403})
    return Response(b"".join(pieces(page, None)), status_code=status, media_type="text/html")
