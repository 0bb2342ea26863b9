"""A study of 300 fits that only wait."""

import pytest
from slow_study import write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path)
