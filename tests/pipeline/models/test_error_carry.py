"""How errors go on after an origin: forecasts against the residuals of the fit, and by the formulas."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.least_squares.market import ILR, PLAIN
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import ModelsSection
from pipeline.config.variants import expand_variants
from pipeline.models.composing.build import build_model
from pipeline.models.errors.error_carry import ErrorCarry
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.one_step import expected_ahead, modelled_shares
from pipeline.panel.market import MarketArrays, first_periods

FIT = FitSection()


def market_of(seed=0, times=12):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(3, 30.0), times)
    return MarketArrays(
        "m",
        np.array(list("abc")),
        np.arange(times),
        share,
        rng.uniform(9.0, 11.0, times),
        np.where(np.arange(times) == 9, 2.0, 1.0),
        rng.uniform(0.2, 1.0, (1, times, 3)),
        np.ones((times, 3), dtype=bool),
        reference_sales=10.0,
    )


def model_of(market, form="investment", residual="ilr"):
    variant = expand_variants(ModelsSection(form=form, response="linear", firm_effects="free"), ("u",))[0]
    fit = FIT.model_copy(update={"residual": residual})
    model = build_model(variant, market, ("u",), fit, {})
    theta = model.start.copy()
    for name, value in {"u": 0.4, "gain": 0.3, "autocorrelation": 0.6}.items():
        theta[model.names.index(name)] = value
    return model, theta


@pytest.mark.parametrize("residual", ["ilr", "share"])
@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
def test_what_is_forecast_leaves_no_residual_where_it_comes(form, residual):
    """Periods that come out as forecast are innovations of 0: fits and forecasts mean the same."""
    market, origin = market_of(), 8
    model, theta = model_of(first_periods(market, origin), form, residual)
    modelled = modelled_shares(model, theta, market, "estimated")
    ahead = expected_ahead(model, theta, market, modelled, origin)
    came = replace(market, share=np.vstack([market.share[:origin], ahead]))
    whole, _ = model_of(came, form, residual)
    rows = whole.residual(theta)[: whole.n_residuals].reshape(-1, 2)
    assert np.abs(rows[:origin]).max() > 1e-3
    # How much of it adds up in a longer period depends on the shares there, but for gamma = 0 and 1.
    np.testing.assert_allclose(rows[origin:], 0.0, atol=1e-12 if form != "scaled" else 1e-3)


def test_without_autocorrelation_forecasts_go_on_from_the_corrected_state():
    market, origin = market_of(), 8
    model, theta = model_of(first_periods(market, origin))
    theta[model.names.index("autocorrelation")] = 0.0
    modelled = modelled_shares(model, theta, market, "estimated")
    np.testing.assert_array_equal(expected_ahead(model, theta, market, modelled, origin), modelled[origin:])


@pytest.mark.parametrize("kind", [ILR, PLAIN])
def test_an_error_is_what_takes_modelled_shares_to_the_observed_ones(kind):
    rng = np.random.default_rng(1)
    modelled, observed = rng.dirichlet(np.ones(4) * 9, 2), rng.dirichlet(np.ones(4) * 9, 2)
    moving = np.ones((2, 4), dtype=bool)
    lengths = PeriodLengths(np.ones(2), np.zeros(2), 0)
    carry = ErrorCarry.over(0.5, 0.4, kind, moving, np.ones(2), lengths)
    error = carry.error(modelled, observed, moving)
    np.testing.assert_allclose(carry.seen(modelled, error, moving), observed, rtol=1e-12)
