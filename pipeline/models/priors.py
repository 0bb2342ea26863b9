"""Normal priors on parameters: what is believed of them before the data are seen, and what that costs.

A prior adds to the sum of squares the row ``s (theta - mean) / spread`` where s is the standard deviation of
a residual, so that both are measured in the same coin. A parameter drawn to its prior is less than a whole
degree of freedom: the effective number of parameters is the trace of the hat matrix,
``tr(J (J'J + W)^-1 J')`` (Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 3.4.1).
"""

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.entries import entering_firms
from kernels.least_squares.market import PLAIN, MarketData, moving_firms
from kernels.least_squares.serial_errors import kept_and_weight
from kernels.numeric.arrays import Floats, Matrix, Vector
from pipeline.config.parameters import AUTOCORRELATION, CONSTANT, ENTRY, GAIN, INITIAL

if TYPE_CHECKING:
    from pipeline.models.market_model import MarketModel

Belief = tuple[float, float]

# Of log-ratios from one period to the next: further than a market moves that remembers where it began.
_START_SPREAD = 2.0
# Of a gain, mean and standard deviation. In short series its likelihood is flat and piles up at 0: in
# simulated series of 24 periods in which a third of an error lasts (50 to 60 markets a cell) it gives 0 in
# 75 to 98 %, with this belief in 43 to 98 %, with a spread of 0.2 in 5 to 80 %; 95 % intervals hold 91 to
# 94, 91 to 94 and 91 to 97 %, and forecasts one period ahead where all errors last are 1 to 2 and 2 to 4 %
# worse. Restricted likelihood (median gains of 0.23 to 0.34, 93 to 96 %) was dropped: under errors of
# measurement alone, 60 periods, its 80 % intervals held 96 % (covariance) and 57 % (profile) of 150
# markets. With a hundred periods the belief weighs little.
_GAIN_BELIEF = (0.5, 0.3)
# A weak belief that errors of measurement are gone in the next period: what lasts is the gain's.
_AUTOCORRELATION_BELIEF = (0.0, 0.3)
# Of a share times that of all others: what is smaller is not told from it.
_SMALLEST_ODDS = 1e-12
# Directions with a square of their singular value beyond this lose no digit that counts by being squared.
_WELL_SEEN = 1e-5


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal beliefs about P parameters.

    Attributes
    ----------
    mean, spread
        (P,) means and standard deviations in natural units; an infinite one where nothing is believed.
    of_errors
        (P,) standard deviation of a parameter in those of a residual, where it is an error of an observation
        itself; nan elsewhere. It stands in for the spread.
    """

    mean: Vector
    spread: Vector
    of_errors: Vector | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is believed of any parameter."""
        believed = self.spread if self.of_errors is None else np.fmin(self.spread, self.of_errors)
        return not np.isfinite(believed).any()

    def scaled(self, factor: float) -> "Prior":
        """Multiply all standard deviations."""
        return Prior(self.mean, self.spread * factor)

    def weight(self, deviation: float) -> Vector:
        """Weights of the rows that the kernels add, (P,), for residuals of this standard deviation."""
        weight = np.where(np.isfinite(self.spread), deviation / self.spread, 0.0)
        if self.of_errors is None:
            return weight
        return np.where(np.isfinite(self.of_errors), 1.0 / self.of_errors, weight)


def prior_of(names: Sequence[str], beliefs: Mapping[str, Belief]) -> Prior:
    """Gather the beliefs about some parameters.

    Parameters
    ----------
    names
        Of the parameters.
    beliefs
        ``(mean, standard deviation)`` by name of a parameter or of a family of them: see `family_of`.
    """
    if not beliefs:
        return Prior(np.zeros(len(names)), np.full(len(names), np.inf))
    believed = [beliefs.get(name, beliefs.get(family_of(name))) for name in names]
    return Prior(
        np.array([0.0 if belief is None else belief[0] for belief in believed]),
        np.array([np.inf if belief is None else belief[1] for belief in believed]),
    )


