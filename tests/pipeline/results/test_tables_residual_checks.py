"""What tests of residuals say of a sweep, in counts and in words."""

import numpy as np

from pipeline.results.tables.residual_checks import (
    describe_checks,
    describe_orders,
    summarise_checks,
    summarise_orders,
)

STATISTIC = {
    "autocorrelation": np.array([0.1, 0.5, 0.95, np.nan]),
    "error_order": np.array([0.0, 2.0, 3.0, np.nan]),
    "p_unit_root": np.array([0.0, 0.01, 0.4, np.nan]),
    "p_break": np.array([0.01, 0.02, 0.8, np.nan]),
    "p_size_firms": np.array([0.2, 0.3, 0.04, np.nan]),
}


def test_flags_are_counted_against_chance():
    table = summarise_checks({"a": STATISTIC})
    assert list(table.columns) == [
        "model", "what", "flagged", "of", "by_chance", "median_p", "more_than_chance"
    ]  # fmt: skip
    rows = {row[1]: row[2:] for row in table.rows()}
    # Two of three at 5 % have a chance of 0.7 %, one of 14 %.
    assert rows["a parameter changes on the way"] == (2, 3, 0.05 * 3, 0.02, True)
    assert rows["errors are larger in some firms than in others"] == (1, 3, 0.05 * 3, 0.2, False)
    (sentence,) = describe_checks(table, "a")
    assert sentence.startswith("A parameter changes on the way in 2 of 3 markets at 5 % (0.15 by chance): ")
    assert describe_checks(table, "b") == ()
    # Stores of early versions lack the tests.
    assert len(summarise_checks({"a": {}})) == 0


def test_a_single_market_is_told_by_its_p_value():
    table = summarise_checks({"a": {"p_break": np.array([0.03])}})
    assert describe_checks(table, "a")[0].startswith("A parameter changes on the way (p = 0.03): ")


def test_orders_are_counted_and_said():
    table = summarise_orders({"a": STATISTIC})
    assert list(table.rows()) == [("a", 1, 0, 1, 1, 1, 1, 3)]
    order, cap, walk = describe_orders(table, "a")
    assert "order 2 in 1, and two are not enough in 1" in order
    assert "1 of 3 markets the correlation of errors is at the cap of 0.95" in cap
    assert "1 of 3 markets errors may be a random walk" in walk
    assert len(summarise_orders({"a": {}})) == 0
    white = summarise_orders({"a": {name: value[:1] for name, value in STATISTIC.items()}})
    assert describe_orders(white, "a") == ()
