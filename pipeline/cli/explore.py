"""The command that shows a store in a browser."""

from importlib.util import find_spec
from typing import Annotated

import typer

from pipeline.cli.options import StorePath, SweepName
from pipeline.errors import PlanError


def explore(
    store: StorePath,
    sweep: SweepName = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: one that is free.")] = 0,
    host: Annotated[
        str, typer.Option(help="127.0.0.1, localhost or ::1: pages are for this computer alone.")
    ] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the link in a browser.")
    ] = True,
) -> None:
    """Look at a store in a browser, also while a sweep runs: markets, models, drift, plans, SQL, what if."""
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise PlanError(
            f"Exploring needs {' and '.join(missing)}; install with: pip install 'beed[explore]'."
        )
    from pipeline.explore.explorer import Explorer
    from pipeline.explore.serve import serve
    from pipeline.store.store import Store

    def say(link: str) -> None:
        print(f"Exploring {store}, until Ctrl-C, at\n{link}", flush=True)

    serve(Explorer(Store.open(store), sweep=sweep), host=host, port=port, browser=browser, say=say)
