"""Fits weighted by errors that differ by firm, on markets from a simulator of its own (closed form)."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kernels.numeric.simplex import helmert_basis
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.validation.forecasters import model_forecaster

SLOPE = -0.4
DEVIATION = np.array([0.02, 0.02, 0.06, 0.1])
FIRMS = DEVIATION.size
VARIANT = Variant(
    name="investment-mnl",
    form="investment",
    response=ResponseChoice("mnl", "mnl", "exp", FrozenMapping({"price": "linear"})),
    firm_effects="free",
    carry_over=FrozenMapping({"price": "none"}),
)


def simulate(seed, periods=60, size=1.0, entrant=False):
    """Shares that approach f / sum f at the rate sum f, observed with errors of each firm's own size."""
    rng = np.random.default_rng(seed)
    price, level = rng.normal(size=(periods, FIRMS)), rng.normal(0.0, 0.2, FIRMS)
    active = np.ones((periods, FIRMS), dtype=np.bool_)
    active[: periods // 3 if entrant else 0, 1] = False
    active[periods // 2 : periods // 2 + 3 if entrant else 0, 2] = False
    f = 0.1 * np.exp(level + SLOPE * price)
    state, share = np.full(FIRMS, 1.0 / FIRMS), np.full(active.shape, np.nan)
    for t in range(periods):
        moving = active[t] & (active[t - 1] if t else True)
        moved = np.where(moving, f[t], 0.0)
        state = np.where(moving, state, 0.0) / state[moving].sum()
        state = moved / moved.sum() + (state - moved / moved.sum()) * np.exp(-moved.sum())
        if (active[t] & ~moving).any():
            state = np.where(moving, 0.9 * state, np.where(active[t], 0.1, 0.0))
        seen = np.where(active[t], state * np.exp(size * DEVIATION * rng.normal(size=FIRMS)), 0.0)
        share[t] = np.where(active[t], seen / seen.sum(), np.nan)
    ones = np.ones(periods)
    return MarketArrays(
        market=seed, firms=np.array(list("ABCD")), times=np.arange(periods), share=share, total_sales=ones,
        duration=ones, efforts=np.where(active, price, np.nan)[np.newaxis], active=active,
    )  # fmt: skip


def fit(market, noise, *, variant=VARIANT, asked=None, **settings):
    section = FitSection(noise=noise, starts=2, **{"initial": "estimated"} | settings)
    record = calibrate_market(
        variant, market, ("price",), section, np.random.SeedSequence(1), uncertainty=asked
    )
    assert record.status.usable
    return record


def estimate(record, name="price"):
    return record.value[record.names.index(name)]


def log_likelihood(record, market):
    """Of the innovations under the noise of the record, period by period."""
    total = 0.0
    covariance = record.model.noise.covariance
    for t, there in enumerate(market.active):
        moving = there & (market.active[t - 1] if t else True)
        basis = helmert_basis(moving.sum())
        error = basis @ np.log(market.share[t, moving] / record.share[t, moving])
        of_rows = basis @ covariance[np.ix_(moving, moving)] @ basis.T
        total += multivariate_normal(cov=of_rows).logpdf(error)
    return total


def test_weights_make_estimates_better_and_their_intervals_hold():
    miss = {"homogeneous": [], "by_firm": [], "full": []}
    held = {noise: [] for noise in miss}
    for seed in range(40):
        market = simulate(seed)
        for noise in miss:
            record = fit(market, noise, gain=0.0)
            low, high = record.uncertainty.interval[0][record.names.index("price"), -1]
            miss[noise].append(estimate(record) - SLOPE)
            held[noise].append(low <= SLOPE <= high)
    rmse = {noise: np.sqrt(np.mean(np.square(errors))) for noise, errors in miss.items()}
    assert rmse["by_firm"] < 0.8 * rmse["homogeneous"]
    assert rmse["full"] < 0.85 * rmse["homogeneous"]
    for noise in miss:
        assert 0.86 <= np.mean(held[noise]) <= 1.0, noise


@pytest.mark.parametrize("noise", ["by_firm", "full"])
@pytest.mark.parametrize("entrant", [False, True])
def test_likelihood_is_that_of_the_innovations(noise, entrant):
    market = simulate(3, entrant=entrant)
    record = fit(market, noise, gain=0.3)
    # The stored one is at its best over the size of the errors; that of the noise has the degrees of freedom.
    n, used = record.statistic["n_residual"], record.statistic["n_effective"]
    ratio = n / (n - used)
    at_best = log_likelihood(record, market) + 0.5 * n * (np.log(ratio) - 1.0 + 1.0 / ratio)
    assert record.statistic["log_likelihood"] == pytest.approx(at_best, abs=0.5)
    alike = fit(market, "homogeneous", gain=0.3)
    assert record.statistic["log_likelihood"] > alike.statistic["log_likelihood"]
    counted = record.statistic["n_effective"] + record.statistic["n_noise"]
    deviance = record.statistic["aic"] - 2.0 * counted
    assert record.statistic["log_likelihood"] == pytest.approx(-0.5 * (n * np.log(2 * np.pi) + n + deviance))


def test_alike_errors_leave_the_fit_as_it_is():
    record = fit(simulate(4), "homogeneous", gain="estimated")
    assert record.model.data.whitening.membership.size == 0
    residual = record.model.residual(record.theta)[: record.model.n_residuals]
    assert record.statistic["chisqr"] == residual @ residual


@pytest.mark.parametrize("noise", ["by_firm", "full"])
def test_the_order_of_the_firms_does_not_matter(noise):
    market, order = simulate(5, entrant=True), np.array([2, 3, 1, 0])
    turned = replace(
        market, firms=np.array(list("ABCD")), share=market.share[:, order],
        efforts=market.efforts[:, :, order], active=market.active[:, order],
    )  # fmt: skip
    # Estimated first shares are believed in as ratios to the last firm.
    first, second = (fit(one, noise, gain=0.2, initial="observed") for one in (market, turned))
    assert estimate(second) == pytest.approx(estimate(first), rel=1e-6)
    assert second.statistic["bic"] == pytest.approx(first.statistic["bic"], rel=1e-6)
    expected = first.model.noise.covariance[np.ix_(order, order)]
    np.testing.assert_allclose(second.model.noise.covariance, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
def test_every_form_takes_weights_with_the_gain_estimated(form):
    market = simulate(6, periods=40, entrant=True)
    variant = replace(VARIANT, form=form, name=form)
    record = fit(market, "by_firm", variant=variant, gain="estimated")
    residual, jacobian = record.model.residual(record.theta), record.model.jacobian(record.theta)
    inner = record.at_bound[: record.theta.size][record.model.vary] == 0
    cosine = jacobian @ residual / np.linalg.norm(jacobian, axis=1) / np.linalg.norm(residual)
    assert np.abs(cosine[inner]).max() < 1e-3
    assert record.statistic["n_noise"] > 1.0
    assert np.ptp(np.diag(record.model.noise.covariance)) > 0.0


def test_without_errors_the_truth_is_found():
    record = fit(simulate(7, size=0.0, entrant=True), "by_firm", gain=0.0)
    assert estimate(record) == pytest.approx(SLOPE, abs=1e-6)


def test_a_prior_weighs_as_much_as_its_standard_deviation_says():
    """The posterior of a prior as wide as the data's own interval is half way between the two."""
    market = simulate(8)
    free = fit(market, "by_firm", gain=0.0)
    spread = free.stderr[free.names.index("price")]
    mean = estimate(free) + spread
    drawn = fit(market, "by_firm", gain=0.0, priors={"price": (mean, spread)})
    assert (estimate(drawn) - estimate(free)) / spread == pytest.approx(0.5, abs=0.1)
    assert drawn.stderr[drawn.names.index("price")] / spread == pytest.approx(np.sqrt(0.5), abs=0.08)


@pytest.mark.parametrize("settings", [{"gain": 0.0}, {"gain": 0.4}])
def test_replicates_are_drawn_with_the_noise(settings):
    market = simulate(9)
    asked = UncertaintySection(bootstrap=150, intervals=("profile", "bootstrap"))
    record = fit(market, "by_firm", asked=asked, **settings)
    row = record.names.index("price")
    assert record.uncertainty.replicate[:, row].std() == pytest.approx(record.stderr[row], rel=0.25)
    profile = record.uncertainty.interval[list(asked.methods).index("profile")][row, -1]
    assert np.diff(profile)[0] == pytest.approx(2 * 1.97 * record.stderr[row], rel=0.1)


def test_forecasts_have_the_noise_of_the_fit():
    market = simulate(10)
    record = fit(first_periods(market, 50), "by_firm", gain=0.0)
    record.model.covariance = None  # of errors alone, without what is not known of the parameters
    forecast = model_forecaster(record.model, record.theta, "estimated", "fitted")(market, 50)
    np.testing.assert_array_equal(forecast.covariance[4], record.model.noise.covariance)