@functools.lru_cache(maxsize=64)
def _weakly_believed(names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell of parameters (4, P): first shares, the gain, the autocorrelation, errors of first shares."""
    kinds = [
        (name.startswith(f"{INITIAL}."), name == GAIN, name == AUTOCORRELATION, name.startswith(f"{ENTRY}."))
        for name in names
    ]
    return np.array(kinds).T


def with_weak_beliefs(
    prior: Prior,
    names: Sequence[str],
    start: Vector,
    vary: NDArray[np.bool_],
    entry_spread: Vector | None = None,
) -> Prior:
    """Believe a little of the first shares, the gain and the autocorrelation, where nothing else is believed.

    What adjusts within a period has forgotten where it began: without a belief the start could go anywhere,
    and the errors of the first period with it.

    Parameters
    ----------
    prior
        Other beliefs about the P parameters.
    names, start, vary
        (P,) names; values at the start of a search, of initial log-ratios those first observed; what is free.
    entry_spread
        (E,) standard deviations of the errors of first shares of firms that enter, see `entry_spread`.
    """
    mean, spread = prior.mean.copy(), prior.spread.copy()
    open_ = vary & ~np.isfinite(spread)
    starts, gain, rho, entries = _weakly_believed(tuple(names))
    starts, gain, rho = open_ & starts, open_ & gain, open_ & rho
    mean[starts], spread[starts] = start[starts], _START_SPREAD
    mean[gain], spread[gain] = _GAIN_BELIEF
    mean[rho], spread[rho] = _AUTOCORRELATION_BELIEF
    if entry_spread is None or not entries.any():
        return Prior(mean, spread)
    of_errors = np.full(len(spread), np.nan)
    of_errors[entries] = entry_spread
    of_errors[~open_] = np.nan
    return Prior(mean, spread, of_errors)


def entry_spread(
    data: MarketData, covariance: Matrix, autocorrelation: float, common_row: float = 1.0
) -> Vector:
    """Give the standard deviations (E,) of the errors of the shares that firms enter with.

    In those of a residual. Against the observed shares w of the firms that were there before, closed, the
    error of a log share is e_i - w'e, and e is as the errors of all others are: a share that nothing predicts
    is measured as well as they are. (What it has in common with theirs in the same period counts little.)
    Where errors are those of plain shares, the log of a small share is less well known.

    Parameters
    ----------
    data : MarketData
        With E entries that have a parameter.
    covariance : (N, N) array
        Of errors of log shares, in units of the rows that compare data.
    autocorrelation : float
        Of the errors; a row that no other one comes before is an innovation of so much less.
    common_row : float
        Factor on the rows of a common period, where periods differ in length.
    """
    if data.entries == 0:
        return np.empty(0)
    moving = moving_firms(data.active)
    spread = []
    for period, firm in np.argwhere(entering_firms(data.active))[: data.entries].tolist():
        share = data.share[period]
        if data.kind == PLAIN:
            there = 1.0 - 1.0 / max(data.active[period].sum(), 2)
            spread.append(np.sqrt(there) / max(share[firm] * (1.0 - share[firm]), _SMALLEST_ODDS))
            continue
        before = np.where(moving[period], share, 0.0)
        against = np.zeros(share.size) if not before.any() else -before / before.sum()
        against[firm] += 1.0
        spread.append(np.sqrt(against @ covariance @ against))
    if autocorrelation == 0.0:
        return np.array(spread) / common_row
    _, weight = kept_and_weight(autocorrelation, data.first, moving, data.duration)
    return np.array(spread) / (weight[data.first] * common_row)


def family_of(name: str) -> str:
    """Name what a parameter that carries a firm's name is one of: ``price.own`` of ``price.own.Acme``."""
    for root in (CONSTANT, INITIAL, ENTRY):
        if name.startswith(f"{root}."):
            return root
    for kind in (".own.", ".cross."):
        head, believed, _ = name.partition(kind)
        if believed:
            return head + kind[:-1]
    return name


def effective_parameters(
    jacobian: Floats, weight: Floats, further: Floats | None = None
) -> NDArray[np.float64]:
    """Trace of the hat matrix.

    Parameters
    ----------
    jacobian : (..., C, R) array
        Derivatives of the R residuals that compare data, in C free parameters, of any number of fits.
    weight : (..., C) array
        Weights of the rows of their priors, 0 where there is none.
    further : (..., C, E) array, optional
        Derivatives of other rows that are not data, such as those of experiments.

    Returns
    -------
    (...) array
    """
    *fits, count, _ = jacobian.shape
    further = np.empty((*fits, count, 0)) if further is None else further
    drawn = weight.any(axis=-1) | further.any(axis=(-2, -1))
    if not drawn.any():
        return np.full(fits, float(count))
    scale = np.sqrt(np.vecdot(jacobian, jacobian) + np.vecdot(further, further) + weight**2)
    safe = np.where(scale > 0.0, scale, 1.0)
    unit, other = jacobian / safe[..., np.newaxis], further / safe[..., np.newaxis]
    believed = weight / safe
    together = unit @ unit.mT + other @ other.mT
    diagonal = np.arange(count)
    together[..., diagonal, diagonal] += believed**2
    # Of every direction, what its beliefs decide; the data decide the rest.
    strength, directions = np.linalg.eigh(together)
    decided = np.sum((directions * believed[..., np.newaxis]) ** 2, axis=-2)
    decided += np.sum((other.mT @ directions) ** 2, axis=-2)
    well = strength[..., 0] > _WELL_SEEN
    found = np.array(count - np.sum(decided / np.where(well[..., np.newaxis], strength, 1.0), axis=-1))
    found[~drawn] = count
    for place in map(tuple, np.argwhere(drawn & ~well)):
        found[place] = _decided_by_data(unit[place], believed[place], other[place])
    return found


def _decided_by_data(unit: Matrix, believed: Vector, other: Matrix) -> float:
    """Singular values of [J; W]: of the rows that are data, how much of each direction they decide."""
    both = np.concatenate([unit, np.diag(believed), other], axis=1)
    _, singular, right = np.linalg.svd(both, full_matrices=False)
    seen = singular > np.finfo(float).eps * max(both.shape) * singular[0]
    return float((right[seen, : unit.shape[1]] ** 2).sum())


def n_effective(model: "MarketModel", theta: Vector) -> float:
    """Count the effective parameters of a model: `effective_parameters`."""
    model.evaluate(theta)
    return float(n_effective_of([model], [theta])[0]) if model.effective is None else model.effective


def n_effective_of(models: Sequence["MarketModel"], thetas: Sequence[Vector]) -> Vector:
    """Count the effective parameters of many models, each at its parameters, (B,)."""
    found, rows, alike = np.empty(len(models)), {}, defaultdict(list)
    for place, (model, theta) in enumerate(zip(models, thetas, strict=True)):
        model.evaluate(theta)
        if model.effective is None:
            arrays = rows[place] = _rows_of(model, theta)
            alike[tuple(array.shape for array in arrays)].append(place)
        else:
            found[place] = model.effective
    for places in alike.values():
        stacks = (np.stack(arrays) for arrays in zip(*(rows[place] for place in places), strict=True))
        found[places] = effective_parameters(*stacks)
        for place in places:
            models[place].effective = float(found[place])
    return found


def _rows_of(model: "MarketModel", theta: Vector) -> tuple[Matrix, Vector, Matrix]:
    """Give derivatives of what compares data, weights of beliefs, and derivatives of what is neither."""
    jacobian, weight = model.jacobian(theta), model.prior_weight
    priors = model.n_residuals + np.count_nonzero(weight > 0.0)
    return jacobian[:, : model.n_residuals], weight[model.vary], jacobian[:, priors:]


def residual_deviation(model: "MarketModel", theta: Vector) -> float:
    """Estimate the standard deviation of the residuals that compare data, with honest degrees of freedom."""
    return float(residual_deviations([model], [theta])[0])


def residual_deviations(models: Sequence["MarketModel"], thetas: Sequence[Vector]) -> Vector:
    """Estimate `residual_deviation` of many models, each at its parameters, (B,); nan where there is none."""
    found = np.full(len(models), np.nan)
    square, known = np.zeros(len(models)), np.zeros(len(models), dtype=np.bool_)
    for place, (model, theta) in enumerate(zip(models, thetas, strict=True)):
        residual = model.residual(theta)
        if residual is not None:
            data = residual[: model.n_residuals]
            square[place], known[place] = data @ data, True
    places = np.flatnonzero(known).tolist()
    if places:
        some = [models[place] for place in places]
        left = np.array([model.n_residuals for model in some])
        left = left - n_effective_of(some, [thetas[place] for place in places])
        found[places] = np.where(left > 0.0, np.sqrt(square[places] / np.where(left > 0.0, left, 1.0)), 0.0)
    return found
