"""Where intervals are too short, and say so."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.results.intervals import short_intervals


def tables(half_lives, gains, periods=104):
    value = np.zeros((len(gains), 1, 2))
    value[:, 0, 1] = gains
    return SimpleNamespace(
        params_of=lambda _: np.array(["price", "gain"]),
        statistics=lambda _: {"adjustment_rate": np.log(2.0) / np.asarray(half_lives)},
        arrays=lambda _: {"value": value},
        labels=lambda _: np.arange(periods),
    )


@pytest.mark.parametrize(
    ("half_lives", "gains", "said"),
    [
        ([20.0, 20.0, 2.0], [0.9, 0.9, 0.9], "In 2 of 3 markets"),
        ([2.0, 2.0, 2.0], [0.9, 0.9, 0.9], None),
        ([20.0, 20.0, 20.0], [0.0, 0.1, 0.9], None),
        ([20.0, np.nan, 20.0], [0.5, 0.5, 0.5], "In 2 of 2 markets"),
    ],
)
def test_slow_markets_whose_errors_last_have_intervals_that_are_too_short(half_lives, gains, said):
    found = short_intervals(tables(half_lives, gains), "m")
    assert bool(found) == (said is not None)
    assert said is None or found[0].startswith(said)
