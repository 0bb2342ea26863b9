"""The first stage of efforts that answer to the market: what instruments explain of them, and what not.

An effort that managers set by what they see of demand moves with the errors of shares, and its coefficient
takes up both. Regressed on instruments, which move it from outside, and on the exogenous inputs of f, it
leaves a residual that holds all of it that may go with the errors. This *control function* stands beside the
model in every comparison with observed shares: the errors of log shares are its coefficient times the
control, and a rest that the effort does not go with. For a linear model the estimates are those of two-stage
least squares; that the coefficient is 0 is the test of Hausman for exogeneity. The market function has no
part in it: ahead of the data nobody knows the control, and it is 0, what is expected.

Shares answer to differences between firms and firms have constants, so both stages look at deviations from
the means of firms and of periods: a cost that is common to all firms identifies nothing.

Sources: Hausman (1978), Econometrica 46, 1251; Petrin & Train (2010), J. Marketing Research 47, 3 (control
functions in demand); Newey & West (1987), Econometrica 55, 703; Staiger & Stock (1997), Econometrica 65, 557
(instruments with F < 10 are weak).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector

WEAK = 10.0
"""F of instruments below which they are weak."""

# What is left of a regressor beside the others, relative to its size, below which it says nothing new.
_SAME = 1e-8
_ROUNDS = 1000


class FirstStageError(ValueError):
    """A first stage that cannot be made of the data of a market: a sentence that says why."""


@dataclass(frozen=True, eq=False)
class FirstStage:
    """The regression of one effort on J regressors over T periods and N firms.

    Attributes
    ----------
    effort
        Its name.
    control
        (T, N) residual, in the unit of the effort; 0 for absent firms.
    regressors
        (J, T, N) instruments and then exogenous inputs, as deviations; 0 for absent firms.
    slopes, covariance
        (J,) and (J, J): estimates, with errors that may hang together over time and between firms (HAC).
    f_statistic
        Of the instruments, by this covariance.
    labels
        Names of the J regressors: those given, without what says nothing new.
    """

    effort: str
    control: Matrix
    regressors: Cube
    slopes: Vector
    covariance: Matrix
    f_statistic: float
    labels: tuple[str, ...]


def first_stage(
    effort: str,
    explained: Matrix,
    regressors: Cube,
    active: NDArray[np.bool_],
    labels: Sequence[str],
    n_instruments: int,
    *,
    periods: bool = True,
) -> FirstStage:
    """Regress an effort (T, N) on regressors (J, T, N), of which the first are the instruments.

    Parameters
    ----------
    effort, explained, regressors, active
        Of one market; values of absent firms are not read.
    labels : sequence of str
        Names of the J regressors, for messages.
    n_instruments : int
    periods : bool
        Whether periods have constants, as they must where only differences between firms count.

    Raises
    ------
    FirstStageError
        There are too few cells; an instrument never varies beside firms and periods, or says nothing that the
        others and the exogenous inputs do not say; or the effort itself follows from them.
    """
    within = deviations(np.concatenate([explained[np.newaxis], regressors]), active, periods=periods)
    size = np.sqrt(np.square(np.where(active, regressors, 0.0)).sum(axis=(1, 2)))
    target, rows = within[0][active], within[1:, active]
    kept = informative(effort, rows, size, labels, n_instruments)
    design = rows[kept]
    constants = int(active.any(axis=0).sum()) + (int(active.any(axis=1).sum()) - 1 if periods else 0)
    degrees = target.size - constants - len(kept)
    if degrees <= 0:
        raise FirstStageError(
            f"the effort {effort} has {target.size} values for {constants} constants of firms and periods, "
            f"{n_instruments} instruments and {len(kept) - n_instruments} other inputs: too few"
        )
    slopes = np.linalg.lstsq(design.T, target, rcond=None)[0]
    left = target - slopes @ design
    refuse_explained(effort, left, target)
    control, spread = np.zeros(active.shape), np.zeros((len(kept), *active.shape))
    control[active], spread[:, active] = left, design
    covariance = _newey_west(spread, control, target.size / degrees)
    strength = f_of_instruments(slopes, covariance, n_instruments)
    used = tuple(labels[index] for index in kept)
    return FirstStage(effort, control, spread, slopes, covariance, strength, used)


def informative(
    effort: str, rows: Matrix, size: Vector, labels: Sequence[str], n_instruments: int
) -> NDArray[np.int64]:
    """Give the positions of the regressors that say something of their own; all instruments must.

    Parameters
    ----------
    effort : str
    rows : (J, cells) array
        Deviations, or anything with the same products.
    size : (J,) array
        Lengths before means were taken out.
    labels : sequence of str
    n_instruments : int

    Raises
    ------
    FirstStageError
        An instrument does not vary, or follows from the other regressors.
    """
    varies = np.linalg.norm(rows, axis=1) > _SAME * size
    _refuse_dependent(effort, rows, varies, labels, n_instruments)
    kept = np.flatnonzero(varies)
    return kept[_independent(rows[kept])]


def refuse_explained(effort: str, left: Vector, target: Vector) -> None:
    """Refuse an effort of which regressors leave nothing.

    Raises
    ------
    FirstStageError
        So it is.
    """
    if np.linalg.norm(left) <= _SAME * np.linalg.norm(target):
        raise FirstStageError(f"the effort {effort} follows from its instruments and other inputs alone")


def f_of_instruments(slopes: Vector, covariance: Matrix, n_instruments: int) -> float:
    """Give the F statistic that the first ``n_instruments`` of the slopes are all 0."""
    own = slopes[:n_instruments]
    wald = own @ np.linalg.solve(covariance[:n_instruments, :n_instruments], own)
    return float(wald) / n_instruments


def deviations(values: Cube, active: NDArray[np.bool_], *, periods: bool = True) -> Cube:
    """Take the means of firms, and of periods, out of values (K, T, N); 0 for absent firms.

    By turns until nothing changes, which is at once where every firm is there in every period.
    """
    values = np.where(active, values, 0.0)
    of_firm = np.maximum(active.sum(axis=0), 1)
    of_period = np.maximum(active.sum(axis=1), 1)[:, np.newaxis]
    scale = np.abs(values).max(initial=0.0)
    for _ in range(_ROUNDS):
        before = values
        values = np.where(active, values - values.sum(axis=1, keepdims=True) / of_firm, 0.0)
        if periods:
            values = np.where(active, values - values.sum(axis=2, keepdims=True) / of_period, 0.0)
        if np.abs(values - before).max(initial=0.0) <= 1e-14 * scale:
            break
    return values


def _independent(rows: Matrix) -> NDArray[np.int64]:
    """Positions of the rows (J, cells) that those before them do not give."""
    kept: list[int] = []
    basis = np.empty((0, rows.shape[1]))
    for index, row in enumerate(rows):
        rest = row - (basis @ row) @ basis
        rest -= (basis @ rest) @ basis
        length = np.linalg.norm(rest)
        if length > _SAME * np.linalg.norm(row):
            kept.append(index)
            basis = np.vstack([basis, rest / length])
    return np.array(kept, dtype=np.int64)


def _refuse_dependent(
    effort: str, rows: Matrix, varies: NDArray[np.bool_], labels: Sequence[str], n_instruments: int
) -> None:
    """Refuse instruments that do not vary, or that the exogenous inputs and other instruments give."""
    still = [labels[index] for index in range(n_instruments) if not varies[index]]
    if still:
        raise FirstStageError(
            f"the instrument {still[0]} of {effort} does not vary beside constants of firms and periods"
        )
    # Inputs first: what they say already is no instrument.
    order = [*(n_instruments + np.flatnonzero(varies[n_instruments:])), *range(n_instruments)]
    found = {order[place] for place in _independent(rows[order])}
    twice = [labels[index] for index in range(n_instruments) if index not in found]
    if twice:
        raise FirstStageError(
            f"the instrument {twice[0]} of {effort} follows from its other instruments and exogenous inputs"
        )


def _newey_west(regressors: Cube, residual: Matrix, scale: float) -> Matrix:
    """Covariance of slopes under errors that hang together over time and between firms, all firms summed."""
    scores = np.einsum("jtn,tn->tj", regressors, residual)
    n_times = len(scores)
    middle = scores.T @ scores
    lag = min(int(4.0 * (n_times / 100.0) ** (2.0 / 9.0)), n_times - 1)
    for step in range(1, lag + 1):
        product = scores[step:].T @ scores[:-step]
        middle += (1.0 - step / (lag + 1.0)) * (product + product.T)
    flat = regressors.reshape(len(regressors), -1)
    bread = np.linalg.inv(flat @ flat.T)
    covariance: Matrix = scale * bread @ middle @ bread
    return covariance
