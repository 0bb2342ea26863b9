"""Checks of what a batch of fits is given, so that compiled code can trust every shape, index and number."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.least_squares.entries import entering_firms
from kernels.least_squares.market import ILR, PLAIN, MarketData, moving_firms, observed_target, write_target
from kernels.least_squares.whitening import Whitening
from kernels.motion.course import INVESTMENT, SCALED
from kernels.numeric.jit import jit_making_arrays
from kernels.numeric.simplex import helmert_factors

_MARKET_SHAPES = {
    "efforts": "(market, effort, time, firm)",
    "active": "(market, time, firm)",
    "share": "(market, time, firm)",
    "total_sales": "(market, time)",
    "duration": "(market, time)",
    "reference_sales": "(market,)",
}


class Batch(NamedTuple):
    """Checked arrays of a batch; bounds and priors of one row hold for all problems."""

    markets: MarketData
    """D markets, every array with a leading axis."""
    data_index: NDArray[np.int64]
    """(B,) market of each problem."""
    targets: NDArray[np.float64]
    """(S, R) rows to compare with, padded to the longest."""
    target_index: NDArray[np.int64]
    """(B,) row of ``targets`` of each problem."""
    column: NDArray[np.int64]
    """(P,) column of the Jacobian, -1 for fixed parameters."""
    lower: NDArray[np.float64]
    """(1 or B, P)"""
    upper: NDArray[np.float64]
    """(1 or B, P)"""
    prior_mean: NDArray[np.float64]
    """(1 or B, P)"""
    prior_weight: NDArray[np.float64]
    """(1 or B, P)"""


class CheckedMarkets(NamedTuple):
    """Markets that are known to be right, from `checked_markets`."""

    stack: MarketData
    """Every array with a leading axis."""


def checked_markets(markets: MarketData) -> CheckedMarkets:
    """Check markets once for many batches: it takes as long as a few evaluations.

    Raises
    ------
    ValueError
        Shapes do not fit together.
    """
    return CheckedMarkets(check_markets(markets))


@jit_making_arrays
def one_market(markets, index):
    """One market out of a stack; its arrays are views."""
    return MarketData(
        markets.efforts[index],
        markets.active[index],
        markets.share[index],
        markets.total_sales[index],
        markets.duration[index],
        markets.reference_sales[index],
        markets.first,
        markets.kind,
        markets.corrected,
        markets.whitening,
        markets.serial,
        markets.controls,
        markets.entries,
        markets.unit,
        markets.by_length,
    )


def check_starts(starts: ArrayLike) -> NDArray[np.float64]:
    """Copy the starts to a contiguous (B, P) array of finite numbers."""
    value = np.array(starts, dtype=np.float64, order="C")
    if value.ndim != 2 or value.shape[0] == 0:
        raise ValueError(
            f"starts has shape {value.shape}, expected (problem, parameter): one row of starting values, "
            "fixed parameters included, for each problem."
        )
    bad = np.argwhere(~np.isfinite(value))
    if bad.size:
        problem, parameter = bad[0]
        raise ValueError(
            f"The start of problem {problem} is {value[problem, parameter]} for parameter {parameter}; "
            "every starting value and every fixed value must be finite."
        )
    return value


def check_markets(markets: MarketData) -> MarketData:
    """Give every array of the markets its leading axis and type, without copying what has them."""
    single = np.ndim(markets.active) == 2
    stacked: dict[str, Any] = {}
    for name in _MARKET_SHAPES:
        dtype = np.bool_ if name == "active" else np.float64
        array = np.asarray(getattr(markets, name), dtype=dtype)
        stacked[name] = _plain(array[np.newaxis] if single else array)
    sizes: dict[str, int] = {}
    for name, axes in _MARKET_SHAPES.items():
        names = axes.strip("(,)").split(", ")
        shape = stacked[name].shape
        if len(shape) != len(names) or any(
            sizes.setdefault(axis, size) != size for axis, size in zip(names, shape, strict=True)
        ):
            raise ValueError(
                f"{name} of the markets has shape {shape}, expected {axes}"
                f"{' without the market axis' if single else ''} with sizes {sizes}; "
                "give all arrays of a stack of markets the same leading axis."
            )
    return MarketData(
        **stacked,
        first=int(markets.first),
        kind=int(markets.kind),
        corrected=int(markets.corrected),
        whitening=_check_whitening(markets.whitening, stacked["active"].shape),
        serial=int(markets.serial),
        controls=_check_controls(markets.controls, stacked["active"], int(markets.first)),
        entries=_check_entries(int(markets.entries), stacked["active"]),
        unit=_check_unit(float(markets.unit)),
        by_length=int(markets.by_length),
    )


def _check_unit(unit: float) -> float:
    """Hold the length of a common period against what a length can be."""
    if not 0.0 < unit < np.inf:
        raise ValueError(f"The common period of the markets is {unit:g} periods long, expected more than 0.")
    return unit


def _check_entries(entries: int, active: NDArray[np.bool_]) -> int:
    """Hold the number of entries with a parameter against those that every market has."""
    fewest = int(entering_firms(active).sum(axis=(1, 2)).min())
    if not 0 <= entries <= fewest:
        raise ValueError(
            f"The markets have parameters for {entries} entries, and a market has {fewest}: "
            "give as many as every market has, or fewer."
        )
    return entries


def _check_controls(
    controls: NDArray[np.float64], active: NDArray[np.bool_], first: int
) -> NDArray[np.float64]:
    """Give controls their type, and hold their length against the rows of every market."""
    if controls.size:
        present = moving_firms(active)[:, first:].sum(axis=2)
        rows = np.unique(np.maximum(present - 1, 0).sum(axis=1))
        if rows.tolist() != [controls.shape[1]]:
            raise ValueError(
                f"The controls of the markets have {controls.shape[1]} rows, and the markets "
                f"{', '.join(map(str, rows.tolist()))}: controls are those of one market."
            )
    return _plain(np.asarray(controls, dtype=np.float64))


def _check_whitening(whitening: Whitening, shape: tuple[int, ...]) -> Whitening:
    """Give the roots of a whitening their type, and hold their sizes against ``(market, time, firm)``."""
    factor, membership = whitening
    size = max(shape[2] - 1, 0)
    if membership.size and (membership.shape != shape[1:2] or factor.shape[1:] != (size, size)):
        raise ValueError(
            f"The whitening of the markets has factors of shape {factor.shape} and {membership.size} "
            f"periods, expected (membership, {size}, {size}) and {shape[1]} periods: make it from the firms "
            "that move."
        )
    if membership.size and not 0 <= membership.min() <= membership.max() < len(factor):
        raise ValueError(
            f"The whitening of the markets names memberships from {membership.min()} to {membership.max()}, "
            f"expected 0 to {len(factor) - 1}."
        )
    return Whitening(_plain(factor), _plain(membership))


def check_vary(vary: ArrayLike, value: NDArray[np.float64], markets: MarketData, gamma_form: int) -> NDArray:
    """Column of the Jacobian of each parameter, -1 for those that are fixed."""
    n_parameters = value.shape[1]
    free = np.asarray(vary, dtype=np.bool_)
    if free.shape != (n_parameters,):
        raise ValueError(
            f"vary has shape {free.shape}, expected ({n_parameters},): one flag for each parameter of starts."
        )
    n_initial = markets.active.shape[2] - 1 if markets.first == 0 else 0
    n_controls = len(markets.controls)
    returns_to_scale = n_parameters - 2 - n_initial - markets.entries - n_controls - markets.serial
    if returns_to_scale < 1:
        raise ValueError(
            f"starts has {n_parameters} parameters, expected those of the response, then jump_price, "
            f"returns_to_scale, gain{f', {n_initial} initial log-ratios' if n_initial else ''}"
            f"{f', {markets.entries} errors of first shares' if markets.entries else ''}"
            f"{f', {n_controls} controls' if n_controls else ''}"
            f"{', autocorrelation' if markets.serial else ''}."
        )
    if free[returns_to_scale] and gamma_form != SCALED:
        form = "investment (0)" if gamma_form == INVESTMENT else "proportional (1)"
        raise ValueError(
            f"returns_to_scale (parameter {returns_to_scale}) is free, but the {form} form fixes it; "
            "fix it in vary, or fit the scaled form."
        )
    return np.where(free, np.cumsum(free) - 1, -1).astype(np.int64)


def check_index(index: ArrayLike, name: str, n_problems: int, limit: int) -> NDArray[np.int64]:
    """Copy an index of each problem to int64 after checking its range."""
    given = np.asarray(index)
    if given.shape != (n_problems,) or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"{name} has shape {given.shape} and type {given.dtype}, expected {n_problems} integers: "
            "one for each problem."
        )
    if given.min() < 0 or given.max() >= limit:
        raise ValueError(
            f"{name} runs from {given.min()} to {given.max()}, expected indices from 0 to {limit - 1}: "
            f"there are {limit} to choose from."
        )
    return np.ascontiguousarray(given, dtype=np.int64)


def check_data_index(data_index: ArrayLike | None, n_problems: int, n_markets: int) -> NDArray[np.int64]:
    """Market of each problem; by default the only one, or problem b on market b."""
    if data_index is not None:
        return check_index(data_index, "data_index", n_problems, n_markets)
    if n_markets not in (1, n_problems):
        raise ValueError(
            f"There are {n_problems} problems and {n_markets} markets; "
            "give data_index, the market of each problem."
        )
    return np.zeros(n_problems, np.int64) if n_markets == 1 else np.arange(n_problems)


def check_groups(groups: ArrayLike | None, data_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Group of each problem, -1 by default; those of one group are on one market."""
    if groups is None:
        return np.full(data_index.size, -1)
    given = check_index(np.asarray(groups) + 1, "groups", data_index.size, data_index.size + 1) - 1
    _, first, members = np.unique(given, return_index=True, return_inverse=True)
    elsewhere = np.flatnonzero((data_index[first][members] != data_index) & (given >= 0))
    if elsewhere.size:
        raise ValueError(
            f"Group {given[elsewhere[0]]} has starts on several markets, expected starts of one problem: of "
            "the same market, target, bounds and priors."
        )
    return given


