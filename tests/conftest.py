"""For all tests: the order in which processes share them out, and how wide tables are printed."""

import os

import pytest

# Test processes are told the width of the terminal; tables are to be the same in all of them.
os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put notebooks first: with several processes (`-n`) the longest file must not be the last one begun."""
    items.sort(key=lambda item: item.get_closest_marker("notebook") is None)
