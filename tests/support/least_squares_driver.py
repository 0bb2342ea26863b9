"""Drives the optimiser of the kernels with any function that evaluates a residual and its Jacobian."""

import numpy as np

from kernels.least_squares.levenberg_marquardt import FIRST_RADIUS, RUNNING, Settings, begin, judge, propose
from kernels.least_squares.trust_region import make_scratch

SETTINGS = Settings(1e-12, 1e-12, 1e-12, 400, FIRST_RADIUS, 0.3)


def solve(evaluate, start, n_rows, *, problem=None, lower=-np.inf, upper=np.inf, settings=SETTINGS):
    theta = np.array(start, dtype=float)
    size = theta.size
    scratch = make_scratch(size, size)
    scratch.position[:] = np.arange(size)
    lower, upper = (np.broadcast_to(np.asarray(b, float), size).copy() for b in (lower, upper))
    data = np.zeros(1) if problem is None else problem
    residual, jacobian = np.zeros(n_rows), np.zeros((size, n_rows))
    progress = begin(evaluate(data, theta, residual, jacobian), residual, jacobian, theta, settings, scratch)
    while progress.status == RUNNING:
        progress = propose(progress, theta, lower, upper, settings, scratch)
        if progress.status == RUNNING:
            assert np.all((scratch.theta >= lower) & (scratch.theta <= upper))
            code = evaluate(data, scratch.theta, residual, jacobian)
            progress = judge(progress, code, residual, jacobian, theta, settings, scratch)
    return theta, progress.cost, progress.status, progress.evaluations