def check_targets(
    targets: ArrayLike | None,
    target_index: ArrayLike | None,
    data_index: NDArray[np.int64],
    markets: MarketData,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows to compare with, and the row of each problem; by default the observed shares of its market."""
    if markets.kind not in (ILR, PLAIN):
        raise ValueError(f"kind of the markets is {markets.kind}, expected ILR ({ILR}) or PLAIN ({PLAIN}).")
    n_problems = data_index.size
    n_observed = count_observations(markets)
    if targets is None:
        if target_index is not None:
            raise ValueError("target_index was given without targets; give both, or neither.")
        used = np.unique(data_index)
        observed = np.zeros((used.size, int(n_observed[used].max())))
        unusable = _write_targets(markets, used, observed)
        if unusable >= 0:
            observed_target(one_market(markets, unusable))
        return observed, np.searchsorted(used, data_index)
    given = _plain(np.asarray(targets, dtype=np.float64))
    longest = int(n_observed[data_index].max())
    if given.ndim != 2 or given.shape[1] < longest:
        raise ValueError(
            f"targets has shape {given.shape}, expected (target, observation) "
            f"with at least {longest} observations."
        )
    if target_index is None and given.shape[0] != n_problems:
        raise ValueError(
            f"There are {n_problems} problems and {given.shape[0]} targets; "
            "give target_index, the target of each problem."
        )
    rows: ArrayLike = np.arange(n_problems) if target_index is None else target_index
    return given, check_index(rows, "target_index", n_problems, given.shape[0])


@jit_making_arrays
def _write_targets(markets, used, targets):
    """Fill a row of ``targets`` for each market used, as `observed_target` does for one.

    Returns the first market with a share that cannot be compared with, which `observed_target` will explain,
    or -1. (Calling it for thousands of markets takes as long as their fits.)
    """
    n_firms = markets.active.shape[2]
    factors, moving, coordinates = helmert_factors(n_firms), np.zeros(n_firms, np.bool_), np.zeros(n_firms)
    for row, market in enumerate(used):
        if not write_target(one_market(markets, market), factors, moving, coordinates, targets[row]):
            return market
    return -1


def count_observations(markets: MarketData) -> NDArray[np.int64]:
    """(D,) rows that compare shares in each market."""
    present = moving_firms(markets.active)[:, markets.first :].sum(axis=2)
    return np.maximum(present - 1, 0).sum(axis=1)


def check_bounds(
    lower: ArrayLike, upper: ArrayLike, value: NDArray[np.float64], column: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of one row or one row a problem, around every start of a free parameter."""
    low, high = _common_rows(lower, "lower", upper, "upper", value.shape)
    free = column >= 0
    # Written so that a nan in a bound is caught too.
    outside = ~((low <= value) & (value <= high)) & free
    if np.any(outside):
        problem, parameter = np.argwhere(outside)[0]
        bounds = [b[problem if b.shape[0] > 1 else 0, parameter] for b in (low, high)]
        raise ValueError(
            f"The start of problem {problem} is {value[problem, parameter]:g} for parameter {parameter}, "
            f"outside its bounds from {bounds[0]:g} to {bounds[1]:g}; move it inside or widen the bounds."
        )
    return low, high


def check_priors(
    mean: ArrayLike, weight: ArrayLike, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finite means and finite weights >= 0 of Gaussian priors, of one row or one row a problem."""
    means, weights = _common_rows(mean, "prior_mean", weight, "prior_weight", shape)
    if not (np.all(np.isfinite(means)) and np.all(np.isfinite(weights)) and np.all(weights >= 0.0)):
        raise ValueError("A prior needs a finite mean and a finite weight of at least 0 (0 means no prior).")
    return means, weights


def _common_rows(
    first: ArrayLike, first_name: str, second: ArrayLike, second_name: str, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bring two arrays to (1, P), or to (B, P) when either differs between problems."""
    arrays = []
    for array, name in ((first, first_name), (second, second_name)):
        given = np.atleast_2d(np.asarray(array, dtype=np.float64))
        if given.ndim != 2 or given.shape[0] not in (1, shape[0]) or given.shape[1] not in (1, shape[1]):
            raise ValueError(
                f"{name} has shape {np.shape(array)}, expected one number, ({shape[1]},) or {shape}: "
                "one for each parameter, or one for each problem and parameter."
            )
        arrays.append(given)
    whole = (max(array.shape[0] for array in arrays), shape[1])
    low, high = (
        _plain(array) if array.shape == whole else np.array(np.broadcast_to(array, whole), order="C")
        for array in arrays
    )
    return low, high


def _plain(array: NDArray) -> NDArray:
    """Copy an array unless it is contiguous and writable: any other kind would compile the kernels again."""
    return np.require(array, requirements=["C", "W"])
