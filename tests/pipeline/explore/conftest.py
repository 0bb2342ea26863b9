"""A store that is explored without a network: the application is called in this process."""

from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from pipeline.explore.app import make_app
from pipeline.explore.explorer import Explorer

HOST = "127.0.0.1:8000"


@pytest.fixture
def explored():
    """Give a maker: of a client that has not shown the token yet, with the explorer behind it."""
    made = []

    def make(store, **options):
        explorer = Explorer(store, **options)
        made.append(explorer)
        app = make_app(explorer, [HOST], "beed-8000")
        client = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)
        return SimpleNamespace(explorer=explorer, client=client)

    yield make
    for explorer in made:
        explorer.asker.close()


@pytest.fixture
def visitor(explored):
    """Give a maker of a client that has been let in."""

    def make(store, **options):
        one = explored(store, **options)
        one.client.get(f"/?token={one.explorer.token}")
        return one.client

    return make
