"""Experiments as rows of a residual: what a model says of each, against what was measured.

A row is ``(difference - effect) / stderr`` in units of the deviation of the residuals that compare shares, so
that experiments and shares are measured in the same coin. The difference is one between two courses of the
market that part where the experiment begins, at the state that the model has there (corrected by the gain as
in the fit); from there on neither has errors. Its derivatives are the exact ones of the kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR, NO_CONTROLS, moving_firms
from kernels.least_squares.residual import (
    OK,
    MarketData,
    MarketWorkspace,
    make_market_workspace,
    n_observations,
    prepare_market,
    residual_jacobian,
)
from kernels.least_squares.whitening import NO_WHITENING
from kernels.numeric.arrays import Matrix, Vector
from kernels.numeric.simplex import helmert_basis
from kernels.response.workspace import ResponseSpec
from pipeline.panel.experiments.experiment import Experiment


class ExperimentRows:
    """The experiments of one market under one model: E of them, P parameters, C of these free.

    Parameters
    ----------
    experiments : sequence of Experiment
    courses : sequence of pairs of MarketData
        Of each: the market up to its end, under the baseline and under the change.
    spec : ResponseSpec
    fitted : MarketData
        What the model is fitted to.
    gamma_form : int
    column : (P,) array of int64
        Row of each parameter in the Jacobian, -1 when fixed.

    Attributes
    ----------
    experiments
        As given.
    effect, stderr : (E,) arrays
        As measured.
    deviation : float
        Of residuals that compare shares: the unit of the rows. At 0 experiments have no rows.
    """

    def __init__(
        self,
        experiments: Sequence[Experiment],
        courses: Sequence[tuple[MarketData, MarketData]],
        spec: ResponseSpec,
        fitted: MarketData,
        gamma_form: int,
        column: NDArray[np.int64],
    ) -> None:
        self.experiments = tuple(experiments)
        self.effect = np.array([one.effect for one in experiments], dtype=np.float64)
        self.stderr = np.array([one.stderr for one in experiments], dtype=np.float64)
        self.deviation = 0.0
        self._data, self._spec, self._gamma_form, self._column = tuple(courses), spec, gamma_form, column
        self._fitted = fitted
        self._n_free = int((column >= 0).sum())
        self._courses = [tuple(self._course(data) for data in pair) for pair in courses]
        self._outcomes = [_Outcome(one, pair[0]) for one, pair in zip(experiments, courses, strict=True)]

    def _course(self, data: MarketData) -> "_Course":
        data = data._replace(whitening=NO_WHITENING, serial=0, controls=NO_CONTROLS, by_length=0)
        return _Course(self._spec, data, self._gamma_form, self._n_free)

    def anew(self, share: Matrix, theta: Vector, luck: Vector | None) -> "ExperimentRows":
        """Make the experiments again where other shares (T, N) were observed.

        Parameters
        ----------
        share : (T, N) array
        theta : (P,) array
            The truth that they are made under.
        luck : (E,) array or None
            Their errors, in standard errors; None: as measured.
        """
        courses = [(_seen(before, share), _seen(after, share)) for before, after in self._data]
        other = ExperimentRows(
            self.experiments, courses, self._spec, self._fitted, self._gamma_form, self._column
        )
        other.effect, other.deviation = self.effect, self.deviation
        if luck is not None and (found := other.differences(theta)) is not None:
            other.effect = found[0] + self.stderr * luck
        return other

    def differences(self, theta: Vector) -> tuple[Vector, Matrix] | None:
        """Give the differences (E,) that the model says, and their derivatives (C, E); None without any."""
        # Parameters of errors alone come last, and before them those of entries, later ones behind.
        known = theta.size - self._fitted.serial - len(self._fitted.controls) - self._fitted.entries
        value, slope = np.empty(len(self._courses)), np.empty((self._n_free, len(self._courses)))
        for number, (pair, outcome) in enumerate(zip(self._courses, self._outcomes, strict=True)):
            ends, count = [], known + self._data[number][0].entries
            point, column = np.ascontiguousarray(theta[:count]), self._column[:count]
            for course in pair:
                if not course.follow(point, column):
                    return None
                ends.append(outcome.measure(course.residual, course.jacobian))
            (before, slope_before), (after, slope_after) = ends
            value[number], slope[:, number] = after - before, slope_after - slope_before
        return value, slope

    def rows(self, theta: Vector) -> tuple[Vector, Matrix] | None:
        """Give the rows of the residual (E,) and their derivatives (C, E); none of them at deviation 0."""
        if self.deviation == 0.0:
            return np.empty(0), np.empty((self._n_free, 0))
        found = self.differences(theta)
        if found is None:
            return None
        weight = self.deviation / self.stderr
        return weight * (found[0] - self.effect), weight * found[1]


def _seen(data: MarketData, share: Matrix) -> MarketData:
    return data._replace(share=np.ascontiguousarray(share[: len(data.share)]))


class _Course:
    """One course of a market: its coordinates and their derivatives at given parameters."""

    def __init__(self, spec: ResponseSpec, data: MarketData, gamma_form: int, n_free: int) -> None:
        self._spec, self._data, self._gamma_form = spec, data, gamma_form
        self._work: MarketWorkspace | None = None
        rows = int(n_observations(data))
        self._nothing = np.zeros(rows)
        self.residual, self.jacobian = np.empty(rows), np.empty((n_free, rows))

    def follow(self, theta: Vector, column: NDArray[np.int64]) -> bool:
        """Fill `residual` with the coordinates of the shares and `jacobian`; tell whether there are any."""
        if self._work is None:
            self._work = make_market_workspace(self._spec, self._data, len(self.jacobian))
            prepare_market(self._spec, self._data, self._work)
        zero = np.zeros(theta.size)
        status = residual_jacobian(
            self._spec,
            self._data,
            self._nothing,
            zero,
            zero,
            self._gamma_form,
            theta,
            column,
            self._work,
            self.residual,
            self.jacobian,
        )
        return bool(status == OK)


@dataclass(frozen=True, slots=True)
class _Period:
    """Where the share of a firm at the end of one period is found among the rows of a market."""

    rows: slice
    basis: Matrix
    """(n - 1, n) of the firms that move."""
    firm: int
    """Place of the firm among these."""
    room: float
    """Share of all firms that move."""
    weight: float


class _Outcome:
    """What an experiment measures of a course, from the coordinates of its shares."""

    def __init__(self, experiment: Experiment, data: MarketData) -> None:
        moving = moving_firms(data.active)
        counts = np.maximum(moving.sum(axis=1) - 1, 0)
        counts[: data.first] = 0
        ends = np.cumsum(counts)
        tested = slice(experiment.first, experiment.last + 1)
        weight = data.duration[tested]
        weight = weight * data.total_sales[tested] if experiment.sales else weight / weight.sum()
        self._logarithmic = data.kind == ILR
        self._periods = []
        for period in range(experiment.first, experiment.last + 1):
            entering = data.active[period] & ~moving[period]
            firms = np.flatnonzero(moving[period])
            self._periods.append(
                _Period(
                    rows=slice(int(ends[period] - counts[period]), int(ends[period])),
                    basis=helmert_basis(firms.size),
                    firm=int(np.searchsorted(firms, experiment.firm)),
                    room=1.0 - float(data.share[period][entering].sum()),
                    weight=float(weight[period - experiment.first]),
                )
            )

    def measure(self, coordinates: Vector, tangent: Matrix) -> tuple[float, Vector]:
        """Give the outcome of coordinates (R,), and its derivatives (C,) from theirs (C, R)."""
        total, slope = 0.0, np.zeros(len(tangent))
        for period in self._periods:
            deviation = coordinates[period.rows] @ period.basis
            moved = tangent[:, period.rows] @ period.basis
            if self._logarithmic:
                part = np.exp(deviation - deviation.max())
                part /= part.sum()
                share = part[period.firm]
                change = share * (moved[:, period.firm] - moved @ part)
            else:
                share, change = deviation[period.firm] + 1.0 / deviation.size, moved[:, period.firm]
            total += period.weight * period.room * share
            slope += period.weight * period.room * change
        return total, slope
