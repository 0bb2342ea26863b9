"""For all tests: the order in which processes share them out."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put notebooks first: with several processes (`-n`) the longest file must not be the last one begun."""
    items.sort(key=lambda item: item.get_closest_marker("notebook") is None)
