"""A plan that is planned again on the way ends nearer and cheaper: some runs of `closed_loop.py`."""

import numpy as np
from flown import TARGET, fly


def test_closed_loop_ends_nearer_and_cheaper():
    found = {closed: [fly(seed, closed=closed, draws=24) for seed in (0, 2)] for closed in (False, True)}
    miss, spent = (
        {closed: np.mean([read(one) for one in flights]) for closed, flights in found.items()}
        for read in (lambda one: abs(one.reached - TARGET), lambda one: one.spent)
    )
    assert miss[True] < miss[False]
    assert spent[True] < spent[False]
