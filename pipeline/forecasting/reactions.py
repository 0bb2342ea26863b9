"""What firms without a plan do: hold, match what planners change, or follow the rule that the data show."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import RivalKind

# A rule of three coefficients needs some more periods than three.
_FEWEST_PERIODS = 6


@dataclass(frozen=True, eq=False)
class ReactionRule:
    """Efforts of a firm by what it and the others did one period before, by least squares.

    Attributes
    ----------
    coefficient : (3, K, N) array
        Constant, own effort before, mean effort of the others before.
    low, high : (K, N) arrays
        Smallest and largest effort seen: efforts are kept between them.
    explained : (K, N) array
        Part of the variance explained; nan where an effort never varied or too few periods were seen: such
        an effort stays as it was.
    residual : (K, T - 1, N) array
        What the rule leaves unexplained; 0 where there is none.
    root : (3, 3, K, N) array
        Square root of the covariance of the coefficients: ``root @ standard normal``.
    """

    coefficient: Floats
    low: Floats
    high: Floats
    explained: Floats
    residual: Floats
    root: Floats

    def varied(self, rng: np.random.Generator) -> "ReactionRule":
        """Draw a rule as far as its coefficients are known.

        Drawn efforts may leave the range of those seen by half of it, though positive ones stay positive: a
        short past has not seen all.
        """
        step = np.einsum("abkn,bkn->akn", self.root, rng.standard_normal(self.coefficient.shape))
        beyond = 0.5 * (self.high - self.low)
        low = self.low - beyond
        low = np.where(self.low >= 0.0, np.maximum(low, 0.5 * self.low), low)
        return replace(self, coefficient=self.coefficient + step, low=low, high=self.high + beyond)

    def draw(self, horizon: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw what is unexplained in H periods, (count, K, H, N): of past periods, all firms' together."""
        dates = rng.integers(self.residual.shape[1], size=(count, horizon))
        return self.residual[:, dates].transpose(1, 0, 2, 3)


def fit_rule(history: Floats, active: NDArray[np.bool_]) -> ReactionRule:
    """Regress the efforts of each firm on its own and the others' efforts one period before.

    Parameters
    ----------
    history : (K, T, N) array
        Efforts of the known periods.
    active : (T, N) array of bool
    """
    n_efforts, n_times, n_firms = history.shape
    coefficient = np.zeros((3, n_efforts, n_firms))
    explained = np.full((n_efforts, n_firms), np.nan)
    low, high = np.empty((n_efforts, n_firms)), np.empty((n_efforts, n_firms))
    residual = np.zeros((n_efforts, max(n_times - 1, 1), n_firms))
    root = np.zeros((3, 3, n_efforts, n_firms))
    others = _mean_of_others(history, active)
    for firm in range(n_firms):
        usable = active[1:, firm] & active[:-1, firm] & (active[:-1].sum(axis=1) > 1)
        for effort in range(n_efforts):
            seen = history[effort, active[:, firm], firm]
            low[effort, firm], high[effort, firm] = seen.min(), seen.max()
            before, after = history[effort, :-1, firm][usable], history[effort, 1:, firm][usable]
            coefficient[:, effort, firm] = (0.0, 1.0, 0.0)
            if after.size < _FEWEST_PERIODS or np.ptp(after) == 0.0:
                continue
            design = np.column_stack([np.ones(after.size), before, others[effort, :-1, firm][usable]])
            fitted = np.linalg.lstsq(design, after, rcond=None)[0]
            coefficient[:, effort, firm] = fitted
            error = after - design @ fitted
            explained[effort, firm] = 1.0 - np.var(error) / np.var(after)
            # As widely spread as errors, of which the fit has taken three.
            residual[effort, usable, firm] = error * np.sqrt(after.size / (after.size - 3.0))
            # Variance of the errors times (X'X)^-1 = R^-1 R^-1'; singular designs by the pseudo-inverse.
            upper = np.linalg.qr(design, mode="r")
            deviation = np.sqrt(error @ error / (after.size - 3.0))
            root[..., effort, firm] = deviation * np.linalg.pinv(upper)
    return ReactionRule(coefficient, low, high, explained, residual, root)


def _mean_of_others(efforts: Floats, active: NDArray[np.bool_]) -> Floats:
    """Mean over the other firms present, same shape (K, T, N)."""
    present = np.where(active, efforts, 0.0)
    count = active.sum(axis=1, keepdims=True) - active
    return np.asarray((present.sum(axis=2, keepdims=True) - present) / np.maximum(count, 1))


@dataclass(frozen=True, eq=False)
class Reaction:
    """How unplanned efforts follow from planned ones.

    Attributes
    ----------
    kind : str
        One of `RivalKind`.
    planned : (K, N) array of bool
        Efforts that a plan fixes.
    base : (K, H, N) array
        What every effort would be without a plan.
    before : (K, N) array
        Efforts of the last known period.
    rule : ReactionRule or None
    floor : (K,) array
        Smallest effort that each curve takes.
    noise : (K, H, N) array or None
        Added to what the rule says.
    """

    kind: RivalKind
    planned: NDArray[np.bool_]
    base: Floats
    before: Floats
    rule: ReactionRule | None
    floor: Floats
    noise: Floats | None = None

    def apply(self, efforts: Floats) -> Floats:
        """Fill in the unplanned efforts of ``efforts`` (K, H, N), given the planned ones."""
        if self.kind == "match":
            return self._match(efforts)
        if self.kind == "rule":
            return self._follow(efforts)
        return efforts

    def _match(self, efforts: Floats) -> Floats:
        planned = self.planned[:, np.newaxis]
        count = np.maximum(planned.sum(axis=2, keepdims=True), 1)
        change = np.where(planned, efforts - self.base, 0.0).sum(axis=2, keepdims=True) / count
        matched = np.maximum(self.base + change, self.floor[:, np.newaxis, np.newaxis])
        # Firms with a plan keep to it, and to what they had where it says nothing.
        return np.where(self.planned.any(axis=0), efforts, matched)

    def _follow(self, efforts: Floats) -> Floats:
        rule = self.rule
        assert rule is not None
        result = np.array(efforts)
        planner = self.planned.any(axis=0)
        before, n = self.before, self.before.shape[1]
        for t in range(efforts.shape[1]):
            others = (before.sum(axis=1, keepdims=True) - before) / (n - 1)
            following = rule.coefficient[0] + rule.coefficient[1] * before + rule.coefficient[2] * others
            if self.noise is not None:
                following = following + self.noise[:, t]
            result[:, t] = np.where(planner, efforts[:, t], np.clip(following, rule.low, rule.high))
            before = result[:, t]
        return result
