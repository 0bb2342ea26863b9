"""An effort that is an index of a price: what firms set is the price, and rivals' indices move with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kernels.formula.expression import Expression
from kernels.formula.expression_derivative import differentiate
from kernels.formula.expression_nodes import Call, CallerCall, Name, Node, evaluate_node
from kernels.numeric.arrays import Floats

# A price this much below the lowest one seen is still a price.
_BELOW = 1e-3


@dataclass(frozen=True, eq=False)
class PriceIndex:
    """One effort of a market of N firms.

    Attributes
    ----------
    effort : int
        Its position.
    column : str
        Name of the price in the formula.
    expression : Expression or None
        The index, a formula over the price and its means over the market; None where it is the price itself.
    history : (T, N) array
        Prices of the known periods, in currency; 0 where a firm is absent.
    """

    effort: int
    column: str
    expression: Expression | None
    history: Floats

    @property
    def lowest(self) -> float:
        """A price that is low, and above 0."""
        return float(self.history[self.history > 0.0].min() * _BELOW)

    @property
    def usual(self) -> Floats:
        """Mean price (N,) of each firm in the periods that it was there."""
        return np.asarray(self.history.sum(axis=0) / (self.history > 0.0).sum(axis=0))

    def index(self, price: Floats) -> Floats:
        """Return the effort (..., N) of all firms at prices (..., N) of all firms."""
        if self.expression is None:
            return price
        value = self.expression.evaluate({self.column: price}, {"market_mean": _mean})
        return np.asarray(np.broadcast_to(value, price.shape))

    def slope(self, price: Floats) -> Floats:
        """Return the derivative (..., i, j) of the effort of firm i in the price of firm j.

        Notes
        -----
        The index of i is a formula F(p_i, m_1, m_2, ...) with means m_c over firms j of formulas over p_j, so
        ``dF_i/dp_j = [i = j] F_p + sum over c of F_c x_c'(p_j) / N``, means of means likewise.
        """
        n_firms = price.shape[-1]
        if self.expression is None:
            return np.broadcast_to(np.eye(n_firms), (*price.shape, n_firms)).copy()
        values: dict[str, Floats] = {self.column: price}
        slopes: dict[str, Floats] = {self.column: np.broadcast_to(np.eye(n_firms), (*price.shape, n_firms))}
        for (name, inner), parts in zip(self._steps[:-1], self._parts[:-1], strict=True):
            mean = np.mean(np.broadcast_to(_value(inner, values), price.shape), axis=-1, keepdims=True)
            moved = _chain(parts, values, slopes, price.shape).mean(axis=-2, keepdims=True)
            values[name] = np.broadcast_to(mean, price.shape)
            slopes[name] = np.broadcast_to(moved, (*price.shape, n_firms))
        return _chain(self._parts[-1], values, slopes, price.shape)

    def past_slope(self, active: NDArray[np.bool_]) -> Floats:
        """Differentiate the effort of i in the logarithm of the price of j, in known periods, (T, i, j).

        Means are over the firms there, ``active`` (T, N); 0 for the others.
        """
        slope = np.zeros((*active.shape, active.shape[1]))
        patterns, which = np.unique(active, axis=0, return_inverse=True)
        for number, there in enumerate(patterns):
            at, firms = np.flatnonzero(which.ravel() == number), np.flatnonzero(there)
            price = self.history[np.ix_(at, firms)]
            slope[np.ix_(at, firms, firms)] = self.slope(price) * price[:, np.newaxis]
        return slope

    @cached_property
    def _steps(self) -> tuple[tuple[str, Node], ...]:
        """Means, innermost first, each as a name and what it is the mean of; last the formula of names."""
        assert self.expression is not None
        steps: list[tuple[str, Node]] = []

        def named(node: Node) -> Node:
            if not isinstance(node, Call | CallerCall):
                return node
            operands = tuple(named(operand) for operand in node.operands)
            if isinstance(node, Call):
                return Call(node.operation, operands)
            name = f"mean {len(steps)}"
            steps.append((name, operands[0]))
            return Name(name)

        root = named(self.expression.root)
        return (*steps, ("", root))

    @cached_property
    def _parts(self) -> tuple[dict[str, Node], ...]:
        """Derivatives of every step in the price and the means before it, by their names."""
        names = (self.column, *(name for name, _ in self._steps[:-1]))
        return tuple(
            dict(zip(known, differentiate(node, known, "the index of a price"), strict=True))
            for known, (_, node) in ((names[:number], step) for number, step in enumerate(self._steps, 1))
        )


def with_indices(prices: Sequence[PriceIndex], chosen: Floats) -> Floats:
    """Turn what firms set (K, ..., N) into efforts: indices in place of prices."""
    if not prices:
        return chosen
    efforts = chosen.copy()
    for price in prices:
        efforts[price.effort] = price.index(chosen[price.effort])
    return efforts


def _mean(values: Floats) -> Floats:
    return np.asarray(np.mean(values, axis=-1, keepdims=True) + np.zeros_like(values))


def _value(node: Node, values: dict[str, Floats]) -> Floats:
    with np.errstate(all="ignore"):
        return np.asarray(evaluate_node(node, values, {}, {}), dtype=np.float64)


def _chain(
    parts: dict[str, Node], values: dict[str, Floats], slopes: dict[str, Floats], shape: tuple[int, ...]
) -> Floats:
    """Give the derivative (..., i, j) of a tree of names by its derivatives in the names, and theirs."""
    total = np.zeros((*shape, shape[-1]))
    for name, part in parts.items():
        total = total + np.broadcast_to(_value(part, values), shape)[..., np.newaxis] * slopes[name]
    return total
