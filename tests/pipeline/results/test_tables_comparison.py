"""Comparisons of forecasts: who wins, by how much, by more than chance."""

import numpy as np
import pytest

from pipeline.errors import QueryError
from pipeline.results.summary.errors import by_horizon
from pipeline.results.tables.comparison import Losses, compare, duel

CONTENDERS = ("good", "poor", "last", "mean")


def losses_of(error, kind="rolling", metric="rmse", spacing=1):
    return Losses(np.asarray(error, float), CONTENDERS, ("last", "mean"), kind, "given", metric, spacing)


def made_up(markets=30, windows=6, steps=3, seed=0):
    """Errors around 1, 3, 2 and 4 in every market, window and step."""
    rng = np.random.default_rng(seed)
    level = np.array([1.0, 3.0, 2.0, 4.0])[:, None]
    return level + rng.uniform(-0.3, 0.3, (markets, windows, 4, steps))


def rows_of(table):
    return {
        row[table_names(table).index("model")]: dict(zip(table.columns, row, strict=True))
        for row in table.rows()
    }


def table_names(table):
    return list(table.columns)


def test_models_are_held_against_the_best_baseline():
    table = compare(losses_of(made_up()))
    rows = rows_of(table)
    assert list(rows) == ["good", "last", "poor", "mean"]
    assert {row["against"] for row in rows.values()} == {"last"}
    good, poor = rows["good"], rows["poor"]
    assert (good["wins"], good["markets"], good["better_in"], good["worse_in"]) == (30, 30, 30, 0)
    assert good["high"] < 0.0 < poor["low"]
    assert good["p"] < 0.001
    assert (poor["wins"], poor["better_in"], poor["worse_in"]) == (0, 0, 30)
    assert rows["last"]["p"] is None
    assert rows_of(compare(losses_of(made_up()), against="good"))["last"]["difference"] == pytest.approx(
        1.0, abs=0.1
    )


def test_errors_of_a_market_are_pooled_as_the_metric_says():
    error = np.zeros((1, 1, 4, 2))
    error[0, 0, 0] = [3.0, 4.0]
    error[0, 0, 1:] = 5.0
    assert rows_of(compare(losses_of(error)))["good"]["error"] == pytest.approx(np.sqrt(12.5))
    assert rows_of(compare(losses_of(error, metric="mae")))["good"]["error"] == pytest.approx(3.5)
    assert rows_of(compare(losses_of(error), step=1))["good"]["error"] == pytest.approx(3.0)


def test_one_market_is_tested_over_time():
    rows = rows_of(compare(losses_of(made_up(markets=1, windows=12)), step=1))
    assert rows["good"]["test"] == "periods"
    assert rows["good"]["p"] < 0.001
    assert rows["good"]["low"] is None


def test_noise_alone_is_no_difference():
    rng = np.random.default_rng(5)
    table = compare(losses_of(rng.uniform(1.0, 2.0, (40, 8, 4, 1))))
    rows = rows_of(table)
    others = [row for name, row in rows.items() if name != row["against"]]
    assert all(row["p"] > 0.01 for row in others)
    assert all(row["better_in"] + row["worse_in"] < 10 for row in others)


def test_a_market_without_a_fit_is_left_out():
    error = made_up()
    error[3, :, 0] = np.nan
    rows = rows_of(compare(losses_of(error)))
    assert rows["good"]["markets"] == rows["good"]["wins"] == 29
    assert rows["last"]["wins"] == 1


def test_holdout_periods_are_in_the_order_of_time():
    losses = losses_of(made_up(markets=2, windows=1, steps=27), kind="holdout")
    series, overlap = losses.series(None)
    assert series.shape == (2, 4, 27)
    assert overlap == 4
    np.testing.assert_allclose(series[1, 2], losses.error[1, 0, 2] ** 2)
    rolling, overlap = losses_of(made_up(), spacing=2).series(3)
    assert rolling.shape == (30, 4, 6)
    assert overlap == 2


def test_horizons_beside_each_other():
    error = made_up(steps=20)
    table = by_horizon(losses_of(error))
    assert list(table.columns) == [
        "model",
        "1 ahead",
        "2 ahead",
        "4 ahead",
        "8 ahead",
        "16 ahead",
        "20 ahead",
    ]
    assert table["model"].tolist() == ["good", "last", "poor", "mean"]


def test_what_is_not_there_is_said():
    losses = losses_of(made_up())
    with pytest.raises(QueryError, match="No model and no baseline is called 'best'; there are good, poor"):
        compare(losses, against="best")
    with pytest.raises(QueryError, match="Got 7 periods ahead; forecasts reach from 1 to 3"):
        compare(losses, step=7)
    assert len(compare(losses_of(np.full((3, 2, 4, 1), np.nan)))) == 0


def test_a_duel_has_one_row_a_market():
    error = made_up(markets=4, windows=12)
    error[3] = error[3, :, :1]  # in the last market all are alike
    table = duel(losses_of(error), np.array(["a", "b", "c", "d"], object), "good", "last", step=1)
    assert list(table.columns) == ["market", "good", "last", "difference", "p", "n"]
    assert table["market"].tolist() == ["a", "b", "c", "d"]
    np.testing.assert_allclose(table["difference"], table["good"] - table["last"])
    assert (table["difference"][:3] < -0.5).all()
    assert (table["p"][:3] < 0.001).all()
    assert table["difference"][3] == 0.0
    assert not table["p"][3] < 0.05
    assert table["n"].tolist() == [12] * 4
    for wrong in ({"model": "nobody"}, {"against": "nobody"}, {"step": 4}):
        settings = {"model": "good", "against": "last"} | wrong
        with pytest.raises(QueryError, match=r"nobody|4 periods ahead"):
            duel(losses_of(error), np.arange(4), **settings)


def test_contenders_are_compared_on_the_cases_that_both_have():
    """Two windows are easy and the others hard; one that has only the easy ones is not better for it."""
    error = made_up()
    error[:, 2:] += 5.0
    error[:, 2:, 1] = np.nan
    table = compare(losses_of(error))
    rows = rows_of(table)
    poor = rows["poor"]
    assert list(rows) == ["good", "last", "mean", "poor"]  # apart, though its mean error is the smallest
    assert poor["error"] < rows["good"]["error"]
    assert poor["difference"] == pytest.approx(1.0, abs=0.1)
    assert (poor["cases"], poor["of"]) == (30 * 2 * 3, 30 * 6 * 3)
    assert poor["wins"] == poor["better_in"] == 0
    assert {row["against"] for row in rows.values()} == {"last"}
    markets = np.arange(30)
    both = duel(losses_of(error), markets, "poor", "last")
    np.testing.assert_allclose(both["difference"], both["poor"] - both["last"])
    np.testing.assert_allclose(both["difference"], 1.0, atol=0.3)
    assert by_horizon(losses_of(error))["model"].tolist() == ["good", "last", "mean", "poor"]


def test_the_reference_has_every_case_where_a_baseline_has():
    error = made_up()
    error[0, 0, 2] = np.nan
    assert {row["against"] for row in rows_of(compare(losses_of(error))).values()} == {"mean"}
