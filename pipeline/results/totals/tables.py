"""The models of total sales, held against each other on the periods of a sweep, as a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import TotalSection
from pipeline.config.terms import Term, response_terms
from pipeline.errors import QueryError
from pipeline.models.share_equation import ShareEquation
from pipeline.names import Label
from pipeline.results.frames.table import Table
from pipeline.results.prices.index import PriceIndex
from pipeline.results.prices.read import read_prices
from pipeline.results.results import Results
from pipeline.results.stored_fit import StoredFit, read_fit
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.totals.comparison import compare_totals
from pipeline.results.verdict import judge

TOTALS = ("model", "market", "total_model", "error", "cases", "best")


@dataclass(frozen=True, eq=False)
class FittedMarket:
    """The known periods of a market under a stored fit; a `PastMarket`."""

    market: Label
    model: str
    fit: StoredFit
    frequency: str
    past_period: np.ndarray
    prices: tuple[PriceIndex, ...]
    terms: tuple[Term, ...]

    @property
    def efforts(self) -> tuple[str, ...]:
        """Names (K)."""
        return self.fit.efforts

    @property
    def past_sales(self) -> Floats:
        """Currency per period (T,)."""
        return self.fit.arrays.total_sales

    @property
    def past_share(self) -> Floats:
        """Observed shares (T, N); nan where absent."""
        return np.where(self.active, self.fit.arrays.share, np.nan)

    @property
    def past_duration(self) -> Floats:
        """Lengths of the periods (T,)."""
        return self.fit.arrays.duration

    @property
    def active(self) -> NDArray[np.bool_]:
        """Who is there (T, N)."""
        return self.fit.arrays.active

    @property
    def history(self) -> Floats:
        """Efforts (K, T, N); 0 where absent."""
        return np.where(self.active, self.fit.arrays.efforts, 0.0)

    @property
    def chosen(self) -> Floats:
        """What firms set (K, T, N): prices in place of their indices."""
        chosen = self.history
        for price in self.prices:
            chosen[price.effort] = price.history
        return chosen

    @property
    def spec(self) -> Any:
        """The market function."""
        return self.fit.problem.response.spec

    @property
    def theta(self) -> Floats:
        """Estimates (P,)."""
        return self.fit.theta

    def equation(self, theta: Floats) -> ShareEquation:
        """Give the equation of motion under parameters (P,)."""
        return ShareEquation.of(theta, self.spec.n_parameters, self.fit.problem.data.reference_sales)


def totals(tables: SweepTables) -> Table:
    """One row for every market and model of total sales: how far off it was in held-out periods.

    What total sales answer to in the model response is f of the model of the verdict; markets without a
    usable fit of that are left out.
    """
    results, model = Results.of_tables(tables), judge(tables).model
    rows: list[tuple[object, ...]] = []
    for label in tables.labels("market").tolist() if model is not None else ():
        try:
            assert model is not None
            market = fitted_market(results, label, model)
        except QueryError:
            continue
        rows += total_rows(market)
    return Table.from_rows(TOTALS, rows)


def total_rows(market: FittedMarket) -> list[tuple[object, ...]]:
    """Give the rows of `TOTALS` of one market, the smallest error first; those that cannot be tried last."""
    error, cases = compare_totals(TotalSection(), market)
    ordered = sorted(error.items(), key=lambda one: np.inf if np.isnan(one[1]) else one[1])
    return [
        (market.model, market.market, name, value, cases if np.isfinite(value) else 0, number == 0)
        for number, (name, value) in enumerate(ordered)
    ]


def fitted_market(results: Results, market: Label, model: str) -> FittedMarket:
    """Read the known periods of a market with the fit of a model.

    Raises
    ------
    QueryError
        No usable fit.
    """
    fit = read_fit(results, market, model)
    panel, arrays = fit.panel, fit.arrays
    times, period = panel["time"].values, panel["period"].values
    everybody = np.ones(arrays.firms.size, dtype=bool)
    return FittedMarket(
        market=arrays.market,
        model=model,
        fit=fit,
        frequency=str(panel["time"].attrs.get("frequency", "1")),
        past_period=period[np.searchsorted(times, arrays.times)],
        prices=read_prices(results.study, panel, arrays, everybody),
        terms=response_terms(fit.problem.variant.response, arrays.firms.tolist()),
    )
