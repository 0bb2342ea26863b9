"""Simulated markets with known parameters, to see what calibration recovers.

Every market has its own stream of random numbers, so blocks of markets are simulated one after the other, and
memory holds one block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from kernels.motion.shares import simulate_shares
from kernels.numeric.arrays import Floats
from kernels.response.catalogue import CURVES, Curve
from kernels.response.response import Response, compose
from pipeline.config.catalogue import SHARED_NAMES, own_curves
from pipeline.config.parameters import (
    CONSTANT,
    JUMP_PRICE,
    RETURNS_TO_SCALE,
    effort_parameter,
    firm_parameter,
)
from pipeline.config.sections.simulate import SimulateSection
from pipeline.config.study import Study
from pipeline.config.variants import Variant, true_variant
from pipeline.errors import DataError, Problem
from pipeline.panel.dataset import panel_dataset
from pipeline.panel.dates import Span
from pipeline.panel.efforts import Effort
from pipeline.panel.source import PanelSource, panel_of_blocks

# Shares before the first period: standard deviation of their logarithms.
_INITIAL_SPREAD = 0.5
# Each round brings the money spent about ten times closer to what it should be.
_BUDGET_ROUNDS = 6
# Keeps the random numbers of data apart from those of calibration, which use the same root seed.
_STREAM = 0x5157
_ORDINARY = "parameters under which shares move by no more than they can in a period"
# Weeks begin on the day of the start, quarters and years with its month.
_FREQUENCIES = {"day": "D", "week": "7D", "month": "M", "quarter": "3M", "year": "12M"}


def simulate_blocks(study: Study, size: int = 64) -> Iterator[xr.Dataset]:
    """Simulate the markets of a study, some at a time.

    Parameters
    ----------
    study
        With a section `simulate`.
    size
        Markets in one dataset.

    Yields
    ------
    Dataset
        A panel: ``sales (market, firm, time)`` in currency per period, ``efforts (market, firm, effort,
        time)``, budgets divided by the firm's sales (kind ratio), and the labels of both.
    """
    simulate = _section(study)
    for first in range(0, simulate.markets, size):
        yield simulate_markets(study, range(first, min(first + size, simulate.markets)))


def simulate_markets(study: Study, markets: range) -> xr.Dataset:
    """Simulate some markets of a study, by number from 0; the labels count from 1.

    A market has the same numbers whichever other markets are simulated with it.
    """
    simulate = _section(study)
    truth = _Truth(simulate, true_variant(simulate), own_curves(study.curves))
    sales = np.empty((len(markets), len(simulate.firms), simulate.periods))
    efforts = np.empty((len(markets), len(simulate.firms), len(simulate.efforts), simulate.periods))
    for position, market in enumerate(markets):
        rng = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(_STREAM, market)))
        try:
            budget, observed_sales = _simulate_market(truth, rng)
        except ArithmeticError as error:
            raise DataError(
                f"Data {study.study}",
                [Problem("", None, "simulate.truth", f"in market {market + 1}: {error}", _ORDINARY)],
            ) from None
        sales[position], efforts[position] = observed_sales.T, budget.transpose(2, 0, 1)
    axes = {
        "market": 1 + np.arange(markets.start, markets.stop),
        "firm": np.array(simulate.firms),
        "time": period_labels(simulate),
    }
    inputs = [
        Effort(name, "ratio", "1", budget.description or f"expense on {name}", (), None)
        for name, budget in simulate.efforts.items()
    ]
    return panel_dataset(axes, inputs, sales, efforts, simulate.currency)


def simulated_panel(study: Study, size: int = 64, span: Span | None = None) -> PanelSource:
    """Simulate all markets of a study into a checked panel; memory holds `size` of them.

    With a span it has only those periods, with the same numbers as in the whole panel.
    """
    simulate = _section(study)
    blocks = simulate_blocks(study, size)
    if span is not None:
        blocks = (
            block.isel(time=[span.contains_label(label) for label in block["time"].to_numpy()])
            for block in blocks
        )
    return panel_of_blocks(
        blocks,
        currency=simulate.currency,
        reference_sales=simulate.total_sales,
        name=f"the simulated panel of {study.study}",
    )


def simulated_truth(study: Study) -> dict[str, float]:
    """Give the true value of every parameter, by the names that results use; the same in all markets."""
    return dict(_section(study).truth.parameters)


def draw_budgets(simulate: SimulateSection, rng: np.random.Generator) -> Floats:
    """Draw the budgets of one market as shares of sales, shape (K, T, N).

    A firm keeps a budget for a geometrically distributed time (mean `campaign` periods), then draws a new
    one, log-normal around the part of the expense. Their sum over expenses is `invested` on average.
    """
    shape = (len(simulate.efforts), simulate.periods, len(simulate.firms))
    level = np.exp(simulate.spread * rng.standard_normal(shape))
    drawn = rng.random(shape) < 1.0 / simulate.campaign
    drawn[:, 0] = True
    since = np.maximum.accumulate(np.where(drawn, np.arange(simulate.periods)[:, np.newaxis], 0), axis=1)
    part = np.array([budget.part for budget in simulate.efforts.values()])
    budget = part[:, np.newaxis, np.newaxis] * np.take_along_axis(level, since, axis=1)
    return budget * (simulate.invested / budget.sum(axis=0).mean())


def _simulate_market(truth: "_Truth", rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Simulate budgets (K, T, N) as shares of sales, and observed sales (T, N)."""
    simulate = truth.simulate
    budget = draw_budgets(simulate, rng)
    n_times, n_firms = budget.shape[1:]
    # The mean is exact because it is the reference sales that M refers to.
    total = np.exp(simulate.variation * rng.standard_normal(n_times))
    total *= simulate.total_sales / total.mean()
    initial = np.exp(_INITIAL_SPREAD * rng.standard_normal(n_firms))
    initial /= initial.sum()
    share = truth.shares(budget, initial, total)
    # Firms that spend more sell more, so the mean weighted by sales is above the plain mean: scale it down.
    for _ in range(_BUDGET_ROUNDS):
        spent = np.sum(budget.sum(axis=0) * share * total[:, np.newaxis]) / total.sum()
        budget *= simulate.invested / spent
        share = truth.shares(budget, initial, total)
    # White noise in isometric log-ratio coordinates is white noise in logarithms, closed again.
    observed = share * np.exp(simulate.noise * rng.standard_normal(share.shape))
    return budget, total[:, np.newaxis] * observed / observed.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class _Truth:
    """The market function and the equation that generate the data.

    Attributes
    ----------
    simulate : SimulateSection
        What is simulated.
    variant : Variant
        The true model.
    curves : mapping of str to Curve
        Curves that the study defines, by name.
    """

    simulate: SimulateSection
    variant: Variant
    curves: Mapping[str, Curve]

    def shares(self, budget: Floats, initial: Floats, total: Floats) -> Floats:
        """Compute the shares at the end of each period, shape (T, N)."""
        response = self._response(budget)
        return simulate_shares(
            initial,
            response.evaluate(self._theta(response), budget),
            total,
            np.ones(total.size),
            jump_price=self.simulate.truth.parameters[JUMP_PRICE],
            reference_sales=self.simulate.total_sales,
            returns_to_scale=self.simulate.truth.parameters[RETURNS_TO_SCALE],
        )

    def _curve(self, effort: str) -> Curve:
        name = self.variant.response.curves[effort]
        return self.curves[name] if name in self.curves else CURVES[name]

    def _response(self, budget: Floats) -> Response:
        efforts = tuple(self.simulate.efforts)
        return compose(
            [self._curve(effort) for effort in efforts],
            efforts=budget,
            link=self.variant.response.link,
            effects=self.variant.firm_effects,
            carry_over=[self.variant.carry_over[effort] for effort in efforts],
            order=[efforts.index(name) for name in self.variant.response.order] or None,
            names=efforts,
        )

    def _theta(self, response: Response) -> Floats:
        """Arrange the true values in the order of the kernels, shape (R,)."""
        efforts, theta = tuple(self.simulate.efforts), []
        for parameter in response.parameters:
            if parameter.name == CONSTANT:
                name = firm_parameter(None if parameter.firm is None else self.simulate.firms[parameter.firm])
            elif parameter.effort is None:
                name = SHARED_NAMES.get(parameter.name, parameter.name)
            else:
                effort = efforts[parameter.effort]
                is_main = parameter.name == self._curve(effort).parameters[0].name
                name = effort_parameter(effort, "beta" if is_main else parameter.name)
            theta.append(self.simulate.truth.parameters[name])
        return np.array(theta, dtype=np.float64)


def period_labels(simulate: SimulateSection) -> NDArray[np.int64] | NDArray[np.datetime64]:
    """Label the periods: numbers from 1, or the dates on which they begin; months begin on the 1st."""
    if simulate.start is None:
        return 1 + np.arange(simulate.periods)
    periods = pd.period_range(simulate.start, periods=simulate.periods, freq=_FREQUENCIES[simulate.frequency])
    return periods.start_time.to_numpy("datetime64[s]")


def _section(study: Study) -> SimulateSection:
    if study.simulate is None:
        raise ValueError(
            f"Study {study.study!r} has a section data; expected a study with a section simulate."
        )
    return study.simulate
