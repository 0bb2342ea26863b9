"""A calibrated market at the end of its data: everything that its future depends on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR, PLAIN
from kernels.least_squares.serial_errors import kept_over
from kernels.numeric.arrays import Floats
from kernels.response.carryover import NONE
from kernels.response.catalogue import Domain
from kernels.response.workspace import ResponseSpec
from pipeline.config.sections.scenario import StartShares
from pipeline.config.terms import Term
from pipeline.errors import QueryError
from pipeline.forecasting.members import ModelChoice
from pipeline.models.errors.error_carry import ErrorCarry
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.share_equation import ShareEquation
from pipeline.names import Label
from pipeline.results.prices.index import PriceIndex


@dataclass(frozen=True, eq=False)
class FirmPopulation:
    """The F firms that a market ever had, as one model has them.

    Attributes
    ----------
    firms : (F,) array
    design : (F, Q) array
        Their constants are its product with the parameters ``spec.effect_parameter``.
    entry_shares : (E,) array
        Shares of firms in the first period that they were there, if that is not the first of the data.
    """

    firms: np.ndarray
    design: Floats
    entry_shares: Floats


@dataclass(frozen=True, eq=False)
class ForecastMarket:
    """One market under one calibrated model: N firms present in its last period, K efforts, T known periods.

    Attributes
    ----------
    market, model : label, str
    firms : (N,) array
    efforts, kinds, units : tuple of str
        Of each effort: name; ``ratio``, ``amount`` or ``index``; unit.
    curves : tuple of str
        Curve of each effort.
    domains : tuple of Domain
        Values that each effort may take.
    spec : ResponseSpec
        The market function f for these firms.
    names : tuple of str
        Of the P parameters, in the order of the kernels.
    theta, lower, upper : (P,) arrays
        Estimates, and the bounds they were found in.
    covariance : (P, P) array
        0 where fixed, nan where undetermined.
    reference_sales : float
        X_ref, currency per period.
    history : (K, T, N) array
        Efforts; 0 where absent.
    active : (T, N) array of bool
    past_duration : (T,) array
        Lengths of the known periods, in periods.
    past_period, past_sales : (T,) arrays
        Their numbers, and the sales of the market in them, currency per period.
    past_share : (T, N) array
        Observed shares in them, of the whole market; nan where absent.
    share : (N,) array
        Shares at the end of the last period, summing to 1 over these firms.
    times : (H,) array
        Labels of the periods to come.
    duration : (H,) array
        Their lengths, in periods: 1, the first one longer when the market's data end early.
    period : (H,) array
        Their numbers.
    frequency : str
        What one period is.
    residual : str
        What was fitted: ``ilr`` or ``share``.
    gain : float
        Which part of an error of the shares lasts into the next period, after a common one.
    lengths : PeriodLengths
        Of the known periods and those to come.
    error_covariance : (N, N) array
        Of the errors of log shares in one common period, up to a term common to all firms.
    autocorrelation : float
        Which part of an error of the shares the next one repeats, beside what lasts.
    last_error : (N,) array
        Error of the last known log shares, where the forecast starts from the modelled ones; else 0.
    start : str
        Which shares those at the end of the last period are: ``observed`` or ``calibrated``.
    terms : tuple of Term
        Further inputs of f: past efforts, coefficients of single firms, what rivals do. Their inputs follow
        those of the efforts in `spec`.
    prices : tuple of PriceIndex
        Efforts that are indices of a price that firms set.
    unpriced : tuple of str
        Efforts that seem to be made of prices, but of which the study does not say so.
    choice : ModelChoice or None
        Why it is this model.
    population : FirmPopulation or None
        The firms that the market ever had, and the shares with which they entered.
    enters : (N,) array of int or None
        Number of the period to come at whose end a firm has its first share, -1 for those that are there;
        None where nobody enters.
    entry_share : (N,) array or None
        That share; 0 for the others.
    state : callable or None
        Takes parameters (P,) to the shares (N,) at the end of the last period under them; None where these
        are the observed ones.
    """

    market: Label
    model: str
    firms: np.ndarray
    efforts: tuple[str, ...]
    kinds: tuple[str, ...]
    units: tuple[str, ...]
    curves: tuple[str, ...]
    domains: tuple[Domain, ...]
    spec: ResponseSpec
    names: tuple[str, ...]
    theta: Floats
    lower: Floats
    upper: Floats
    covariance: Floats
    reference_sales: float
    history: Floats
    active: NDArray[np.bool_]
    past_duration: Floats
    past_period: np.ndarray
    past_sales: Floats
    past_share: Floats
    share: Floats
    times: np.ndarray
    duration: Floats
    period: np.ndarray
    frequency: str
    residual: str
    gain: float
    lengths: PeriodLengths
    error_covariance: Floats
    autocorrelation: float
    last_error: Floats
    start: StartShares = "calibrated"
    terms: tuple[Term, ...] = ()
    prices: tuple[PriceIndex, ...] = ()
    unpriced: tuple[str, ...] = ()
    choice: ModelChoice | None = None
    population: FirmPopulation | None = None
    enters: NDArray[np.int64] | None = None
    entry_share: Floats | None = None
    state: Callable[[Floats], Floats] | None = None

    @property
    def acts_beyond_period(self) -> bool:
        """Whether an effort acts in later periods or on the f of rivals, other than by carry-over."""
        return any(term.lag or term.rival is not None for term in self.terms)

    @property
    def chosen(self) -> Floats:
        """What firms set in the known periods, (K, T, N): efforts, but prices in place of their indices."""
        chosen = self.history.copy()
        for price in self.prices:
            chosen[price.effort] = price.history
        return chosen

    @property
    def horizon(self) -> int:
        """Number of periods to come."""
        return self.duration.size

    @property
    def moving(self) -> NDArray[np.bool_]:
        """Who moves through each period to come, (H, N): those who were there before it."""
        if self.enters is None:
            return self.present
        return np.arange(self.horizon)[:, np.newaxis] > self.enters

    @property
    def present(self) -> NDArray[np.bool_]:
        """Who is there at the end of each period to come, (H, N)."""
        if self.enters is None:
            return np.ones((self.horizon, self.firms.size), np.bool_)
        return np.arange(self.horizon)[:, np.newaxis] >= self.enters

    def admitted(self, share: Floats, period: int, entry_share: Floats | None = None) -> Floats:
        """Let those who enter in a period into the shares (..., N) at its end, nan for who is not there.

        They take ``entry_share`` (..., N), by default that of the market; the others are scaled to make room.
        """
        if self.enters is None or not (self.enters == period).any():
            return share
        taken = self.entry_share if entry_share is None else entry_share
        assert taken is not None
        entering = self.enters == period
        room = 1.0 - np.where(entering, taken, 0.0).sum(axis=-1, keepdims=True)
        return np.asarray(np.where(entering, taken, share * room))

    def under(self, theta: Floats) -> "ForecastMarket":
        """Give the market in the state that it is in under other parameters (P,).

        Raises
        ------
        ForecastError
            The shares of its past cannot be computed under them.
        """
        return self if self.state is None else replace(self, share=self.state(theta))

    def errors_under(self, gain: float | Floats) -> ErrorCarry:
        """Tell how errors go on in the last known period and those to come, (1 + H,).

        Under one gain of a common period, or several (D, 1).
        """
        begin = len(self.past_duration) - 1
        gains, spread = self.lengths.scales(gain)
        kept = np.append(0.0, kept_over(self.autocorrelation, self.duration))
        return ErrorCarry(gains[begin:], spread[begin:], kept, ILR if self.residual == "ilr" else PLAIN)

    def equation(self, theta: Floats) -> ShareEquation:
        """Give the equation of motion under a parameter vector (P,)."""
        return ShareEquation.of(theta, self.spec.n_parameters, self.reference_sales)

    def unit_cost(self, sales: Floats) -> Floats:
        """Currency per period for one unit of each effort, (K, ...), at the firms' own sales (...).

        Nothing for efforts of kind index.
        """
        cost = {"ratio": sales, "amount": np.full_like(sales, self.reference_sales)}
        return np.array([cost.get(kind, np.zeros_like(sales)) for kind in self.kinds])

    def discount_weights(self, rate: float) -> Floats:
        """Weights (H,) of money per period: the length of each period, discounted from its end to now."""
        return np.asarray((1.0 - rate) ** np.cumsum(self.duration) * self.duration)

    def steady(self) -> "ForecastMarket":
        """Give the market in the long run: one period, in which carry-over and lags have settled."""
        return replace(
            self,
            spec=self.spec._replace(carry=np.full_like(self.spec.carry, NONE)),
            terms=tuple(replace(term, lag=0) for term in self.terms),
            times=self.times[:1],
            duration=np.ones(1),
            period=self.period[:1],
        )

    def firm_index(self, firm: object) -> int:
        """Find a firm by its label or the text of it.

        Raises
        ------
        QueryError
            It is not there in the last period.
        """
        labels = [str(label) for label in self.firms.tolist()]
        if str(firm) not in labels:
            raise QueryError(
                f"Market {self.market} has no firm {firm} in its last period; it has {', '.join(labels)}."
            )
        return labels.index(str(firm))
