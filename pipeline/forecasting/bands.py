"""Quantile bands of the forecast of one market: parameters, efforts, total sales drawn, errors carried on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.motion.shares import simulate_shares
from kernels.numeric.arrays import Floats
from pipeline.config.parameters import GAIN
from pipeline.config.sections.scenario import Scenario
from pipeline.errors import ForecastError
from pipeline.forecasting.draws import draw_parameters
from pipeline.forecasting.efforts import EffortPlan, plan_efforts, varied_plans
from pipeline.forecasting.entry.entrants import Entry
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import Member, share_out
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.models.predictive import shift_shares
from pipeline.results.stored_fit import stored_replicates
from pipeline.results.totals.answering import TotalSales
from pipeline.results.totals.continuation import TotalForecast
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results


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
    totals
        Total sales, under each of them.
    entries, without
        Who enters, under each of them, and the shares at the estimates if nobody did; empty where nobody
        does.
    """

    results: "Results"
    scenario: Scenario
    members: tuple[Member, ...]
    markets: Sequence[ForecastMarket]
    trajectories: Sequence[ShareTrajectory]
    totals: Sequence[TotalForecast]
    entries: Sequence[Entry] = ()
    without: Sequence[ShareTrajectory] = ()

    def quantiles(self) -> tuple[Floats, Floats, Floats, int]:
        """Quantiles (Q, H, N) of shares, of sales and of what entrants take, and how many draws failed.

        What they take is from the firms of the data, before errors; of no firms where nobody enters.

        Raises
        ------
        ForecastError
            Shares can be computed under hardly any draw of the parameters.
        """
        scenario, settings = self.scenario, self.scenario.uncertainty
        rng = np.random.default_rng(fit_seed(scenario.seed, scenario.scenario, self.markets[0].market))
        shares = np.empty((settings.draws, *self.trajectories[0].share.shape))
        sales = np.empty_like(shares)
        n_before = self.without[0].share.shape[1] if self.without else 0
        taken = np.zeros((*shares.shape[:2], n_before))
        first = rejected = 0
        counts = share_out(self.members, settings.draws)
        for number, count in enumerate(counts):
            market, trajectory = self.markets[number], self.trajectories[number]
            rows = slice(first, first + count)
            totals = self._totals(self.totals[number], market, count, rng)
            drawn = DrawnCourses(market, trajectory, count)
            entry = self.entries[number] if self.entries else None
            alone = np.tile(self.without[number].share, (count, 1, 1)) if entry else taken[rows]
            if settings.parameters or settings.efforts or self.totals[number].answer is not None:
                rejected += self._under_draws(drawn, totals, (entry, alone), rng)
            elif settings.total_sales:
                drawn.total[:] = np.array(totals)
            shares[rows] = drawn.with_errors(rng) if settings.noise else drawn.share
            sales[rows] = shares[rows] * drawn.total[:, :, np.newaxis]
            taken[rows] = alone - drawn.share[..., :n_before]
            first += count
        found = [np.quantile(values, scenario.quantiles, axis=0) for values in (shares, sales, taken)]
        return found[0], found[1], found[2], rejected

    def _totals(
        self, total: TotalForecast, market: ForecastMarket, count: int, rng: np.random.Generator
    ) -> list[TotalSales]:
        """Draw total sales, where they are uncertain at all."""
        settings, response = self.scenario.uncertainty, ForecastResponse(market)
        if not settings.total_sales:
            return [total.course(response)] * count
        return total.courses(response, rng, count, noise=settings.noise)

    def _under_draws(
        self,
        drawn: "DrawnCourses",
        totals: Sequence[TotalSales],
        entering: tuple[Entry | None, Floats],
        rng: np.random.Generator,
    ) -> int:
        """Draw parameters, entrants and efforts; follow the shares under them and each of the total sales.

        Shares without the entrants are written beside them.

        Returns how many draws failed.
        """
        market, expected, (entry, alone) = drawn.market, drawn.share[0].copy(), entering
        settings = self.scenario.uncertainty
        plans = self._plans(market, entry, len(totals), rng)
        replicates = stored_replicates(self.results, market.market, market.model, market.names)
        made = rejected = 0
        while made < len(totals):
            theta = market.theta
            if settings.parameters:
                theta = draw_parameters(market, 1, rng, replicates)[0]
            try:
                under = market.under(theta) if settings.parameters else market
                if settings.parameters and entry is not None:
                    under = entry.drawn(under, rng)
                response = ForecastResponse(under, theta)
                plan = next(plans)
                trajectory = simulate_trajectory(response, plan, totals[made], expected)
                if entry is not None:
                    nobody = ForecastResponse(entry.without(under), theta)
                    alone[made] = simulate_trajectory(nobody, plan.alone, totals[made]).share
                drawn.put(made, response, trajectory)
                made += 1
            except (ValueError, ArithmeticError) as error:
                rejected += 1
                if rejected > _TRIES * len(totals):
                    raise ForecastError(
                        f"Shares could be computed under only {made} of {rejected + made} draws of the "
                        f"parameters and efforts of {market.model} in market {market.market}; the last one "
                        f"failed: {error} Set uncertainty.parameters or uncertainty.efforts to false, or "
                        "choose another model."
                    ) from error
        return rejected

    def _plans(
        self, market: ForecastMarket, entry: Entry | None, count: int, rng: np.random.Generator
    ) -> Iterator[EffortPlan]:
        """Draw plans without end: those of the scenario, with what they leave open as it may vary."""
        # Efforts of those who enter are stated, and nobody reacts to them.
        known = market if entry is None else entry.before
        plan = plan_efforts(self.scenario, known)
        while True:
            plans = [plan]
            if self.scenario.uncertainty.efforts:
                plans = varied_plans(plan, known, self.scenario.rivals, count, rng)
            yield from plans if entry is None else map(entry.joined_plan, plans)


