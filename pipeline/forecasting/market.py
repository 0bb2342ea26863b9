"""A calibrated market at the end of its data: everything that its future depends on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.least_squares.residual import ILR
from kernels.response.catalogue import Domain
from kernels.response.workspace import ResponseSpec
from pipeline.config.terms import Term, response_terms
from pipeline.errors import QueryError
from pipeline.forecasting.periods import future_labels, gap_before
from pipeline.models.market_model import MarketModel
from pipeline.models.terms import terms_among
from pipeline.panel.market import MarketArrays
from pipeline.results.stored_fit import read_fit

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

_NEVER_SOLD_OUT = 1e-12


@dataclass(frozen=True, eq=False)
class FutureMarket:
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
        What efforts may be.
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
    terms : tuple of Term
        Further inputs of f: past efforts, coefficients of single firms, what rivals do. Their inputs follow
        those of the efforts in `spec`.
    """

    market: Any
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
    share: Floats
    times: np.ndarray
    duration: Floats
    period: np.ndarray
    frequency: str
    residual: str
    terms: tuple[Term, ...] = ()

    @property
    def reaches_out(self) -> bool:
        """Whether an effort acts in later periods or on the f of rivals, other than by carry-over."""
        return any(term.lag or term.rival is not None for term in self.terms)

    @property
    def horizon(self) -> int:
        """Number of periods to come."""
        return self.duration.size

    def jump_price(self, theta: Floats) -> float:
        """M of a parameter vector, currency."""
        return float(theta[self.spec.n_parameters])

    def returns_to_scale(self, theta: Floats) -> float:
        """Gamma of a parameter vector."""
        return float(theta[self.spec.n_parameters + 1])

    def firm_index(self, firm: Any) -> int:
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


def future_market(
    results: "Results", market: Any, model: str, horizon: int, start: str = "observed"
) -> FutureMarket:
    """Read a calibrated market from a store and prepare it for the periods after its data.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    model
        Name of the model.
    horizon
        Periods to come, at least 1.
    start
        Shares to start from: ``observed`` or ``calibrated`` ones at the end of the last period.

    Raises
    ------
    QueryError
        No such model, no usable fit, or fewer than two firms left.
    """
    fit = read_fit(results, market, model)
    panel, arrays, efforts, problem = fit.panel, fit.arrays, fit.efforts, fit.problem
    present = arrays.active[-1]
    if present.sum() < 2:
        raise QueryError(f"Market {market} has fewer than two firms in its last period: nothing can move.")
    share = _last_share(results, model, arrays, start)[present]
    own_period = np.searchsorted(panel["time"].values, arrays.times)
    last = panel["period"].values
    frequency = str(panel["time"].attrs.get("frequency", "1"))
    return FutureMarket(
        market=arrays.market,
        model=model,
        firms=arrays.firms[present],
        efforts=efforts,
        kinds=_labels(panel, "kind", "index"),
        units=_labels(panel, "unit", "1"),
        curves=problem.response.curves[: len(efforts)],
        domains=problem.response.domains[: len(efforts)],
        terms=terms_among(response_terms(problem.variant.response, arrays.firms.tolist()), present),
        spec=_restricted(problem, present),
        names=problem.names,
        theta=fit.theta,
        lower=problem.lower,
        upper=problem.upper,
        covariance=fit.covariance,
        reference_sales=problem.data.reference_sales,
        history=np.ascontiguousarray(np.where(arrays.active, arrays.efforts, 0.0)[..., present]),
        active=np.ascontiguousarray(arrays.active[:, present]),
        past_duration=arrays.duration,
        past_period=last[own_period],
        past_sales=arrays.total_sales,
        share=share / share.sum(),
        times=future_labels(panel["time"].values, frequency, horizon),
        duration=gap_before(int(last[own_period[-1]]), int(last[-1]), horizon),
        period=int(last[-1]) + 1 + np.arange(horizon),
        frequency=frequency,
        residual="ilr" if problem.kind == ILR else "share",
    )


def _last_share(results: "Results", model: str, arrays: MarketArrays, start: str) -> Floats:
    if start == "observed":
        # A firm that sold nothing is still there; a share of 0 would stay 0 under gamma = 1.
        return np.maximum(np.nan_to_num(arrays.share[-1]), _NEVER_SOLD_OUT)
    trajectory = results.trajectories(model)["share"].sel(market=arrays.market).isel(window=0)
    cells: Floats = trajectory.sel(firm=arrays.firms, time=arrays.times[-1]).values
    return np.nan_to_num(cells)


def _restricted(problem: MarketModel, present: NDArray[np.bool_]) -> ResponseSpec:
    """Take the firms that are there; their constants come from the same parameters."""
    spec = problem.response.spec
    return spec._replace(design=np.ascontiguousarray(spec.design[present]))


def _labels(panel: xr.Dataset, name: str, default: str) -> tuple[str, ...]:
    if name not in panel:
        return (default,) * panel.sizes["effort"]
    return tuple(map(str, panel[name].values))
