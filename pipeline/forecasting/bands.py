"""Quantile bands of the forecast of one market: parameters and total sales drawn, residuals added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.scenario import Scenario
from pipeline.errors import ForecastError
from pipeline.forecasting.draws import Member, draw_parameters, share_out, stored_replicates
from pipeline.forecasting.efforts import plan_efforts
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import TotalForecast
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

# Draws tried for each one wanted, before the parameters are called too uncertain for a forecast.
_TRIES = 20


@dataclass(frozen=True)
class Draws:
    """What the bands of one market are drawn from.

    Attributes
    ----------
    results
        Where the fits are.
    scenario
        Plans, what is drawn and how often, quantiles.
    members, markets, trajectories
        Its models, the market under each of them, and its shares at the estimates.
    total
        Total sales.
    """

    results: "Results"
    scenario: Scenario
    members: tuple[Member, ...]
    markets: Sequence[ForecastMarket]
    trajectories: Sequence[ShareTrajectory]
    total: TotalForecast

    def quantiles(self) -> tuple[Floats, Floats, int]:
        """Quantiles (Q, H, N) of shares and of sales, and the number of draws of parameters that failed.

        Raises
        ------
        ForecastError
            Shares can be computed under hardly any draw of the parameters.
        """
        scenario, settings = self.scenario, self.scenario.uncertainty
        rng = np.random.default_rng(fit_seed(scenario.seed, scenario.scenario, self.markets[0].market))
        if settings.total_sales:
            totals = self.total.draw(rng, settings.draws, noise=settings.noise)
        else:
            totals = np.tile(self.total.median, (settings.draws, 1))
        shares = np.empty((settings.draws, *self.trajectories[0].share.shape))
        first = rejected = 0
        counts = share_out(self.members, settings.draws)
        for market, trajectory, count in zip(self.markets, self.trajectories, counts, strict=True):
            rows = slice(first, first + count)
            if settings.parameters:
                shares[rows], failed = self._under_parameters(market, trajectory, totals[rows], rng)
                rejected += failed
            else:
                shares[rows] = trajectory.share
            if settings.noise:
                shares[rows] = add_noise(self.results, market, shares[rows], rng)
            first += count
        sales = shares * totals[:, :, np.newaxis]
        levels = np.array(scenario.quantiles)
        return np.quantile(shares, levels, axis=0), np.quantile(sales, levels, axis=0), rejected

    def _under_parameters(
        self, market: ForecastMarket, trajectory: ShareTrajectory, totals: Floats, rng: np.random.Generator
    ) -> tuple[Floats, int]:
        """Shares (D, H, N) under drawn parameters and total sales (D, H), and how many draws failed."""
        plan, replicates = plan_efforts(self.scenario, market), stored_replicates(self.results, market)
        shares = np.empty((len(totals), *trajectory.share.shape))
        made = rejected = 0
        while made < len(totals):
            theta = draw_parameters(market, 1, rng, replicates)[0]
            try:
                response = ForecastResponse(market, theta)
                shares[made] = simulate_trajectory(response, plan, totals[made], trajectory.share).share
                made += 1
            except (ValueError, ArithmeticError) as error:
                rejected += 1
                if rejected > _TRIES * len(totals):
                    raise ForecastError(
                        f"Shares could be computed under only {made} of {rejected + made} draws of the "
                        f"parameters of {market.model} in market {market.market}; the last one failed: "
                        f"{error} Set uncertainty.parameters to false, or choose another model."
                    ) from error
        return shares, rejected


def add_noise(results: "Results", market: ForecastMarket, shares: Floats, rng: np.random.Generator) -> Floats:
    """Add residuals as large as those of the fit to shares (D, H, N)."""
    fit = results.fits(market.model).sel(market=market.market).isel(window=0)
    spread = float(np.sqrt(fit["redchi"]))
    if not np.isfinite(spread):
        return shares
    noise = spread * rng.standard_normal(shares.shape)
    if market.residual == "ilr":
        # White noise in isometric log-ratio coordinates is white noise in logarithms, closed again.
        # A share may be exactly 0, where the largest f takes the market.
        moved = np.log(np.maximum(shares, np.finfo(float).tiny)) + noise
        moved = np.exp(moved - moved.max(axis=2, keepdims=True))
    else:
        moved = np.maximum(shares + noise, 0.0) + np.finfo(float).tiny
    closed: Floats = moved / moved.sum(axis=2, keepdims=True)
    return closed
