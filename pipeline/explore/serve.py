"""Serving the pages of a store on this computer until a signal comes."""

import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from os import environ
from typing import TYPE_CHECKING

import uvicorn

from pipeline.errors import QueryError
from pipeline.explore.app import make_app
from pipeline.signals import stop_on_signals

if TYPE_CHECKING:
    from pipeline.explore.explorer import Explorer

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that can be served on: nobody else's computer reaches them."""
# Seconds that answers under way have when it ends.
_PATIENCE = 1


def serve(
    explorer: "Explorer",
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    browser: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve until a signal comes (Ctrl-C).

    Parameters
    ----------
    explorer
        The store.
    host
        One of `LOOPBACK`.
    port
        0: one that is free.
    browser
        Whether to open the link in a browser.
    say
        Takes the link.

    Raises
    ------
    QueryError
        Another host, or a port that is taken.
    """
    with _listening(host, port) as listener:
        port = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        names = [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        app = make_app(explorer, names, f"beed-{port}")
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws="none",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_PATIENCE,
        )
        server, stop = uvicorn.Server(config), threading.Event()
        # Signals are heard by the main thread, as everywhere in this program; the server has one of its own.
        thread = threading.Thread(target=_serve, args=(server, listener, stop), name="explore", daemon=True)
        with stop_on_signals(stop):
            thread.start()
            say(f"http://{shown}:{port}/?token={explorer.token}")
            if browser and _has_display():
                webbrowser.open(f"http://{shown}:{port}/?token={explorer.one_time_code()}")
            stop.wait()
            server.should_exit = True
            thread.join(2 * _PATIENCE)
            explorer.asker.close()


def _serve(server: uvicorn.Server, listener: socket.socket, stop: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        stop.set()


def _listening(host: str, port: int) -> socket.socket:
    if host not in LOOPBACK:
        raise QueryError(
            f"Got the host {host}; expected one of {', '.join(LOOPBACK)}: pages are for this computer alone. "
            "From another one, forward the port: ssh -L 8765:127.0.0.1:8765 HOST."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # As uvicorn does: a port is free again at once.
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise QueryError(
            f"The port {port} of {host} cannot be had: {error.strerror}. Leave --port out for a free one."
        ) from error
    return listener


def _has_display() -> bool:
    """Tell whether a browser has where to show itself; elsewhere it would take the terminal."""
    return sys.platform != "linux" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
