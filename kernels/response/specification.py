"""Translate curves, carry-over and parameters into the arrays that compiled kernels read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.formula.program import stack_programs
from kernels.response.carryover import CarryOver
from kernels.response.catalogue import Curve
from kernels.response.curves import ISPLINE
from kernels.response.ispline import DEGREE, ispline_knots, ispline_pieces
from kernels.response.links import LINKS
from kernels.response.parameter import ResponseParameter
from kernels.response.pareto import pareto_table
from kernels.response.workspace import ResponseSpec


def build_spec(
    curves: Sequence[Curve],
    carries: Sequence[CarryOver],
    parameters: Sequence[ResponseParameter],
    link: str,
    design: NDArray[np.float64],
    lags: int,
    order: Sequence[int] | None,
    efforts: NDArray[np.float64],
    present: NDArray[np.bool_],
) -> ResponseSpec:
    """Build the arrays of a response without firm effects; arguments as in `compose`."""
    place = {(parameter.effort, parameter.name): p for p, parameter in enumerate(parameters)}
    n_efforts = len(curves)
    width = max(len(curve.parameters) for curve in curves)
    curve_parameter = np.full((n_efforts, width), -1)
    carry_parameter = np.full((n_efforts, 2), -1)
    repeated = np.zeros((n_efforts, width), bool)
    seen: set[str] = set()
    for k, (curve, carry) in enumerate(zip(curves, carries, strict=True)):
        for m, parameter in enumerate(curve.parameters):
            shared = parameter.name in curve.shared
            curve_parameter[k, m] = place[None if shared else k, parameter.name]
            repeated[k, m] = shared and parameter.name in seen
            if shared:
                seen.add(parameter.name)
        for m, parameter in enumerate(carry.parameters):
            carry_parameter[k, m] = place[k, parameter.name]
    knots, pieces = _splines(curves, efforts, present)
    programs = [curve.program for curve in curves if curve.program is not None]
    program = np.full(n_efforts, -1)
    program[[curve.program is not None for curve in curves]] = np.arange(len(programs))
    ranked = np.array(order if order is not None else (), dtype=np.int64)
    return ResponseSpec(
        n_parameters=len(parameters),
        link=LINKS[link],
        curve=np.array([curve.code for curve in curves]),
        curve_parameter=curve_parameter,
        repeated=repeated,
        carry=np.array([carry.code for carry in carries]),
        carry_parameter=carry_parameter,
        lags=np.array([lags if len(carry.parameters) > 1 else 0 for carry in carries]),
        design=np.zeros((design.shape[0], 0)),
        effect_parameter=np.empty(0, np.int64),
        elasticity=place[None, "rho"] if link == "ces" else -1,
        ranked=ranked,
        rank_weight=pareto_table(ranked.size),
        spline_knot=knots,
        spline_piece=pieces,
        spline_sign=np.array([-1.0 if curve.decreasing else 1.0 for curve in curves]),
        program=program,
        programs=stack_programs(programs),
    )


def _splines(
    curves: Sequence[Curve], efforts: NDArray[np.float64], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots and pieces for all efforts; shorter splines end in pieces of no length."""
    sizes = [len(curve.parameters) if curve.code == ISPLINE else 0 for curve in curves]
    n_basis = max(sizes)
    n_pieces = max(n_basis - DEGREE, 0)
    knots = np.zeros((len(curves), n_pieces + 1))
    pieces = np.zeros((len(curves), n_basis, n_pieces, 4))
    for k, size in enumerate(sizes):
        if size:
            own = ispline_knots(efforts[k][present], size - DEGREE - 1)
            knots[k, : own.size] = own
            knots[k, own.size :] = own[-1]
            pieces[k, :size, own.size - 1 :, 0] = 1.0
            pieces[k, :size, : own.size - 1] = ispline_pieces(own)
    return knots, pieces
