import numpy as np
import pytest

from kernels.formula.expression import ExpressionError
from pipeline.config.sections.data import EffortSection
from pipeline.panel.efforts import Groups, build_effort

COLUMNS = ("price", "cost", "sales")
# Two firms over periods 0, 1, 2; the second one is absent in period 1; a second market of one row.
GROUPS = Groups(period=np.array([0, 1, 2, 0, 2, 3]), series=np.array([0, 0, 0, 1, 1, 2]))
PRICE = np.array([1.0, 2.0, 4.0, 3.0, 8.0, 5.0])


def compute(formula):
    effort = build_effort("x", EffortSection(formula=formula), COLUMNS)
    return effort.compute({"price": PRICE, "cost": PRICE, "sales": 2 * PRICE}, GROUPS)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("market_mean(price)", [2, 2, 6, 2, 6, 5]),
        ("firm_mean(price)", [7 / 3, 7 / 3, 7 / 3, 5.5, 5.5, 5]),
        ("lag(price)", [1, 1, 2, 3, 3, 5]),
        ("lag(price, 2)", [1, 1, 1, 3, 3, 5]),
        ("cost / sales", [0.5] * 6),
        ("market_mean(price - lag(price))", [0, 1, 3.5, 0, 3.5, 0]),
        ("2", [2] * 6),
    ],
)
def test_formulas(formula, expected):
    np.testing.assert_allclose(compute(formula), expected, rtol=1e-15)


@pytest.mark.parametrize(
    "formula", ["lag(price, 0)", "lag(price, 0.5)", "lag(price, -1)", "lag(price, price)"]
)
def test_lag_must_be_a_whole_number_of_past_periods(formula):
    with pytest.raises(ExpressionError, match="whole number of periods"):
        build_effort("x", EffortSection(formula=formula), COLUMNS)


def test_lag_that_varies_by_row_is_refused():
    with pytest.raises(ExpressionError, match="whole number of periods"):
        compute("lag(price, where(price > 4, 2, 1))")


def test_unknown_column_in_a_formula_is_named_with_the_nearest():
    with pytest.raises(ExpressionError, match="price"):
        build_effort("x", EffortSection(formula="log(prise)"), COLUMNS)


def test_plain_column_takes_the_effort_s_name():
    effort = build_effort("price", EffortSection(unit="$"), COLUMNS)
    assert effort.columns == ("price",)
    np.testing.assert_array_equal(effort.compute({"price": PRICE}, GROUPS), PRICE)
