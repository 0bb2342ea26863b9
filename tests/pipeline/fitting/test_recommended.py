"""Which interval is trusted: the plain one where it holds, a profile where it may not, or none."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.uncertainty.recommended import doubts, settled
from pipeline.store.format.catalogue import RECOMMENDED


def test_doubts_are_what_they_are_called():
    rng = np.random.default_rng(0)
    rows = np.linalg.qr(rng.standard_normal((60, 4)))[0].T
    # The second is nearly the first; the third leans on what stopped at a bound; the fourth is alone.
    jacobian = np.array([rows[0], rows[0] + 0.1 * rows[1], rows[2], rows[3]])
    stderr = np.sqrt(np.diag(np.linalg.inv(jacobian @ jacobian.T)))
    bound = (rows[2] + 0.3 * rows[1])[None]
    found = doubts(jacobian, bound, stderr, 1.0, np.array([100.0, 100.0, 100.0, 0.5]))
    assert found.strength == pytest.approx([0.0995, 0.0995, 1.0, 1.0], abs=1e-3)
    assert found.weak.tolist() == [True, True, False, False]
    assert found.leaning[2]
    assert not found.leaning[3]
    assert found.wide.tolist() == [False, False, False, True]


def test_a_profile_needs_an_end_inside_the_bounds():
    ends = np.array([[[0.2, 0.8]], [[-np.inf, 0.8]], [[0.0, 1.0]], [[np.nan, 0.5]]])
    some, both = settled(ends, np.zeros(4), np.ones(4))
    assert some.tolist() == [True, True, False, True]
    assert both.tolist() == [True, False, False, False]


def test_the_method_is_stored_with_its_interval(markets):
    market = markets.noisy("investment", 3)
    twin = market.efforts[1:] + 0.05 * np.random.default_rng(0).standard_normal(market.efforts[1:].shape)
    efforts = (*markets.efforts, "twin")
    record = calibrate_market(
        markets.variant("investment", efforts, "none"),
        replace(market, efforts=np.concatenate([market.efforts, twin])),
        efforts,
        FitSection(starts=4, initial="estimated", gain=0.0),
        np.random.SeedSequence(1),
        uncertainty=UncertaintySection(intervals=["autoregressive", "profile", "recommended"]),
    )
    found = record.uncertainty
    words = [RECOMMENDED[code] for code in found.recommended]
    by_name = dict(zip(record.names, words, strict=True))
    assert by_name["jump_price"] == "fixed"
    assert (by_name["place"], by_name["twin"]) == ("profile", "profile")
    plain, _, trusted = found.interval
    for row, word in enumerate(words):
        if word == "autoregressive":
            np.testing.assert_array_equal(trusted[row], plain[row])
        elif word in ("undetermined", "fixed", "at bound"):
            assert np.isnan(trusted[row]).all()
            assert np.isnan(record.stderr[row])
    row = record.names.index("twin")
    assert trusted[row, 0, 0] < record.value[row] < trusted[row, 0, 1]
    assert not np.array_equal(trusted[row], plain[row])


def test_levels_of_firms_that_lean_on_a_bound_are_as_wide_as_were_it_free(markets):
    """Against the covariance of a fit in which what stopped at its bound is free, from the Jacobian."""
    market = markets.noisy("investment", 5, periods=40)
    # Far from 0 compared with how it varies, an effort trades off with the constants of firms.
    market = replace(market, efforts=market.efforts + np.array([10.0, 0.0])[:, np.newaxis, np.newaxis])
    settings = FitSection(starts=4, bounds={"promo": (None, 0.02)})
    asked = UncertaintySection(intervals=["autoregressive", "recommended"])
    efforts = markets.efforts
    record = calibrate_market(
        markets.variant("investment", efforts, "free"),
        market,
        efforts,
        settings,
        np.random.SeedSequence(1),
        uncertainty=asked,
    )
    model, theta = record.model, record.theta
    assert record.at_bound[record.names.index("promo")] == 1
    normal = model.jacobian(theta) @ model.jacobian(theta).T
    place = np.flatnonzero(model.vary)
    inner = np.isin(place, np.flatnonzero(record.at_bound == 0))
    kept = inner | (np.abs(record.at_bound[place]) == 1)
    freed = np.full(theta.size, np.nan)
    freed[place[kept]] = np.sqrt(np.diag(np.linalg.inv(normal[np.ix_(kept, kept)])))
    alone = np.full(theta.size, np.nan)
    alone[place[inner]] = np.sqrt(np.diag(np.linalg.inv(normal[np.ix_(inner, inner)])))
    stretch = freed / alone
    plain, trusted = record.uncertainty.interval[:, :, 0]
    levels = [row for row, name in enumerate(record.names) if name.startswith(("constant.", "initial."))]
    leaning = [row for row in levels if stretch[row] > 1.5]
    assert leaning
    for row in leaning:
        assert RECOMMENDED[record.uncertainty.recommended[row]] == "autoregressive"
        assert np.ptp(trusted[row]) == pytest.approx(stretch[row] * np.ptp(plain[row]), rel=1e-6)
        assert trusted[row].mean() == pytest.approx(record.value[row], rel=1e-6, abs=1e-9)
    others = [row for row in levels if stretch[row] < 1.5]
    np.testing.assert_array_equal(trusted[others], plain[others])
