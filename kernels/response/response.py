"""Put curves, carry-over, firm effects and a link together into a response f, and ask it from Python."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from kernels.response.carryover import LONGEST_LAG, carry_overs
from kernels.response.catalogue import CURVES, FAMILIES, Curve, Domain
from kernels.response.effects import effect_design
from kernels.response.evaluate import OK, evaluate, evaluate_effort_gradient, make_workspace, prepare
from kernels.response.links import LINKS
from kernels.response.parameter import Parameter, ResponseParameter, Summary, from_data, summarise
from kernels.response.specification import build_spec
from kernels.response.workspace import ResponseSpec

__all__ = ["CURVES", "FAMILIES", "Response", "ResponseError", "compose"]


class ResponseError(ValueError):
    """A response that cannot be composed or evaluated."""


@dataclass(frozen=True, eq=False)
class Response:
    """A response f(u; theta) of K efforts and N firms, as `compose` makes it.

    Parameters
    ----------
    spec : ResponseSpec
        What compiled kernels read.
    parameters : tuple of ResponseParameter
        In the order of ``theta``.
    curves, efforts : tuple of str
        Names of the curves and of the efforts, for messages.
    domains : tuple of Domain
        Of each effort's curve.
    """

    spec: ResponseSpec
    parameters: tuple[ResponseParameter, ...]
    curves: tuple[str, ...]
    efforts: tuple[str, ...]
    domains: tuple[Domain, ...]

    def start(self) -> Floats:
        """Return the starting values, shape ``(R,)``."""
        return np.array([parameter.start for parameter in self.parameters])

    def check(self, efforts: Floats, active: NDArray[np.bool_] | None = None) -> None:
        """Refuse efforts that are missing or outside the domain of their curve.

        Parameters
        ----------
        efforts : (K, T, N) array
        active : (T, N) array of bool, optional
            Firms present; all by default.

        Raises
        ------
        ResponseError
            Naming curve, effort and the first offending value with its index.
        """
        check_efforts(self.curves, self.domains, self.efforts, efforts, active)

    def evaluate(
        self,
        theta: Floats,
        efforts: Floats,
        duration: Floats | None = None,
        active: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return f, shape ``(T, N)``, per period; nan where a firm is absent.

        Parameters
        ----------
        theta : (>= R,) array
            Natural values of the parameters; entries after the first R are not read.
        efforts : (K, T, N) array
            Each in its own unit; all finite where the firm is present.
        duration : (T,) array, optional
            Lengths of the periods, in periods; 1 by default.
        active : (T, N) array of bool, optional
            Firms present; all by default.

        Raises
        ------
        ResponseError
            If an effort is outside its domain, a shape is wrong, or f is not finite.
        """
        return self._run(theta, efforts, duration, active, by="")[0]

    def gradient(
        self,
        theta: Floats,
        efforts: Floats,
        duration: Floats | None = None,
        active: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return df/dtheta, shape ``(R, T, N)``; 0 where a firm is absent. Arguments as in `evaluate`."""
        return self._run(theta, efforts, duration, active, by="parameter")[1]

    def effort_gradient(
        self,
        theta: Floats,
        efforts: Floats,
        duration: Floats | None = None,
        active: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return the derivative of f in the firm's own efforts of the same period, shape ``(K, T, N)``.

        Where it is infinite (a square root at 0) it is the one at an effort of 1e-12. Arguments as in
        `evaluate`.
        """
        return self._run(theta, efforts, duration, active, by="effort")[1]

    def _run(
        self,
        theta: Floats,
        efforts: Floats,
        duration: Floats | None,
        active: NDArray[np.bool_] | None,
        *,
        by: Literal["", "parameter", "effort"],
    ) -> tuple[Floats, Floats]:
        """Evaluate f and its derivatives in what is asked for, if anything."""
        efforts = _writable(efforts)
        self.check(efforts, active)
        n_times, n_firms = efforts.shape[1:]
        if n_firms != self.spec.design.shape[0]:
            raise ResponseError(
                f"The response was composed for {self.spec.design.shape[0]} firms, but the efforts have "
                f"{n_firms}."
            )
        present = np.ones((n_times, n_firms), bool) if active is None else np.array(active, bool)
        lengths = np.ones(n_times) if duration is None else _writable(duration)
        values = _writable(theta)
        n_parameters = len(self.parameters)
        if values.ndim != 1 or values.size < n_parameters:
            raise ResponseError(
                f"theta has shape {values.shape}; the response needs a vector of at least {n_parameters} "
                "values."
            )
        if lengths.shape != (n_times,):
            raise ResponseError(f"duration has shape {lengths.shape}; the efforts need {(n_times,)}.")
        work = make_workspace(self.spec, n_times, n_firms)
        prepare(self.spec, efforts, present, lengths, work)
        value = np.empty((n_times, n_firms))
        if by == "effort":
            result = np.empty(efforts.shape)
            status = evaluate_effort_gradient(
                self.spec, efforts, present, lengths, work, values, value, result
            )
        else:
            wanted = n_parameters if by == "parameter" else 0
            result = np.empty((wanted, n_times, n_firms))
            column = np.where(np.arange(values.size) < wanted, np.arange(values.size), -1)
            status = evaluate(self.spec, efforts, present, lengths, work, values, column, value, result)
        if status != OK:
            bad = present & ~(np.isfinite(value) & np.isfinite(result).all(axis=0))
            period, firm = (int(index) for index in np.argwhere(bad)[0])
            raise ResponseError(
                f"The response or its gradient is not finite (f = {value[period, firm]}) first at "
                f"[time {period}, firm {firm}]; check the parameters, or the size of the efforts."
            )
        return value, result


def check_efforts(
    curves: Sequence[str],
    domains: Sequence[Domain],
    names: Sequence[str],
    efforts: Floats,
    active: NDArray[np.bool_] | None,
) -> None:
    """Refuse efforts that are missing or outside the domain of their curve; see `Response.check`."""
    if efforts.ndim != 3 or efforts.shape[0] != len(curves):
        raise ResponseError(
            f"efforts have shape {efforts.shape}; expected (effort, time, firm) with {len(curves)} efforts."
        )
    present = np.ones(efforts.shape[1:], bool) if active is None else np.asarray(active, bool)
    if present.shape != efforts.shape[1:]:
        raise ResponseError(f"active has shape {present.shape}; the efforts need {efforts.shape[1:]}.")
    for curve, domain, name, effort in zip(curves, domains, names, efforts, strict=True):
        inside = effort > domain.minimum if domain.open else effort >= domain.minimum
        bad = present & ~(inside & np.isfinite(effort))
        if bad.any():
            period, firm = (int(index) for index in np.argwhere(bad)[0])
            raise ResponseError(
                f"The curve '{curve}' takes {domain} (finite), but effort '{name}' is "
                f"{effort[period, firm]:g} at [time {period}, firm {firm}]; correct the data or choose a "
                "curve that is defined there, such as 'linear' or 'tanh'."
            )


def compose(
    curves: Sequence[str | Curve],
    *,
    efforts: Floats,
    active: NDArray[np.bool_] | None = None,
    link: str = "identity",
    effects: str = "none",
    carry_over: Sequence[str] | None = None,
    lags: int = LONGEST_LAG,
    order: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
) -> Response:
    """Make a response from a curve for each effort.

    Parameters
    ----------
    curves : sequence of str or Curve
        K curves: names in `CURVES`, or records such as `kernels.response.catalogue.user_curve` makes.
    efforts : (K, T, N) array
        Data from which knots, bounds and starts come.
    active : (T, N) array of bool, optional
        Firms present; all by default.
    link : str
        ``identity``: f = b + sum of curves; ``exp``: f = exp(b + sum); ``ces``: exp(b) times sum**(1/rho),
        with the curve ``ces`` for all efforts.
    effects : str
        Firm effects, one of `kernels.response.effects.EFFECTS`.
    carry_over : sequence of str, optional
        K names in `kernels.response.carryover.carry_overs`; ``none`` by default.
    lags : int
        Memory of the delayed and Weibull rules, periods.
    order : sequence of int, optional
        Indices of the efforts with the curve ``pareto``, the leading one first.
    names : sequence of str, optional
        Names of the efforts for messages; their indices by default.

    Returns
    -------
    Response
        Parameters come effort by effort (curve, then carry-over), then the one that efforts share, then firm
        effects.

    Raises
    ------
    ResponseError
        For an unknown name, an impossible combination, or an effort outside its curve's domain.
    """
    efforts = np.asarray(efforts, float)
    records = tuple(_curve(curve) for curve in curves)
    labels = tuple(names) if names is not None else tuple(str(k) for k in range(len(records)))
    rules = carry_overs(lags)
    carries = tuple(carry_over) if carry_over is not None else ("none",) * len(records)
    _check_choice(records, labels, carries, set(rules), link, order)
    called, domains = tuple(curve.name for curve in records), tuple(curve.domain for curve in records)
    check_efforts(called, domains, labels, efforts, active)
    present = np.ones(efforts.shape[1:], bool) if active is None else np.asarray(active, bool)
    design = effect_design(effects, efforts.shape[2])
    amplitude, signed = _amplitude(link, effects, len(records), efforts.shape[2])
    summaries = [summarise(effort[present], amplitude, signed) for effort in efforts]
    parameters: list[ResponseParameter] = []
    shared: list[ResponseParameter] = []
    for k, (curve, carry, summary) in enumerate(zip(records, carries, summaries, strict=True)):
        for parameter in (*curve.parameters, *rules[carry].parameters):
            if parameter.name not in curve.shared:
                parameters.append(from_data(parameter, summary, k))
            elif not any(known.name == parameter.name for known in shared):
                shared.append(from_data(parameter, summary, None))
    parameters += shared
    if link == "ces" and effects in ("constant", "free"):
        # The common scale of the weights and the constants are one parameter: the first weight is the unit.
        parameters[0] = replace(parameters[0], start=1.0, low=1.0, high=1.0, vary=False)
    spec = build_spec(
        records, [rules[carry] for carry in carries], parameters, link, design, lags, order, efforts, present
    )
    response = Response(spec, tuple(parameters), called, labels, domains)
    if design.shape[1] == 0:
        return response
    constants = _constants(response, effects, link, summaries, efforts, present)
    spec = spec._replace(
        n_parameters=len(parameters) + len(constants),
        design=design,
        effect_parameter=np.arange(len(parameters), len(parameters) + len(constants)),
    )
    return Response(spec, (*parameters, *constants), called, labels, domains)


def _curve(curve: str | Curve) -> Curve:
    if isinstance(curve, Curve):
        return curve
    if curve not in CURVES:
        raise ResponseError(f"The curve '{curve}' is unknown; use one of {', '.join(CURVES)}.")
    return CURVES[curve]


def _check_choice(
    curves: tuple[Curve, ...],
    names: tuple[str, ...],
    carries: tuple[str, ...],
    rules: set[str],
    link: str,
    order: Sequence[int] | None,
) -> None:
    if not curves or len(names) != len(curves) or len(carries) != len(curves):
        raise ResponseError(
            f"A response needs a curve, a name and a carry-over for each effort, at least one; got "
            f"{len(curves)}, {len(names)} and {len(carries)}."
        )
    if link not in LINKS:
        raise ResponseError(f"The link '{link}' is unknown; use one of {', '.join(LINKS)}.")
    for carry in carries:
        if carry not in rules:
            raise ResponseError(
                f"The carry-over '{carry}' is unknown; use one of {', '.join(sorted(rules))}."
            )
    of_ces = [curve.name == "ces" for curve in curves]
    if any(of_ces) != (link == "ces") or not (all(of_ces) or not any(of_ces)):
        raise ResponseError(
            f"The curve 'ces' and the link 'ces' go together, for all efforts; got the link '{link}' with "
            f"the curves {', '.join(curve.name for curve in curves)}."
        )
    ranked = [k for k, curve in enumerate(curves) if curve.name == "pareto"]
    if sorted(order or ()) != ranked:
        raise ResponseError(
            f"The Pareto order is {list(order or ())}; it must name each effort with the curve 'pareto' "
            f"once: {ranked}."
        )


def _amplitude(link: str, effects: str, n_efforts: int, n_firms: int) -> tuple[float, bool]:
    """Estimate the size of one effort's term, and whether either sign is as likely."""
    if link == "exp":
        return 1.0, True
    if link == "ces":
        return (1.0 if effects in ("constant", "free") else 1.0 / math.sqrt(n_firms)) / n_efforts, False
    return 1.0 / (n_firms * n_efforts), effects == "zero-sum"


def _constants(
    response: Response,
    effects: str,
    link: str,
    summaries: Sequence[Summary],
    efforts: Floats,
    present: NDArray[np.bool_],
) -> list[ResponseParameter]:
    """Firm effects, started so that f is positive and sums to about 1 over the firms."""
    n_firms = efforts.shape[2]
    if effects == "zero-sum":
        spread = 1.0 / n_firms if link == "identity" else 1.0
        reach = 100.0 if link == "identity" else 20.0
        rule = Parameter("constant", "response", -reach, reach, 0.0, -spread, spread)
    else:
        f = response.evaluate(response.start(), efforts, active=present)[present]
        if link == "identity":
            base = 0.5 / n_firms
            lift = max(0.0, -float(f.min(initial=0.0)))
            rule = Parameter(
                "constant", "response", -100.0, 100.0, base + lift, 0.1 * base + lift, 4 * base + lift
            )
        else:
            centre = -math.log(n_firms) - float(np.log(np.maximum(f, 1e-300)).mean() if f.size else 0.0)
            # Constants also offset the mean of efforts that are far from 0 compared with how they vary.
            room = min(50.0, sum(2.0 * abs(s.mean) / s.spread for s in summaries)) if link == "exp" else 0.0
            rule = Parameter(
                "constant", "ln response", min(-12.0, centre - 3.0) - room, max(8.0, centre + 3.0) + room,
                centre, centre - 2.0, centre + 2.0,
            )  # fmt: skip
    firms = [None] if effects == "constant" else range(n_firms - (effects == "zero-sum"))
    return [from_data(rule, summaries[0], None, firm) for firm in firms]


def _writable(array: Floats) -> Floats:
    """Return C-ordered float64 that kernels accept: read-only arrays would be compiled for once more."""
    result = np.ascontiguousarray(array, dtype=np.float64)
    return result if result.flags.writeable else result.copy()
