"""The compiled method of fits against lmfit: one optimum, and all that is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.status import Status

FORMS = ("investment", "scaled", "proportional")
# Where optima agree to 1e-8 of chi-square, estimates do to 1e-4 of their standard errors.
NEAR = 1e-3


def with_entrant_and_gap(market):
    """One of four firms comes after a third of the periods, and three periods were not seen."""
    active = market.active.copy()
    active[:15, 3] = False
    duration = market.duration.copy()
    duration[[8, 25]] = 2.0, 3.0
    share = np.where(active, market.share, 0.0)
    share /= share.sum(axis=1, keepdims=True)
    return replace(
        market,
        active=active,
        duration=duration,
        share=np.where(active, share, np.nan),
        efforts=np.where(active, market.efforts, np.nan),
    )


@pytest.fixture(scope="module", params=FORMS)
def both(request, markets):
    market = with_entrant_and_gap(markets.noisy(request.param, 4, firms=4, periods=45))
    variant, seed = markets.variant(request.param), np.random.SeedSequence(3)
    return [
        calibrate_market(variant, market, markets.efforts, FitSection(starts=4, method=method), seed)
        for method in ("leastsq", "compiled")
    ]


def test_methods_come_to_one_optimum(both):
    lmfit, compiled = both
    assert compiled.status == lmfit.status == Status.CONVERGED
    assert compiled.statistic["chisqr"] == pytest.approx(lmfit.statistic["chisqr"], rel=1e-8)
    known = lmfit.stderr > 0.0
    assert known.any()
    np.testing.assert_array_equal(compiled.stderr > 0.0, known)
    np.testing.assert_array_equal(compiled.at_bound, lmfit.at_bound)
    assert np.max(np.abs(compiled.value - lmfit.value)[known] / lmfit.stderr[known]) < NEAR
    np.testing.assert_allclose(compiled.stderr[known], lmfit.stderr[known], rtol=NEAR)
    np.testing.assert_allclose(compiled.share, lmfit.share, rtol=1e-5)


def test_methods_say_the_same_of_it(both):
    """All but the counts of evaluations and seconds: intervals, their methods, tests, criteria."""
    lmfit, compiled = both
    assert lmfit.uncertainty is not None
    assert compiled.uncertainty is not None
    np.testing.assert_array_equal(compiled.uncertainty.recommended, lmfit.uncertainty.recommended)
    spread = np.where(lmfit.stderr > 0.0, lmfit.stderr, 1.0)[:, np.newaxis, np.newaxis]
    ends = [record.uncertainty.interval / spread for record in both]
    np.testing.assert_allclose(ends[1], ends[0], rtol=NEAR, atol=NEAR)
    same = set(lmfit.statistic) - {"nfev", "seconds"}
    found, wanted = ([record.statistic[name] for name in sorted(same)] for record in (compiled, lmfit))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(compiled.start_cost, lmfit.start_cost, rtol=1e-9)