class DrawnCourses:
    """D courses of one market: shares (D, H, N), the f that moved them, the constants of their equation.

    Their total sales are ``total`` (D, H).
    """

    def __init__(self, market: ForecastMarket, trajectory: ShareTrajectory, count: int) -> None:
        self.market = market
        self.share = np.tile(trajectory.share, (count, 1, 1))
        self.total = np.tile(trajectory.total, (count, 1))
        self._response = np.tile(trajectory.response, (count, 1, 1))
        self._theta = np.tile(market.theta, (count, 1))
        self._state = np.tile(market.share, (count, 1))
        self._entry = None if market.entry_share is None else np.tile(market.entry_share, (count, 1))

    def put(self, row: int, response: ForecastResponse, trajectory: ShareTrajectory) -> None:
        """Replace one course by another, of a market in a state and under parameters of its own."""
        market = response.market
        self._theta[row], self._state[row] = response.theta, market.share
        if self._entry is not None:
            self._entry[row] = market.entry_share
        self.share[row], self._response[row] = trajectory.share, trajectory.response
        self.total[row] = trajectory.total

    def with_errors(self, rng: np.random.Generator) -> Floats:
        """Draw the errors of every period, and carry them on: shares (D, H, N).

        Efforts are those without errors, also where money buys them by the sales it brings.
        """
        market = self.market
        count, horizon, n_firms = self.share.shape
        drawn = rng.multivariate_normal(
            np.zeros(n_firms), market.error_covariance, (count, horizon), method="eigh"
        )
        equations = [market.equation(theta) for theta in self._theta]
        jump_price, _, returns_to_scale = np.array(equations).T
        error = np.tile(market.last_error, (count, 1))
        # The gain is drawn with the other parameters.
        gain = np.full((count, 1), market.gain)
        if market.gain and GAIN in market.names:
            gain = self._theta[:, [market.names.index(GAIN)]]
        carry = market.errors_under(gain)
        kept, repeated = carry.kept[1:], carry.repeated[1:]
        state, shares = self._starts(rng), np.empty_like(self.share)
        for period in range(horizon):
            at, moving = slice(period, period + 1), np.tile(market.moving[period], (count, 1))
            modelled = simulate_shares(
                state,
                np.where(moving[:, np.newaxis], self._response[:, at], np.nan),
                self.total[:, at],
                market.duration[at],
                jump_price=jump_price,
                reference_sales=market.reference_sales,
                returns_to_scale=returns_to_scale,
            )[:, 0]
            new = carry.spread[period + 1] * np.sqrt(1.0 - kept[period] ** 2) * drawn[:, period]
            error = repeated[period] * error + new
            seen = shift_shares(modelled, error)
            state = carry.state(modelled, seen, moving, period + 1)
            shares[:, period] = market.admitted(seen, period, self._entry)
            state = np.nan_to_num(market.admitted(state, period, self._entry))
        return shares

    def _starts(self, rng: np.random.Generator) -> Floats:
        """Draw the states (D, N) at the end of the data.

        Shares observed there are off by the part of an error that does not last.
        """
        market, (count, _, n_firms) = self.market, self.share.shape
        state = self._state
        if market.start != "observed" or market.gain == 1.0:
            return state
        error = rng.multivariate_normal(np.zeros(n_firms), market.error_covariance, count, method="eigh")
        carry = market.errors_under(market.gain)
        return shift_shares(state, (carry.gain[0] - 1.0) * carry.spread[0] * error)
