"""The application: routes to pages, files beside them, behind the guard."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route as Address
from starlette.types import ASGIApp

from pipeline.errors import BeedError, StoreError, StoreNotFoundError
from pipeline.explore.guard import Guard
from pipeline.explore.rendering import environment, pieces, to_json
from pipeline.explore.reply import Data, Download, Page, Reply
from pipeline.explore.routes import ROUTES, Route
from pipeline.explore.visit import Visit

if TYPE_CHECKING:
    from pipeline.explore.explorer import Explorer

_STATIC = Path(__file__).parent / "static"


def make_app(
    explorer: "Explorer", hosts: Collection[str], cookie: str, routes: Iterable[Route] = ROUTES
) -> ASGIApp:
    """Make the application that serves the pages of a store.

    Parameters
    ----------
    explorer
        The store.
    hosts, cookie
        As `pipeline.explore.guard.Guard` takes them.
    routes
        The pages.
    """
    addresses = [Address(route.path, _endpoint(explorer, route)) for route in routes]
    addresses += [Address("/explore.css", _style)]
    addresses += [Address(f"/{file.name}", _file(file)) for file in sorted(_STATIC.iterdir())]
    app = Starlette(routes=addresses, exception_handlers={404: _not_found})
    return Guard(app, explorer, hosts, cookie)


def _endpoint(explorer: "Explorer", route: Route) -> Callable[[Request], Response]:
    # No coroutine, so starlette runs it in a thread.
    def answer(request: Request) -> Response:
        query = dict(request.query_params)
        visit = None
        try:
            view = explorer.view(query.get("sweep"), query.get("snapshot"))
            visit = Visit(explorer, view, route.path, query)
            return _response(route.load()(visit), visit)
        except BeedError as error:
            return _response(_sorry(error), visit)

    return answer


def _response(reply: Reply, visit: Visit | None) -> Response:
    match reply:
        case Data():
            return Response(to_json(reply.content), reply.status, media_type="application/json")
        case Download():
            kept = {"Content-Disposition": f'attachment; filename="{reply.name}"'}
            return Response(reply.content, headers=kept, media_type=reply.media_type)
        case Page():
            return StreamingResponse(pieces(reply, visit), reply.status, reply.headers, "text/html")


def _sorry(error: BeedError) -> Page:
    status = 404 if isinstance(error, StoreNotFoundError) else 500 if isinstance(error, StoreError) else 400
    return Page("sorry.html", "No answer", {"text": str(error)}, status)


def _not_found(request: Request, _: Exception) -> Response:
    page = Page("sorry.html", "No such page", {"text": f"There is no page {request.url.path}."}, 404)
    return Response(b"".join(pieces(page, None)), page.status, media_type="text/html")


def _style(_: Request) -> Response:
    return Response(environment().get_template("explore.css").render(), media_type="text/css")


def _file(file: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(file)
