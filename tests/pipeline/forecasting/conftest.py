"""One small store for the tests of forecasts."""

import pytest
from shops import run_shops


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return run_shops(tmp_path_factory.mktemp("shops"))
