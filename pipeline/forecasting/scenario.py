"""Forecast the shares and sales of calibrated markets under planned efforts, with quantile bands."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import Scenario
from pipeline.config.settings import Given, settings_of
from pipeline.config.yaml.findings import Findings
from pipeline.errors import ConfigError, ForecastError, QueryError
from pipeline.forecasting.bands import Draws
from pipeline.forecasting.efforts import EffortPlan, plan_efforts
from pipeline.forecasting.entry.check import check_entrants
from pipeline.forecasting.entry.entrants import let_enter
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import Member, ModelChoice, model_weights
from pipeline.forecasting.model_choice import BEST, VERDICT, best_by_aicc, by_verdict
from pipeline.forecasting.open_market import read_market
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import describe_total, market_total
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.names import Label, did_you_mean, one_of
from pipeline.results.frames.table import Table
from pipeline.results.frames.tabular import Tabular
from pipeline.results.opened import require_opened
from pipeline.results.select import select_markets, select_models
from pipeline.results.totals.comparison import TotalUse
from pipeline.results.totals.continuation import TotalForecast
from pipeline.results.verdict import Verdict, judge

if TYPE_CHECKING:
    from pipeline.results.results import Results


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
        At the estimates, weighted by model; currency per period. Firms that enter come last, nan before.
    efforts : (K, H, N) array
        Under the heaviest model.
    total_sales : (H,) array
        Median, currency per period.
    share_quantile, sales_quantile : (Q, H, N) arrays
        Empty without draws.
    rejected : int
        Draws of parameters under which shares could not be computed.
    total_use : TotalUse
        What total sales follow, and how it forecast held-out periods.
    choice : ModelChoice or None
        Why it is this model; None where several are weighed.
    share_without : (H, M) array or None
        Shares of the M = N - E firms of the data if nobody entered; None where nobody enters.
    taken_quantile : (Q, H, M) array
        Quantiles of what those who enter take from each; empty without draws.
    """

    market: Label
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
    total_use: TotalUse
    choice: ModelChoice | None = None
    share_without: Floats | None = None
    taken_quantile: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))

    @property
    def weights(self) -> str:
        """Name the models, with their weights when there are several."""
        if len(self.members) == 1:
            return self.members[0].model
        return ", ".join(f"{member.model} {member.weight:.0%}" for member in self.members)

    def takings(self, period: int, firm: int) -> list[float]:
        """Give the share of a firm if nobody entered, and what is taken from it, with its quantiles."""
        if self.share_without is None or firm >= self.share_without.shape[1]:
            return [np.nan] * (2 + len(self.taken_quantile))
        band = self.taken_quantile[:, period, firm]
        return [float(self.share_without[period, firm]), float(self.taken[period, firm]), *band.tolist()]

    @property
    def taken(self) -> Floats:
        """What those who enter take from each firm of the data, (H, N - E); sums to their shares."""
        assert self.share_without is not None
        return np.asarray(self.share_without - self.share[:, : self.share_without.shape[1]])


def _label(time: object) -> str:
    return str(time.astype("datetime64[D]")) if isinstance(time, np.datetime64) else str(time)


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Tabular):
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
    axes = ("market", "time", "firm")

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Forecast {self.scenario.scenario}: {len(self.markets)} markets, {self.times.size} periods"

    @property
    def table(self) -> Table:
        """One row for every market, period and firm: share, sales, expense, and the quantiles."""
        levels = self.scenario.quantiles if self.scenario.uncertainty.draws else ()
        names = [*self.axes, "share", "sales", "expense"]
        names += [f"{kind}_{level:g}" for kind in ("share", "sales") for level in levels]
        entering = bool(self.scenario.entrants)
        if entering:
            names += ["share_without", "taken", *(f"taken_{level:g}" for level in levels)]
        rows = []
        for one in self.markets:
            chosen = [one.weights, one.choice.by if one.choice else self.scenario.uncertainty.models]
            said = [*chosen, *one.total_use.facts().values()]
            for t, time in enumerate(self.times):
                for i, firm in enumerate(one.firms.tolist()):
                    row: list[Any] = [one.market, _label(time), firm]
                    row += [float(one.share[t, i]), float(one.sales[t, i]), float(one.expense[t, i])]
                    row += [float(band[t, i]) for band in one.share_quantile]
                    row += [float(band[t, i]) for band in one.sales_quantile]
                    row += one.takings(t, i) if entering else []
                    rows.append(row + said)
        totals = ("total_model", "total_error", "total_best", "total_best_error")
        return Table.from_rows([*names, "model", "chosen_by", *totals], rows)

    @property
    def choices(self) -> tuple[str, ...]:
        """Sentences on the models and why they were chosen, each once."""
        said = [sentence for one in self.markets if one.choice for sentence in one.choice.sentences]
        return tuple(dict.fromkeys(said))

    def market(self, label: object) -> MarketForecast:
        """Give one market by its label or the text of it.

        Raises
        ------
        QueryError
            It was not forecast.
        """
        for one in self.markets:
            if str(one.market) == str(label):
                return one
        known = ", ".join(str(one.market) for one in self.markets[:12])
        raise QueryError(f"Market {label} is not in this forecast; there are: {known}.")


