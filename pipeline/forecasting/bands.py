"""Forecast the shares and sales of calibrated markets under planned efforts, with quantile bands."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.scenario import Scenario
from pipeline.config.yaml.findings import Findings
from pipeline.errors import ConfigError, QueryError
from pipeline.forecasting.draws import Member, draw_parameters, model_weights, share_out, stored_replicates
from pipeline.forecasting.efforts import plan_efforts
from pipeline.forecasting.market import FutureMarket, future_market
from pipeline.forecasting.total_sales import TotalForecast, market_total
from pipeline.forecasting.trajectory import Ahead, ForecastError, simulate_ahead
from pipeline.names import did_you_mean, one_of
from pipeline.results.select import select_markets, select_models
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

# Draws tried for each one wanted, before the parameters are said to be too uncertain for a forecast.
_TRIES = 20


@dataclass(frozen=True, eq=False)
class MarketForecast:
    """One market: N firms present in its last period, H periods, K efforts, Q quantiles.

    Attributes
    ----------
    market, firms
        Labels.
    members : tuple of Member
        The models that take part.
    share, sales, expense : (H, N) arrays
        At the estimates, weighted by model; currency per period.
    efforts : (K, H, N) array
        Under the heaviest model.
    total_sales : (H,) array
        Median, currency per period.
    share_quantile, sales_quantile : (Q, H, N) arrays
        Empty without draws.
    rejected : int
        Draws of parameters that had no course.
    """

    market: Any
    firms: np.ndarray
    members: tuple[Member, ...]
    share: Floats
    sales: Floats
    expense: Floats
    efforts: Floats
    total_sales: Floats
    share_quantile: Floats
    sales_quantile: Floats
    rejected: int


@dataclass(frozen=True, eq=False)
class Forecast:
    """A scenario on the markets of a sweep.

    Attributes
    ----------
    scenario : Scenario
    times : (H,) array
        Labels of the periods.
    efforts : tuple of str
    markets : tuple of MarketForecast
    notes : tuple of str
        Sentences on markets that could not be forecast.
    """

    scenario: Scenario
    times: np.ndarray
    efforts: tuple[str, ...]
    markets: tuple[MarketForecast, ...]
    notes: tuple[str, ...] = field(default=())

    def market(self, label: Any) -> MarketForecast:
        """Give one market by its label or the text of it.

        Raises
        ------
        QueryError
            It was not forecast.
        """
        for found in self.markets:
            if str(found.market) == str(label):
                return found
        raise QueryError(f"Market {label} is not in this forecast.")


def forecast(results: "Results", scenario: Scenario) -> Forecast:
    """Forecast the markets of a sweep under a scenario.

    Parameters
    ----------
    results
        Where the fits are.
    scenario
        Plans, rivals, total sales, uncertainty.

    Returns
    -------
    Forecast
        Same scenario, same fits, same numbers.

    Raises
    ------
    QueryError
        The scenario names a market, model, firm or effort that the sweep does not have, or no market can be
        forecast.
    """
    check_names(results, scenario)
    labels = results.tables.labels("market")[select_markets(results.tables, scenario.markets)].tolist()
    models = tuple(
        dict.fromkeys(m for pattern in scenario.models for m in select_models(results.sweep, pattern))
    )
    done: list[MarketForecast] = []
    notes: list[str] = []
    times: np.ndarray = np.empty(0)
    efforts: tuple[str, ...] = ()
    for label in labels:
        try:
            members = model_weights(results, label, models, scenario.uncertainty.models)
            ahead = [
                future_market(results, label, member.model, scenario.horizon, scenario.start)
                for member in members
            ]
            done.append(_forecast_market(results, scenario, members, ahead))
            times, efforts = ahead[0].times, ahead[0].efforts
        except (QueryError, ForecastError) as error:
            if scenario.markets is not None or len(labels) == 1:
                raise
            notes.append(f"Market {label} was left out. {error}")
    if not done:
        raise QueryError(f"None of the {len(labels)} markets can be forecast; the first: {notes[0]}")
    return Forecast(scenario, times, efforts, tuple(done), tuple(notes))


def check_names(results: "Results", scenario: Scenario) -> None:
    """Refuse firms and efforts that the sweep does not have, all at once.

    Raises
    ------
    ConfigError
        With the lines of the scenario's file.
    """
    panel = results.panel()
    firms = [str(label) for label in panel["firm"].values.tolist()]
    efforts = [str(label) for label in panel["effort"].values.tolist()]
    findings = Findings(scenario.document)
    for firm, choices in scenario.firms.items():
        if firm not in firms:
            findings.add(("firms", firm), f"the firm {firm!r}", one_of(firms), did_you_mean(firm, firms))
        for effort in choices:
            if effort not in efforts:
                hint = did_you_mean(effort, efforts)
                findings.add(("firms", firm, effort), f"the effort {effort!r}", one_of(efforts), hint)
    if findings.problems:
        raise ConfigError(f"Scenario {scenario.scenario}", findings.problems.values())


def _forecast_market(
    results: "Results", scenario: Scenario, members: tuple[Member, ...], ahead: list[FutureMarket]
) -> MarketForecast:
    market = ahead[0]
    total = market_total(scenario.total_sales, market)
    courses = [simulate_ahead(one, one.theta, plan_efforts(scenario, one), total.median) for one in ahead]
    weights = np.array([member.weight for member in members])
    share = np.tensordot(weights, np.array([course.share for course in courses]), axes=1)
    bands, rejected = _bands(results, scenario, members, ahead, courses, total)
    return MarketForecast(
        market=market.market,
        firms=market.firms,
        members=members,
        share=share,
        sales=share * total.median[:, np.newaxis],
        expense=expenses(market, courses[0], total.median).sum(axis=0),
        efforts=courses[0].efforts,
        total_sales=total.median,
        share_quantile=bands[0],
        sales_quantile=bands[1],
        rejected=rejected,
    )


def expenses(market: FutureMarket, course: Ahead, total: Floats) -> Floats:
    """Money behind the efforts of a course, (K, H, N), currency per period; 0 for efforts of kind index."""
    sales = course.share * total[:, np.newaxis]
    scale = {"ratio": sales, "amount": np.full_like(sales, market.reference_sales)}
    return np.array(
        [
            efforts * scale.get(kind, np.zeros_like(sales))
            for kind, efforts in zip(market.kinds, course.efforts, strict=True)
        ]
    )


def _bands(
    results: "Results",
    scenario: Scenario,
    members: tuple[Member, ...],
    ahead: list[FutureMarket],
    courses: list[Ahead],
    total: TotalForecast,
) -> tuple[tuple[Floats, Floats], int]:
    """Quantiles (Q, H, N) of shares and of sales, and the number of draws without a course."""
    settings, n_firms = scenario.uncertainty, ahead[0].firms.size
    none = np.empty((0, *courses[0].share.shape))
    if settings.draws == 0:
        return (none, none), 0
    rng = np.random.default_rng(fit_seed(scenario.seed, scenario.scenario, ahead[0].market))
    if settings.total_sales:
        totals = total.draw(rng, settings.draws, noise=settings.noise)
    else:
        totals = np.tile(total.median, (settings.draws, 1))
    shares = np.empty((settings.draws, *courses[0].share.shape))
    place = rejected = 0
    for one, course, count in zip(ahead, courses, share_out(members, settings.draws), strict=True):
        own = slice(place, place + count)
        if settings.parameters:
            shares[own], lost = _draw_courses(results, scenario, one, course, totals[own], rng)
            rejected += lost
        else:
            shares[own] = course.share
        if settings.noise:
            shares[own] = _with_noise(results, one, shares[own], rng)
        place += count
    sales = shares * totals[:, :, np.newaxis]
    levels = np.array(scenario.quantiles)
    assert shares.shape[2] == n_firms
    return (np.quantile(shares, levels, axis=0), np.quantile(sales, levels, axis=0)), rejected


def _draw_courses(
    results: "Results",
    scenario: Scenario,
    market: FutureMarket,
    course: Ahead,
    totals: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, int]:
    """Shares (D, H, N) under parameters drawn anew, and how many draws had no course."""
    count = len(totals)
    plan, replicates = plan_efforts(scenario, market), stored_replicates(results, market)
    shares = np.empty((count, *course.share.shape))
    place = rejected = 0
    while place < count:
        theta = draw_parameters(market, 1, rng, replicates)[0]
        try:
            shares[place] = simulate_ahead(market, theta, plan, totals[place], guess=course.share).share
            place += 1
        except (ForecastError, ValueError, ArithmeticError) as error:
            rejected += 1
            if rejected > _TRIES * count:
                raise ForecastError(
                    f"Of {rejected + place} draws of the parameters of {market.model} in market "
                    f"{market.market}, only {place} have a course; the last one failed: {error} Ask for no "
                    "draws of parameters, or for another model."
                ) from error
    return shares, rejected


def _with_noise(results: "Results", market: FutureMarket, shares: Floats, rng: np.random.Generator) -> Floats:
    """Add residuals as large as those of the fit."""
    fit = results.fits(market.model).sel(market=market.market).isel(window=0)
    spread = float(np.sqrt(fit["redchi"]))
    if not np.isfinite(spread):
        return shares
    noise = spread * rng.standard_normal(shares.shape)
    if market.residual == "ilr":
        # White noise in isometric log-ratio coordinates is white noise in logarithms, closed again.
        # A share may be nothing at all, where the largest f takes the market.
        moved = np.log(np.maximum(shares, np.finfo(float).tiny)) + noise
        moved = np.exp(moved - moved.max(axis=2, keepdims=True))
    else:
        moved = np.maximum(shares + noise, 0.0) + np.finfo(float).tiny
    closed: Floats = moved / moved.sum(axis=2, keepdims=True)
    return closed
