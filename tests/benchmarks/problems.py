"""Random markets to calibrate: Hill responses, known parameters, noisy shares, starts off the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.least_squares.batch_inputs import one_market
from kernels.least_squares.residual import (
    MarketData,
    make_market_workspace,
    prepare_market,
    simulate_market,
)
from kernels.motion.course import INVESTMENT, PROPORTIONAL, SCALED
from kernels.response.response import compose

FORMS = {"investment": (INVESTMENT, 0.0), "scaled": (SCALED, 0.5), "proportional": (PROPORTIONAL, 1.0)}
"""gamma_form and returns_to_scale of each form."""

_HILL_EXPONENT = 1.5
_SALES = 1e6


@dataclass(frozen=True)
class Markets:
    """D markets of one shape, with all that `fit_batch` asks for."""

    spec: Any
    data: MarketData
    gamma_form: int
    truth: np.ndarray
    starts: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    vary: np.ndarray

    @property
    def column(self):
        return np.where(self.vary, np.cumsum(self.vary) - 1, -1)

    def batch_arguments(self):
        """Positional and keyword arguments of `fit_batch`."""
        return (self.spec, self.data, self.starts, self.lower, self.upper), {
            "vary": self.vary,
            "gamma_form": self.gamma_form,
        }


def random_markets(
    form,
    n_markets,
    *,
    seed=1,
    n_firms=10,
    n_times=104,
    n_efforts=4,
    noise=0.02,
    vary_scale=False,
    scales=(0.3, 0.8),
):
    """Draw markets whose coefficients and half-saturations are to be found (2 parameters an effort).

    Efforts are lognormal around 1; terms of the response are some percent a week; the jump price is fixed at
    the reference sales. With ``vary_scale`` the exponent of the scaled form is drawn between ``scales``, and
    free too.
    """
    rng = np.random.default_rng(seed)
    gamma_form, returns_to_scale = FORMS[form]
    efforts = np.empty((n_markets, n_efforts, n_times, n_firms))
    share = np.empty((n_markets, n_times, n_firms))
    total_sales = np.empty((n_markets, n_times))
    for d in range(n_markets):
        firm_level = rng.normal(0.0, 0.2, (n_efforts, 1, n_firms))
        efforts[d] = np.exp(firm_level + rng.normal(0.0, 0.6, (n_efforts, n_times, n_firms)))
        total_sales[d] = _SALES * np.exp(rng.normal(0.0, 0.1, n_times))
        share[d, 0] = rng.dirichlet(np.full(n_firms, 8.0))
    data = MarketData(
        efforts,
        np.ones((n_markets, n_times, n_firms), dtype=np.bool_),
        share,
        total_sales,
        np.ones((n_markets, n_times)),
        np.full(n_markets, _SALES),
        1,
    )
    response = compose(["hill"] * n_efforts, efforts=efforts[0])
    names = [parameter.name for parameter in response.parameters] + ["jump_price", "returns_to_scale", "gain"]
    kinds = np.array(names)
    truth = _draw(rng, kinds, n_markets, 0.4)
    starts = _draw(rng, kinds, n_markets, 0.4)
    truth[:, kinds == "returns_to_scale"] = returns_to_scale
    starts[:, kinds == "returns_to_scale"] = returns_to_scale
    vary = (kinds == "beta") | (kinds == "h")
    lower = np.where(kinds == "beta", 0.0, np.where(kinds == "h", 1e-2, 0.0))
    upper = np.where(kinds == "beta", np.inf, np.where(kinds == "h", 1e2, 2.0))
    if vary_scale:
        truth[:, kinds == "returns_to_scale"] = rng.uniform(*scales, (n_markets, 1))
        vary[kinds == "returns_to_scale"] = True
    markets = Markets(response.spec, data, gamma_form, truth, starts, lower, upper, vary)
    _observe(rng, markets, noise)
    return markets


def _draw(rng, kinds, n_markets, spread):
    """Draw parameters around their typical values, by a factor of e^spread."""
    typical = {
        "beta": 0.1,
        "h": 1.0,
        "n": _HILL_EXPONENT,
        "jump_price": _SALES,
        "returns_to_scale": 0.0,
        "gain": 0.0,
    }
    values = np.tile([typical.get(kind, 0.0) for kind in kinds], (n_markets, 1))
    for kind in ("beta", "h"):
        chosen = kinds == kind
        values[:, chosen] *= np.exp(rng.normal(0.0, spread, (n_markets, chosen.sum())))
    return values


def _observe(rng, markets, noise):
    """Simulate the shares under the true parameters, and observe them with relative noise."""
    fixed = np.full(markets.truth.shape[1], -1)
    work = make_market_workspace(markets.spec, one_market(markets.data, 0), 0)
    for d, theta in enumerate(markets.truth):
        market = one_market(markets.data, d)
        prepare_market(markets.spec, market, work)
        share = np.empty(market.share.shape)
        status = simulate_market(markets.spec, market, markets.gamma_form, theta, fixed, work, share)
        assert status == 0, status
        share[1:] *= np.exp(rng.normal(0.0, noise, share[1:].shape))
        market.share[:] = share / share.sum(axis=1, keepdims=True)
