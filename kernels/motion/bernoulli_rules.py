"""Two Gauss-Legendre rules on [0, 1], and what reads a smooth function off its values at their nodes."""

import numpy as np

SMALL = 0
"""4 nodes: the weekly case, in which shares move by a few percent."""
LARGE = 1
"""10 nodes: steps in which shares move a lot."""
COUNTS = (4, 10)
"""Nodes of each rule."""
MOST_NODES = 10

NODES = np.ones((2, 16))
"""(rule, node); the entry after the last node is the end of the interval, 1, and so are others up to whole
vector registers."""
WEIGHTS = np.zeros((2, MOST_NODES))
"""(rule, node) quadrature weights."""
END_VALUE = np.zeros((2, MOST_NODES))
"""(rule, node) weights that extrapolate a function from the nodes to 1."""
END_SLOPE = np.zeros((2, MOST_NODES))
"""(rule, node) weights that extrapolate its derivative to 1."""
SPECTRUM = np.zeros((2, 4, MOST_NODES))
"""(rule, k, node) weights that give the four highest Legendre coefficients the nodes see, lowest first."""

for _rule, _n in enumerate(COUNTS):
    _x, _w = np.polynomial.legendre.leggauss(_n)
    _degree = np.arange(_n)
    _coefficient = (np.polynomial.legendre.legvander(_x, _n - 1) * _w[:, None]).T * (_degree[:, None] + 0.5)
    NODES[_rule, :_n] = 0.5 * (_x + 1.0)
    WEIGHTS[_rule, :_n] = 0.5 * _w
    # P_k(1) = 1 and P_k'(1) = k (k + 1) / 2 on [-1, 1], twice that on [0, 1].
    END_VALUE[_rule, :_n] = _coefficient.sum(axis=0)
    END_SLOPE[_rule, :_n] = (_coefficient * (_degree * (_degree + 1.0))[:, None]).sum(axis=0)
    SPECTRUM[_rule, :, :_n] = _coefficient[-4:]
