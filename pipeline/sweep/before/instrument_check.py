"""Instruments that say nothing, seen before any fit; and weak ones."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.errors import DataError, Problem
from pipeline.models.instruments.first_stage import WEAK, FirstStageError
from pipeline.panel.market import iterate_markets


@dataclass
class InstrumentCheck:
    """Make the first stages of a study, a block of markets at a time.

    Parameters
    ----------
    study
        Its instruments.
    variants
        The models; all have the same instruments, so the first that has any is looked at.
    """

    study: Study
    variants: tuple[Variant, ...]
    _failed: dict[Any, str] = field(default_factory=dict)
    _strength: list[list[float]] = field(default_factory=list)

    def add(self, block: xr.Dataset) -> None:
        """Look at a block of markets, with `sales`, `efforts` and `instruments` as a panel has them."""
        variant = next((one for one in self.variants if one.endogenous), None)
        if variant is None:
            return
        # Here, since only studies with instruments need them.
        from pipeline.models.instruments.controls import first_stages
        from pipeline.models.terms import with_terms

        efforts = tuple(str(name) for name in block["effort"].values)
        for market in iterate_markets(block):
            try:
                stages = first_stages(variant, *with_terms(variant, market, efforts), self.study.fit)
            except FirstStageError as error:
                self._failed[market.market] = str(error)
            else:
                self._strength.append([stage.f_statistic for stage in stages])

    def refuse(self) -> None:
        """Raise when the first stage cannot be made in any market.

        Raises
        ------
        DataError
            With the reason in the first of them.
        """
        if self._failed and not self._strength:
            market, reason = next(iter(self._failed.items()))
            got = f"{reason} (market {market}{', and so in all markets' * (len(self._failed) > 1)})"
            expected = "instruments that move each effort of their own, between firms and over time"
            hint = "Leave the instrument out, or name another one."
            problem = Problem("", None, "fit.endogenous", got, expected, hint)
            raise DataError("Instruments of endogenous efforts", [problem])

    def sentences(self) -> tuple[str, ...]:
        """Say where there is no first stage, and where instruments are weak."""
        found, of = [], len(self._failed) + len(self._strength)
        if self._failed and self._strength:
            market, reason = next(iter(self._failed.items()))
            sentence = f"No first stage in {len(self._failed)} of {of} markets; in market {market} {reason}."
            found.append(sentence)
        for effort, strength in zip(
            self.study.fit.instrumented, np.array(self._strength).T.tolist(), strict=False
        ):
            weak = int(np.sum(np.array(strength) < WEAK))
            if weak:
                sentence = (
                    f"The instruments of the effort '{effort}' are weak (F below {WEAK:g}) in {weak} of {of} "
                    "markets: estimates lean to those without instruments there, and intervals are too short."
                )
                found.append(sentence)
        return tuple(found)
