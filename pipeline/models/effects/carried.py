"""Inputs of the market function as it sees them: ranked, and carried over from earlier periods."""

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Vector
from kernels.response.carryover import NONE
from kernels.response.evaluate import make_workspace, prepare
from kernels.response.pareto import rank_efforts
from kernels.response.workspace import ResponseSpec, refresh

_UNRANKED = np.empty(0, dtype=np.int64)


def single_periods(spec: ResponseSpec) -> ResponseSpec:
    """Give the market function of inputs that are ranked and carried over already."""
    return spec._replace(carry=np.full_like(spec.carry, NONE), ranked=_UNRANKED)


def ranked_inputs(spec: ResponseSpec, inputs: Cube) -> tuple[Cube, Cube]:
    """Multiply inputs (R, T, N) by the weights of their Pareto ranks; give these, too, 1 without any."""
    flat = np.array(inputs, dtype=np.float64, order="C").reshape(len(inputs), -1)
    weight = np.ones_like(flat)
    if spec.ranked.size:
        rank_efforts(spec.ranked, spec.rank_weight, flat, weight)
    return flat.reshape(inputs.shape), weight.reshape(inputs.shape)


def carried_inputs(
    spec: ResponseSpec, theta: Vector, ranked: Cube, active: NDArray[np.bool_], duration: Vector
) -> Cube:
    """Carry ranked inputs (R, T, N) over, from each firm's first period on; linear in them."""
    if not (spec.carry != NONE).any():
        return ranked
    plain = spec._replace(ranked=_UNRANKED)
    inputs = np.ascontiguousarray(ranked)
    work = make_workspace(plain, *active.shape)
    prepare(plain, inputs, active, duration, work)
    refresh(plain, duration, work, theta)
    carried: Cube = work.carried.reshape(inputs.shape).copy()
    return carried