def forecast(results: "Results", scenario: Given[Scenario]) -> Forecast:
    """Forecast the markets of a sweep under a scenario.

    Parameters
    ----------
    results
        Where the fits are.
    scenario
        Plans, rivals, total sales, uncertainty: a `Scenario`, a YAML file or a mapping.

    Returns
    -------
    Forecast
        The same numbers for the same scenario and fits.

    Raises
    ------
    QueryError
        The scenario names a market, model, firm or effort that the sweep does not have, or no market can be
        forecast.
    ConfigError
        A file or mapping that is no scenario.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> made = beed.forecast(store, {"scenario": "as_now", "horizon": 2})
    >>> made.market("all").share.shape  # periods, firms
    (2, 3)
    """
    require_opened(results)
    scenario = settings_of(Scenario, scenario, what="scenario")
    enters = check_names(results, scenario)
    labels = results.tables.labels("market")[select_markets(results.tables, scenario.markets)].tolist()
    models = tuple(
        dict.fromkeys(m for pattern in scenario.models for m in select_models(results.sweep, pattern))
    )
    verdict = judge(results.tables) if scenario.uncertainty.models == VERDICT else None
    done: list[MarketForecast] = []
    notes: list[str] = []
    times: np.ndarray = np.empty(0)
    efforts: tuple[str, ...] = ()
    for label in labels:
        try:
            members, choice = _members(results, scenario, verdict, label, models)
            markets = [
                read_market(results, label, member.model, scenario.horizon, scenario.start)
                for member in members
            ]
            markets[0] = replace(markets[0], choice=choice)
            done.append(_forecast_market(results, scenario, members, markets, enters))
            times, efforts = markets[0].times, markets[0].efforts
        except (QueryError, ForecastError) as error:
            if scenario.markets is not None or len(labels) == 1:
                raise
            notes.append(f"Market {label} was left out. {error}")
    if not done:
        raise QueryError(f"None of the {len(labels)} markets can be forecast; the first: {notes[0]}")
    return Forecast(scenario, times, efforts, tuple(done), tuple(notes))


def _members(
    results: "Results", scenario: Scenario, verdict: Verdict | None, market: Label, models: tuple[str, ...]
) -> tuple[tuple[Member, ...], ModelChoice | None]:
    """Give the models of a market with their weights, and why it is the one if it is one."""
    criterion = scenario.uncertainty.models
    if verdict is None and criterion != BEST:
        return model_weights(results, market, models, criterion), None
    if verdict is None:
        choice = best_by_aicc(results, market, models)
    else:
        choice = by_verdict(results, verdict, market, models)
    return (Member(choice.model, 1.0),), choice


def check_names(results: "Results", scenario: Scenario) -> tuple[int, ...]:
    """Refuse firms, efforts and entrants that make no sense on the sweep, all at once.

    Returns
    -------
    tuple of int
        Numbers of the periods to come in which firms enter, from 0.

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
    enters = check_entrants(scenario, panel, findings) if scenario.entrants else ()
    if findings.problems:
        raise ConfigError(f"Scenario {scenario.scenario}", findings.problems.values())
    return enters


def _forecast_market(
    results: "Results",
    scenario: Scenario,
    members: tuple[Member, ...],
    markets: Sequence[ForecastMarket],
    enters: Sequence[int],
) -> MarketForecast:
    """Forecast one market, given under each of its models, the heaviest first."""
    plans = [plan_efforts(scenario, one) for one in markets]
    totals = [market_total(scenario.total_sales, one) for one in markets]
    trajectories = _at_the_estimates(markets, plans, totals)
    weights = np.array([member.weight for member in members])
    share = np.tensordot(weights, np.array([one.share for one in trajectories]), axes=1)
    share_without, entries, without = None, [], []
    if enters:
        share_without, without = share, trajectories
        entries = [let_enter(results, scenario, one, enters) for one in markets]
        markets = [entry.market for entry in entries]
        plans = [entry.joined_plan(plan) for entry, plan in zip(entries, plans, strict=True)]
        totals = [market_total(scenario.total_sales, one) for one in markets]
        trajectories = _at_the_estimates(markets, plans, totals)
        share = np.tensordot(weights, np.array([one.share for one in trajectories]), axes=1)
    market = markets[0]
    sales = np.tensordot(weights, np.array([one.share * one.total[:, None] for one in trajectories]), axes=1)
    n_cells = (scenario.horizon, market.firms.size)
    share_quantile, sales_quantile, rejected = np.empty((0, *n_cells)), np.empty((0, *n_cells)), 0
    taken_quantile = np.empty((0, *n_cells))
    if scenario.uncertainty.draws:
        draws = Draws(results, scenario, members, markets, trajectories, totals, entries, without)
        share_quantile, sales_quantile, taken_quantile, rejected = draws.quantiles()
    heaviest = trajectories[0]
    unit_cost = market.unit_cost(heaviest.share * heaviest.total[:, np.newaxis])
    return MarketForecast(
        market=market.market,
        firms=market.firms,
        members=members,
        share=share,
        sales=sales,
        expense=(heaviest.efforts * unit_cost).sum(axis=0),
        efforts=heaviest.efforts,
        total_sales=np.nansum(sales, axis=1),
        share_quantile=share_quantile,
        sales_quantile=sales_quantile,
        rejected=rejected,
        choice=market.choice,
        total_use=describe_total(scenario.total_sales, market, totals[0]),
        share_without=share_without,
        taken_quantile=taken_quantile,
    )


def _at_the_estimates(
    markets: Sequence[ForecastMarket], plans: Sequence[EffortPlan], totals: Sequence[TotalForecast]
) -> list[ShareTrajectory]:
    responses = [ForecastResponse(one) for one in markets]
    return [
        simulate_trajectory(response, plan, total.course(response))
        for response, plan, total in zip(responses, plans, totals, strict=True)
    ]
