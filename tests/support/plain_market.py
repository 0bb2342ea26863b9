"""Markets at the end of their data, made by hand: known f, known past."""

import numpy as np

from kernels.response.response import compose
from pipeline.forecasting.market import ForecastMarket
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.results.totals.continuation import TotalForecast


def plain_market(
    share,
    history,
    *,
    beta=None,
    kinds=None,
    curves=None,
    theta=None,
    gamma=0.0,
    sales=50.0,
    jump_price=None,
    horizon=10,
    carry_over=None,
    link="identity",
    effects="none",
    order=None,
    covariance=None,
):
    """Firms A, B, ... with efforts e0, e1, ...; ``history`` is (K, T, N) or (K, N) for one constant past."""
    history = np.asarray(history, float)
    if history.ndim == 2:
        history = np.repeat(history[:, None, :], 12, axis=1)
    n_efforts, n_times, n_firms = history.shape
    names = tuple(f"e{k}" for k in range(n_efforts))
    curves = curves or ["linear"] * n_efforts
    response = compose(
        curves,
        efforts=history,
        link=link,
        effects=effects,
        carry_over=carry_over,
        order=order,
        names=names,
    )
    if theta is None:
        theta = np.ones(n_efforts) if beta is None else np.asarray(beta, float)
    full = np.concatenate([theta, [sales if jump_price is None else jump_price, gamma]])
    assert len(theta) == len(response.parameters)
    covariance = np.zeros((full.size, full.size)) if covariance is None else covariance
    return ForecastMarket(
        market="centre",
        model="by hand",
        firms=np.array([chr(65 + i) for i in range(n_firms)]),
        efforts=names,
        kinds=tuple(kinds or ["ratio"] * n_efforts),
        units=("1",) * n_efforts,
        curves=response.curves,
        domains=response.domains,
        spec=response.spec,
        names=(*(f"p{p}" for p in range(len(theta))), "jump_price", "returns_to_scale"),
        theta=full,
        lower=np.full(full.size, -np.inf),
        upper=np.full(full.size, np.inf),
        covariance=covariance,
        reference_sales=sales,
        history=history,
        active=np.ones((n_times, n_firms), bool),
        past_duration=np.ones(n_times),
        past_period=np.arange(n_times),
        past_sales=np.full(n_times, sales),
        past_share=np.tile(np.asarray(share, float), (n_times, 1)),
        share=np.asarray(share, float),
        times=n_times + np.arange(horizon),
        duration=np.ones(horizon),
        period=n_times + np.arange(horizon),
        frequency="1",
        residual="ilr",
        gain=0.0,
        lengths=PeriodLengths(np.ones(n_times + horizon), np.zeros(n_times + horizon), 0),
        error_covariance=np.zeros((n_firms, n_firms)),
        autocorrelation=0.0,
        last_error=np.zeros(n_firms),
    )


def steady_total(market, sales=None):
    """Total sales that stay as they were."""
    level = market.past_sales[-1] if sales is None else sales
    return TotalForecast(np.full(market.horizon, level), np.zeros((market.horizon, 1)), 0.0)
