"""The baseline `boosting`: gradient boosted trees on efforts and lags, one ensemble for all markets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kernels.numeric.arrays import Cube, Matrix
from kernels.numeric.spread import evenly_spread
from pipeline.models.predictive import error_covariance
from pipeline.panel.market import MarketArrays
from pipeline.validation.log_shares import Estimate, centre, centre_over, column_mean, log_share
from pipeline.validation.recursion import NO_PATHS, OneStep, forecast_recursively, origins_inside

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

_SEED = 20230519
# Trees have at most 255 categories; of more firms, the label is taken as a number.
_MOST_CATEGORIES = 255
MOST_MARKETS = 256
"""More would hardly change the ensemble, and all are in memory together."""
# Every path costs a prediction of the trees for each firm and period.
_PATHS = 64
# Where a forecast begins: at the firm's mean, or at its last share.
_TARGETS = ("mean", "last")


@dataclass(frozen=True)
class Booster:
    """What boosting learned from some markets.

    Attributes
    ----------
    trees : HistGradientBoostingRegressor or None
        None when there was nothing to learn from.
    target : str
        ``mean``: it predicts the deviation of a log share from the firm's mean; ``last``: from its last one.
    codes : mapping of firm to int
    errors : mapping of market to (T, N) array
        One period ahead, after origins inside the periods that it learned from: errors of the trees on those
        themselves are far too small.
    """

    trees: "HistGradientBoostingRegressor | None"
    target: str
    codes: Mapping[Any, int]
    errors: Mapping[Any, Matrix] = field(default_factory=dict)

    def estimate(self, market: MarketArrays, n_train: int) -> Estimate:
        """Forecast a market."""
        table = _Table.of(market, n_train, self.codes)
        if market.market in self.errors:
            inside = self.errors[market.market]
        else:
            inside = _errors_inside([(market, n_train)], self.codes, self.target)[0]
        left = inside if (~np.isnan(inside)).any() else centre(np.diff(table.level, axis=0))

        def step_under(table: _Table) -> OneStep:
            return lambda t, past: self.predict(table, np.full(len(past), t), past)

        def respond(efforts: Cube) -> Matrix:
            other = _Table.of(replace(market, efforts=efforts), n_train, self.codes)
            return forecast_recursively(market, n_train, step_under(other), covariance, NO_PATHS).level

        covariance = error_covariance(left)
        known = forecast_recursively(market, n_train, step_under(table), covariance, _PATHS)
        return replace(known, respond=respond)

    def predict(
        self, table: "_Table", periods: NDArray[np.int64], past: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Log shares (B, N) of periods (B,) after the shares (B, 2, N); nan for firms not learned of."""
        offset = past[:, 0] if self.target == "last" else np.broadcast_to(table.mean, past[:, 0].shape)
        known = ~np.isnan(past[:, 0]) & ~np.isnan(table.mean)
        if self.trees is None or not known.any():
            return np.where(known, offset, np.nan)
        found = np.full(known.shape, np.nan)
        with threadpool_limits(1, user_api="openmp"):
            found[known] = self.trees.predict(table.columns(periods, past)[known])
        return offset + found


def boost_one_market(market: MarketArrays, n_train: int) -> Estimate:
    """Learn from one market and forecast it; see `train_booster`."""
    return train_booster([(market, n_train)]).estimate(market, n_train)


def train_booster(markets: Sequence[tuple[MarketArrays, int]]) -> Booster:
    """Learn from the first periods of some markets.

    A row is a firm in a period. Its columns: the firm, its efforts against the market's mean and that mean,
    its efforts of the period before, its log share one and two periods before against its mean, and that
    mean. Whether the trees predict deviations from the mean or changes is chosen by the squared errors of
    forecasts one period ahead after origins in the second half of the periods.

    Parameters
    ----------
    markets : sequence of (MarketArrays, int)
        With the number of periods to learn from; of more than 256 markets, 256 evenly chosen ones are used.

    Notes
    -----
    Source: histogram gradient boosting of scikit-learn, after Ke et al. (2017), LightGBM; always with the
    same random numbers.
    """
    used = [markets[index] for index in evenly_spread(len(markets), MOST_MARKETS)]
    firms = sorted({firm for market, _ in used for firm in market.firms.tolist()}, key=str)
    codes = {firm: code for code, firm in enumerate(firms)}
    tried = [_errors_inside(used, codes, target) for target in _TARGETS]
    best = int(np.argmin([sum(float(np.nansum(errors**2)) for errors in one) for one in tried]))
    labels = [market.market for market, _ in used]
    return replace(_train(used, codes, _TARGETS[best]), errors=dict(zip(labels, tried[best], strict=True)))


