"""Arguments of the share functions: broadcast to common axes, checked, refused with a sentence."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SUM_TOLERANCE = 1e-6


class ShareArguments(NamedTuple):
    """Arguments with one leading axis (market), contiguous."""

    initial_share: NDArray[np.float64]
    """(market, firm)."""
    active: NDArray[np.bool_]
    """(market, time, firm)."""
    response: NDArray[np.float64]
    """(market, time, firm), 0 where absent."""
    entry_share: NDArray[np.float64]
    """(market, time, firm)."""
    total_sales: NDArray[np.float64]
    """(market, time)."""
    duration: NDArray[np.float64]
    """(market, time)."""
    jump_price: NDArray[np.float64]
    """(market,)."""
    reference_sales: NDArray[np.float64]
    """(market,)."""
    returns_to_scale: NDArray[np.float64]
    """(market,)."""
    shape: tuple[int, ...]
    """Shape of the answer, (..., time, firm)."""


def check_arguments(
    initial_share: ArrayLike,
    response: ArrayLike,
    total_sales: ArrayLike,
    duration: ArrayLike,
    jump_price: ArrayLike,
    reference_sales: ArrayLike,
    returns_to_scale: ArrayLike,
    entry_share: ArrayLike | None,
) -> ShareArguments:
    """Broadcast and check the arguments of `kernels.motion.shares.simulate_shares`.

    Raises
    ------
    ValueError
        With a sentence: argument, index, value, what was expected.
    """
    f = np.asarray(response, dtype=np.float64)
    if f.ndim < 2 or 0 in f.shape[-2:]:
        raise ValueError(f"response must have shape (..., time, firm), neither empty; got {f.shape}.")
    n_times, n_firms = f.shape[-2:]
    arrays = {
        "initial_share": (initial_share, ("firm",), (n_firms,)),
        "response": (response, ("time", "firm"), (n_times, n_firms)),
        "total_sales": (total_sales, ("time",), (n_times,)),
        "duration": (duration, ("time",), (n_times,)),
        "jump_price": (jump_price, (), ()),
        "reference_sales": (reference_sales, (), ()),
        "returns_to_scale": (returns_to_scale, (), ()),
    }
    if entry_share is not None:
        arrays["entry_share"] = (entry_share, ("time", "firm"), (n_times, n_firms))
    values: dict[str, NDArray[np.float64]] = {}
    for name, (value, axes, core) in arrays.items():
        array = np.asarray(value, dtype=np.float64)
        if array.ndim < len(core) or array.shape[array.ndim - len(core) :] != core:
            wanted = "(" + ", ".join(("...", *(f"{a}={k}" for a, k in zip(axes, core, strict=True)))) + ")"
            raise ValueError(
                f"{name} must have shape {wanted} to match response {f.shape}; got {array.shape}."
            )
        values[name] = array
    _check_values(values)
    leading = _common_leading(values, {name: len(core) for name, (_, _, core) in arrays.items()})
    flat = {name: _flatten(values[name], leading, core) for name, (_, _, core) in arrays.items()}
    active = ~np.isnan(flat["response"])
    if entry_share is None:
        repeated = np.broadcast_to(flat["initial_share"][:, None, :], active.shape)
        flat["entry_share"] = np.ascontiguousarray(repeated)
    _check_presence(flat, active, leading)
    flat["response"] = np.where(active, flat["response"], 0.0)
    return ShareArguments(active=active, shape=(*leading, n_times, n_firms), **flat)


def _refuse(name: str, array: NDArray[np.float64], bad: NDArray[np.bool_], expected: str) -> None:
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        at = f" at index {where}" if where else ""
        raise ValueError(f"{name} must be {expected}; got {array[where]}{at}.")


def _check_values(values: dict[str, NDArray[np.float64]]) -> None:
    for name in ("total_sales", "duration", "jump_price", "reference_sales"):
        array = values[name]
        _refuse(name, array, ~((array > 0) & np.isfinite(array)), "positive and finite")
    gamma = values["returns_to_scale"]
    _refuse("returns_to_scale", gamma, ~((gamma >= 0) & np.isfinite(gamma)), "finite and at least 0")
    for name in ("initial_share", "entry_share"):
        if name in values:
            # A missing share is only an error for a firm that is there; see _check_presence.
            array = values[name]
            _refuse(name, array, (array < 0) | (array > 1 + _SUM_TOLERANCE), "between 0 and 1")
    _refuse(
        "response", values["response"], np.isinf(values["response"]), "finite, or NaN where a firm is absent"
    )


def _common_leading(values: dict[str, NDArray[np.float64]], n_core: dict[str, int]) -> tuple[int, ...]:
    shapes = {name: array.shape[: array.ndim - n_core[name]] for name, array in values.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"Leading axes do not broadcast together: {listed}.") from None


def _flatten(
    array: NDArray[np.float64], leading: tuple[int, ...], core: tuple[int, ...]
) -> NDArray[np.float64]:
    broadcast = np.broadcast_to(array, leading + core)
    return np.ascontiguousarray(broadcast.reshape(-1, *core) if core else broadcast.reshape(-1))


def _check_presence(
    flat: dict[str, NDArray[np.float64]], active: NDArray[np.bool_], leading: tuple[int, ...]
) -> None:
    """Refuse empty periods, shares that do not add up, and negative response unless gamma is 1."""

    def at(market: int, *rest: int) -> tuple[int, ...]:
        return (*(int(k) for k in np.unravel_index(market, leading)), *(int(k) for k in rest))

    empty = np.argwhere(~active.any(axis=-1))
    if empty.size:
        raise ValueError(f"At least one firm must be present in every period; none is at {at(*empty[0])}.")
    start = np.where(active[:, 0], flat["initial_share"], 0.0)
    total = start.sum(axis=-1)
    off = np.flatnonzero(~(np.abs(total - 1.0) <= _SUM_TOLERANCE))
    if off.size:
        raise ValueError(
            "initial_share must sum to 1 over the firms present in the first period; "
            f"got {total[off[0]]} at market {at(off[0])}."
        )
    negative = np.argwhere((flat["response"] < 0) & (flat["returns_to_scale"] != 1.0)[:, None, None])
    if negative.size:
        where = tuple(negative[0])
        raise ValueError(
            f"response must not be negative unless returns_to_scale is 1; got {flat['response'][where]} at "
            f"{at(*where)} with returns_to_scale {flat['returns_to_scale'][where[0]]}."
        )
    entering = np.zeros_like(active)
    entering[:, 1:] = active[:, 1:] & ~active[:, :-1]
    staying = np.zeros(active.shape[:2], dtype=bool)
    staying[:, 1:] = (active[:, 1:] & active[:, :-1]).any(axis=-1)
    missing = np.argwhere(entering & ~(flat["entry_share"] >= 0))
    if missing.size:
        raise ValueError(
            f"A firm that enters needs a share to enter with; it is missing at {at(*missing[0])}: "
            "give it in initial_share, or in entry_share."
        )
    taken = np.where(entering, flat["entry_share"], 0.0).sum(axis=-1)
    crowded = np.argwhere(np.where(staying, taken >= 1.0, entering.any(axis=-1) & (taken <= 0.0)))
    if crowded.size:
        where = tuple(crowded[0])
        raise ValueError(
            f"The shares of the firms that enter at {at(*where)} sum to {taken[where]}; expected less than 1 "
            "when others stay, and more than 0 when nobody does."
        )
