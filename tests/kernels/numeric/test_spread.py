"""Positions evenly chosen of many."""

import pytest

from kernels.numeric.spread import evenly_spread


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(5, 9, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (7, 1, [0]), (0, 3, []), (4, 0, [])],
)
def test_first_and_last_are_among_them(count, most, expected):
    assert evenly_spread(count, most).tolist() == expected
