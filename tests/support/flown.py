"""Flight plans flown on a simulated shopping centre that is disturbed: open loop and closed loop."""

from dataclasses import dataclass, replace

import numpy as np
from plain_market import plain_market, steady_total

from pipeline.config.sections.planning import PlanSettings
from pipeline.forecasting.response import ForecastResponse
from pipeline.models.effort_paths import effort_process
from pipeline.models.errors.error_carry import correct
from pipeline.models.predictive import shift_shares
from pipeline.planning.flight import plan_market

SALES, TARGET, HORIZON = 350e6, 0.30, 6
NOISE, GAIN, SHOCK, SHOCK_PERIOD = 0.02, 0.6, 0.08, 2


@dataclass(frozen=True)
class Flight:
    """Where a plan was aimed at and came to, and what was spent."""

    reached: float
    spent: float


def centre(seed):
    """Four shops of `configs/mall.yaml`: discounts work in proportion, promotion saturates, γ = 1/2."""
    rng = np.random.default_rng([seed, 1])
    history = np.repeat(rng.uniform(0.02, 0.08, (2, 10, 4)), 6, axis=1)
    market = plain_market(
        [0.25, 0.25, 0.25, 0.25],
        history,
        curves=["linear", "michaelis_menten"],
        theta=np.array([0.6, 0.08, 0.02]),
        gamma=0.5,
        sales=SALES,
        jump_price=300e6,
        horizon=HORIZON,
    )
    covariance = NOISE**2 * (np.eye(4) - 0.25)
    return replace(market, error_covariance=covariance, gain=GAIN, start="calibrated")


def settings(periods, probability, draws):
    """Settings of a plan for the rest of the way."""
    return PlanSettings.model_validate(
        {
            "firm": "A",
            "target": TARGET,
            "by": f"+{periods}",
            "bounds": {"e0": [0, 0.25], "e1": [0, 0.25]},
            "probability": probability,
            "uncertainty": {"draws": draws},
        }
    )


def fly(seed, *, closed, probability=0.9, draws=64):
    """Fly a plan to the target: as it was made, or planned again after every period."""
    market = centre(seed)
    rng = np.random.default_rng([seed, 2])
    rivals = effort_process(market.history, market.active).draw(HORIZON, 1, rng)[0]
    errors = rng.multivariate_normal(np.zeros(4), market.error_covariance, HORIZON, method="eigh")
    errors[SHOCK_PERIOD] += rng.normal() * SHOCK * (np.arange(4) == 0)
    spent, plan = 0.0, None
    for period in range(HORIZON):
        if plan is None or closed:
            left = HORIZON - period
            found = plan_market(market, settings(left, probability, draws), steady_total(market))
            plan = found.plan.own
        efforts = rivals[:, period : period + 1].copy()
        efforts[:, 0, 0], plan = plan[:, 0], plan[:, 1:]
        market, share = live(market, efforts, errors[period])
        spent += float(efforts[:, 0, 0].sum() * share[0] * SALES)
    return Flight(float(share[0]), spent)


def live(market, efforts, error):
    """Let one period pass: efforts (K, 1, N), an error (N,) that lasts by the gain; shares are seen."""
    now = cut(market, 1)
    f = ForecastResponse(now).evaluate(efforts)
    modelled = now.equation(now.theta).shares(now.share, f, np.full(1, SALES), now.duration)[0]
    seen = shift_shares(modelled, error)
    state = correct(modelled, seen, np.ones(4, bool), market.gain, 0)
    n_times = market.history.shape[1] + 1
    following = replace(
        cut(market, max(market.horizon - 1, 1)),
        history=np.concatenate([market.history, efforts], axis=1),
        active=np.ones((n_times, 4), bool),
        past_duration=np.ones(n_times),
        past_period=np.arange(n_times),
        past_sales=np.full(n_times, SALES),
        share=state,
    )
    return following, seen


def cut(market, horizon):
    """Give a market with fewer periods to come."""
    return replace(
        market,
        **{name: getattr(market, name)[-horizon:] for name in ("times", "duration", "period")},
    )
