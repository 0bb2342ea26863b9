"""The small store of known content, opened for questions."""

import pytest

from pipeline import open_store


@pytest.fixture
def results(filled):
    return open_store(filled.path)