def _errors_inside(
    markets: Sequence[tuple[MarketArrays, int]], codes: Mapping[Any, int], target: str
) -> list[Matrix]:
    """Errors (T, N) one period ahead after origins inside the periods of each market; nan elsewhere."""
    errors = [np.full((n_train, market.firms.size), np.nan) for market, n_train in markets]
    cuts = [origins_inside(n_train, blocks=2, fewest=6) for _, n_train in markets]
    for block in range(max(map(len, cuts), default=0)):
        part = [
            (market, cut[block]) for (market, _), cut in zip(markets, cuts, strict=True) if block < len(cut)
        ]
        booster = _train([(market, start) for market, (start, _) in part], codes, target)
        rows = [row for row, cut in enumerate(cuts) if block < len(cut)]
        for row, (market, (start, end)) in zip(rows, part, strict=True):
            level = centre(log_share(market, end))
            table = _Table.of(market, start, codes)
            periods = np.arange(start, end)
            found = booster.predict(table, periods, _past(level, periods))
            errors[row][start:end] = centre(level[start:end] - found)
    return errors


def _train(markets: Sequence[tuple[MarketArrays, int]], codes: Mapping[Any, int], target: str) -> Booster:
    """Train one ensemble."""
    columns, targets = [], []
    for market, n_train in markets:
        table = _Table.of(market, n_train, codes)
        periods = np.arange(1, n_train)
        past = _past(table.level, periods)
        offset = past[:, 0] if target == "last" else table.mean
        wanted = table.level[1:] - offset
        known = ~np.isnan(wanted) & ~np.isnan(past[:, 0])
        columns.append(table.columns(periods, past)[known])
        targets.append(wanted[known])
    if sum(map(len, targets)) < 2:
        return Booster(None, target, codes)
    # Its import takes seconds, and only studies with this baseline need it.
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        max_iter=100,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=[0] if len(codes) <= _MOST_CATEGORIES else None,
        random_state=_SEED,
    )
    with threadpool_limits(1, user_api="openmp"):
        trees.fit(_some_known(np.concatenate(columns)), np.concatenate(targets))
    return Booster(trees, target, codes)


def _some_known(columns: Matrix) -> Matrix:
    """Fill columns in which nothing is known, which the trees cannot take; they never split on them."""
    return np.where(np.isnan(columns).all(axis=0), 0.0, columns)


def _past(level: Matrix, periods: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log shares (B, 2, N) one and two periods before."""
    padded = np.concatenate([np.full((2, level.shape[1]), np.nan), level])
    return np.stack([padded[periods + 1], padded[periods]], axis=1)


@dataclass(frozen=True)
class _Table:
    """What boosting sees of one market.

    Attributes
    ----------
    level : (n_train, N) array
        Log shares, centred in each period; nan where there is none.
    mean : (N,) array
        Their means by firm.
    efforts : (T, N, F) array
        Columns that are known ahead of time: the firm, and its efforts.
    """

    level: Matrix
    mean: NDArray[np.float64]
    efforts: NDArray[np.float64]

    @classmethod
    def of(cls, market: MarketArrays, n_train: int, codes: Mapping[Any, int]) -> "_Table":
        active = market.active
        efforts = np.where(active, market.efforts, 0.0)
        own = np.where(active, centre_over(efforts, active), np.nan)
        count = np.maximum(active.sum(axis=1, keepdims=True), 1)
        means = np.where(active, efforts.sum(axis=-1, keepdims=True) / count, np.nan)
        before = np.concatenate([np.full_like(own[:, :1], np.nan), own[:, :-1]], axis=1)
        firm = np.array([codes.get(label, np.nan) for label in market.firms.tolist()], dtype=float)
        firms = np.broadcast_to(firm, (1, *active.shape))
        level = centre(log_share(market, n_train))
        return cls(level, column_mean(level), np.concatenate([firms, own, means, before]).transpose(1, 2, 0))

    def columns(self, periods: NDArray[np.int64], past: NDArray[np.float64]) -> NDArray[np.float64]:
        """All columns (B, N, F) of periods (B,) after the log shares (B, 2, N)."""
        mean = np.broadcast_to(self.mean, past[:, 0].shape)
        lags = np.moveaxis(past - self.mean, 1, 2)
        return np.concatenate([self.efforts[periods], lags, mean[..., None]], axis=2)
