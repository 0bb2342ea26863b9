"""What the data cannot tell, seen before any fit: structural cases, found in one pass over the panel.

======== ================================================ ================================================
kind     the data                                         the models concerned
======== ================================================ ================================================
equal    an effort is equal across firms in every period  additive f with γ = 1: f + c is the same model
constant an effort never changes within any firm          firm effects: they say the same thing
flat     an effort is one number everywhere               one constant for all firms, additive or exp
few      fewer residuals than free parameters             any
======== ================================================ ================================================
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.config.variants import Variant
from pipeline.validation.windows import Window

#: An effort "equals" another one when they differ by less than this part of the largest.
_TOLERANCE = 1e-12

_REASONS = {
    "equal": "is equal across firms in every period, and with γ = 1 and an additive f only differences "
    "between firms move shares: its coefficient is not determined",
    "constant": "never changes within a firm, so beside firm effects its coefficient is not determined",
    "flat": "is the same for all firms at all times, so its coefficient is not determined "
    "beside the constant",
}


@dataclass(frozen=True, slots=True)
class StructuralWarning:
    """Something that some models cannot learn from some markets.

    Attributes
    ----------
    kind
        A row of the table above.
    models
        Names of the models concerned.
    effort
        The effort; empty for kind ``few``.
    markets, of
        In how many markets, and how many there are.
    example
        Label of the first market concerned.
    detail
        For kind ``few``: the numbers in the example.
    """

    kind: str
    models: tuple[str, ...]
    effort: str
    markets: int
    of: int
    example: Any
    detail: str = ""

    def __str__(self) -> str:
        if self.markets == self.of:
            where = f"in market {self.example}" if self.of == 1 else f"in all {self.of} markets"
        else:
            where = f"in {self.markets} of {self.of} markets (the first is {self.example})"
        more = len(self.models) - 3
        models = ", ".join(self.models[:3]) + (f" and {more} more" if more > 0 else "")
        if self.kind == "few":
            return f"There are fewer residuals than free parameters {where} for {models}: {self.detail}."
        return f"The effort '{self.effort}' {_REASONS[self.kind]}; {where}, for {models}."


@dataclass
class _Case:
    markets: int = 0
    example: Any = None
    detail: str = ""

    def add(self, label: Any, detail: str = "") -> None:
        if not self.markets:
            self.example, self.detail = label, detail
        self.markets += 1


@dataclass
class StructureCheck:
    """Gather structural cases over blocks of markets.

    Parameters
    ----------
    variants
        The models of the sweep.
    columns
        Free parameters of a model in a market of that many firms.
    first
        First fitted period: 1 when the first observed shares are the initial state, else 0.
    windows
        Periods calibrated on.
    """

    variants: tuple[Variant, ...]
    columns: Callable[[Variant, int], int]
    first: int = 1
    windows: tuple[Window, ...] = (Window("all", "all"),)
    _cases: dict[tuple[str, str], _Case] = field(default_factory=dict)
    _seen: int = 0

    def add(self, block: xr.Dataset) -> None:
        """Look at a block of markets.

        Parameters
        ----------
        block
            `sales` (market, firm, time), nan where absent; `efforts` (market, firm, effort, time).
        """
        sales = block["sales"].transpose("market", "firm", "time").to_numpy()
        effort = block["efforts"].transpose("market", "effort", "firm", "time").to_numpy()
        active = np.isfinite(sales)
        equal, constant, flat = _flat_efforts(effort, active)
        names = [str(name) for name in block["effort"].to_numpy()]
        for market, label in enumerate(block["market"].to_numpy().tolist()):
            for index, name in enumerate(names):
                for kind, found in (("equal", equal), ("constant", constant), ("flat", flat)):
                    if found[market, index]:
                        self._cases.setdefault((kind, name), _Case()).add(label)
            self._count_residuals(label, active[market])
        self._seen += sales.shape[0]

    def _count_residuals(self, label: Any, active: NDArray[np.bool_]) -> None:
        present = active.sum(axis=0)
        present = present[present > 0]
        shortest = min(window.n_training(present.size) for window in self.windows)
        fitted = present[self.first : shortest]
        residuals = int(np.maximum(fitted - 1, 0).sum())
        firms = int(active.any(axis=1).sum())
        for variant in self.variants:
            if variant.response.own or variant.response.cross or variant.pooled_from is not None:
                continue  # priors stand in for the data that are missing
            columns = self.columns(variant, firms)
            if columns > residuals:
                detail = f"{residuals} residuals, {columns} parameters"
                self._cases.setdefault(("few", variant.name), _Case()).add(label, detail)

    def warnings(self) -> tuple[StructuralWarning, ...]:
        """Say what was found, once for each effort and kind, with the models concerned."""
        found = []
        for (kind, name), case in self._cases.items():
            if kind == "few":
                models: Iterable[str] = (name,)
            else:
                models = (variant.name for variant in self.variants if _concerns(kind, name, variant))
            models = tuple(models)
            if models:
                effort = "" if kind == "few" else name
                found.append(
                    StructuralWarning(
                        kind, models, effort, case.markets, self._seen, case.example, case.detail
                    )
                )
        return tuple(found)


def _flat_efforts(
    effort: NDArray[np.float64], active: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which efforts (market, effort) are equal across firms, constant within firms, or one number."""
    shown = active[:, None] & np.isfinite(effort)
    high, low = np.where(shown, effort, -np.inf), np.where(shown, effort, np.inf)
    size = np.where(shown, np.abs(effort), 0.0).max(axis=(2, 3), initial=0.0)

    def spread(axes: tuple[int, ...]) -> NDArray[np.float64]:
        difference = high.max(axis=axes, keepdims=True) - low.min(axis=axes, keepdims=True)
        widest: NDArray[np.float64] = np.where(np.isfinite(difference), difference, 0.0).max(axis=(2, 3))
        return widest

    limit = _TOLERANCE * size
    return spread((2,)) <= limit, spread((3,)) <= limit, spread((2, 3)) <= limit


def _concerns(kind: str, effort: str, variant: Variant) -> bool:
    if effort not in variant.response.curves or effort == variant.numeraire:
        return False
    link = variant.response.link
    if kind == "equal":
        return variant.form == "proportional" and link == "identity"
    if kind == "constant":
        return variant.firm_effects in ("free", "zero-sum") and link in ("identity", "exp")
    return variant.firm_effects == "constant" and link in ("identity", "exp")
