"""How uncertain a calibrated market is: draws of its parameters, and weights of its models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import QueryError
from pipeline.forecasting.market import ForecastMarket
from pipeline.names import Label
from pipeline.status import Status

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

# A model with less weight than this would not get one draw in a thousand.
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class Member:
    """A model that takes part in a forecast, and its weight."""

    model: str
    weight: float


def model_weights(
    results: "Results", market: Label, models: Sequence[str], criterion: str
) -> tuple[Member, ...]:
    """Weigh the models of a market, the heaviest first.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    models
        Candidates; those without a usable fit are left out.
    criterion
        ``aic``, ``aicc``, ``bic``: weights ``exp(-difference / 2)`` (Akaike 1978; Burnham & Anderson 2002);
        ``equal``; ``best``: all weight on the one with the smallest AICc.

    Returns
    -------
    tuple of Member
        Weights sum to 1; models of less than 0.001 are left out.

    Raises
    ------
    QueryError
        No model has a usable fit, or they were fitted to different numbers of residuals.
    """
    names, values, residuals = [], [], []
    for model in models:
        fit = results.fits(model).sel(market=market).isel(window=0)
        if not Status(int(fit["status"])).usable:
            continue
        value = float(fit[criterion if criterion in ("aic", "bic") else "aicc"])
        names.append(model)
        values.append(value if np.isfinite(value) else float(fit["aic"]))
        residuals.append(int(fit["n_residual"]))
    if not names:
        raise QueryError(f"Market {market} has no usable fit of {', '.join(models)}; `beed show` says why.")
    if len(set(residuals)) > 1 and criterion != "equal":
        raise QueryError(
            f"The models of market {market} were fitted to different numbers of residuals "
            f"({', '.join(map(str, residuals))}), so {criterion} cannot compare them; name one model, or "
            "weigh them equally."
        )
    weight = _weights(np.array(values), criterion)
    heaviest_first = np.argsort(-weight, kind="stable").tolist()
    return tuple(Member(names[number], float(weight[number])) for number in heaviest_first if weight[number])


def _weights(values: Floats, criterion: str) -> Floats:
    """Weights of models with these values of a criterion; 0 for those that are negligible."""
    if criterion == "equal":
        weight = np.ones(values.size)
    elif criterion == "best":
        weight = (np.arange(values.size) == np.argmin(values)).astype(float)
    else:
        weight = np.exp(-0.5 * (values - values.min()))
    weight = np.where(weight >= _NEGLIGIBLE * weight.sum(), weight, 0.0)
    return np.asarray(weight / weight.sum())


def share_out(members: Sequence[Member], count: int) -> list[int]:
    """Divide draws among models in proportion to their weights, by largest remainders."""
    exact = np.array([member.weight for member in members]) * count
    counts = np.floor(exact).astype(int)
    left = count - int(counts.sum())
    counts[np.argsort(-(exact - counts), kind="stable")[:left]] += 1
    return [int(number) for number in counts]


def stored_replicates(results: "Results", market: ForecastMarket) -> Floats:
    """Read the bootstrap replicates of a fit in the order of the kernels, shape (B, P); B = 0 without any."""
    fit = results.fits(market.model)
    none = np.empty((0, market.theta.size))
    if "replicate_value" not in fit:
        return none
    cells = fit["replicate_value"].sel(market=market.market).isel(window=0)
    names = [str(name) for name in fit["param"].values]
    values: Floats = cells.transpose("replicate", "param").values[:, [names.index(n) for n in market.names]]
    return values[np.isfinite(values).all(axis=1)]


def draw_parameters(
    market: ForecastMarket, count: int, rng: np.random.Generator, replicates: Floats | None = None
) -> Floats:
    """Draw parameter vectors, shape (count, P).

    Parameters
    ----------
    market : ForecastMarket
    count : int
    rng : Generator
    replicates : (B, P) array, optional
        Drawn from, with replacement, when there are any. Otherwise draws are normal with the covariance of
        the estimates, cut at the bounds; parameters that the data do not determine, or that stopped at a
        bound, keep their values.
    """
    if replicates is not None and len(replicates):
        return np.ascontiguousarray(replicates[rng.integers(len(replicates), size=count)])
    covariance = np.where(np.isnan(market.covariance), 0.0, market.covariance)
    scale = np.sqrt(np.diag(covariance))
    safe = np.where(scale > 0.0, scale, 1.0)
    # Parameters differ in size by many orders, so directions are taken from the correlations.
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = market.theta + (rng.standard_normal((count, market.theta.size)) @ root.T) * scale
    moved = scale > 0.0
    return np.where(moved, np.clip(draws, market.lower, market.upper), market.theta)
