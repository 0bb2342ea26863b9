"""Instruments that say nothing, seen before any fit; and weak ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xarray as xr

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.errors import DataError, Problem
from pipeline.models.instruments.first_stage import WEAK, FirstStageError, first_stage
from pipeline.panel.market import MarketArrays, iterate_markets

if TYPE_CHECKING:
    from pipeline.models.instruments.pooled import StagePool
    from pipeline.store.format.first_stage import PooledSlopes


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
    _strength: list[dict[str, float]] = field(default_factory=list)
    _pools: dict[str, "StagePool"] = field(default_factory=dict)
    _markets: int = 0

    def add(self, block: xr.Dataset) -> None:
        """Look at a block of markets, with `sales`, `efforts` and `instruments` as a panel has them."""
        variant = next((one for one in self.variants if one.endogenous), None)
        if variant is None:
            return
        # Here, since only studies with instruments need them.
        from pipeline.sweep.first_stages import add_market

        efforts = tuple(str(name) for name in block["effort"].values)
        for market in iterate_markets(block):
            self._markets += 1
            add_market(self._pools, variant, market, efforts, self.study.fit)
            if set(variant.endogenous) - set(self.study.fit.pooled_stages):
                self._add_alone(variant, market, efforts)

    def _add_alone(self, variant: Variant, market: MarketArrays, efforts: tuple[str, ...]) -> None:
        """Make the first stages that a market has of its own."""
        from pipeline.models.instruments.controls import stage_data
        from pipeline.models.terms import with_terms

        found = {}
        try:
            for data in stage_data(variant, *with_terms(variant, market, efforts), self.study.fit):
                if data.effort not in self.study.fit.pooled_stages:
                    given = (data.explained, data.regressors, market.active, data.labels)
                    found[data.effort] = first_stage(data.effort, *given, data.n_instruments).f_statistic
        except FirstStageError as error:
            self._failed[market.market] = str(error)
        else:
            self._strength.append(found)

    def refuse(self) -> None:
        """Raise when the first stage cannot be made in any market, or not of all markets where it is pooled.

        Raises
        ------
        DataError
            With the reason in the first of them.
        """
        problems = []
        if self._failed and not self._strength:
            market, reason = next(iter(self._failed.items()))
            got = f"{reason} (market {market}{', and so in all markets' * (len(self._failed) > 1)})"
            expected = "instruments that move each effort of their own, between firms and over time"
            hint = "Leave the instrument out, or name another one."
            problems.append(Problem("", None, "fit.endogenous", got, expected, hint))
        for effort, pool in self._pools.items():
            try:
                pool.estimate()
            except FirstStageError as error:
                got = f"{error} (over all {self._markets} markets)"
                expected = (
                    "instruments that move each effort of their own in some markets, more markets than "
                )
                expected += "regressors"
                hint = "Name other instruments, or say first_stage: market."
                problems.append(Problem("", None, f"fit.endogenous.{effort}", got, expected, hint))
        if problems:
            raise DataError("Instruments of endogenous efforts", problems)

    def sentences(self) -> tuple[str, ...]:
        """Say where there is no first stage, and where instruments are weak."""
        found, of = [], len(self._failed) + len(self._strength)
        if self._failed and self._strength:
            market, reason = next(iter(self._failed.items()))
            sentence = f"No first stage in {len(self._failed)} of {of} markets; in market {market} {reason}."
            found.append(sentence)
        for effort in self._strength[0] if self._strength else ():
            weak = sum(strength[effort] < WEAK for strength in self._strength)
            if weak:
                sentence = (
                    f"The instruments of the effort '{effort}' are weak (F below {WEAK:g}) in {weak} of {of} "
                    "markets: estimates lean to those without instruments there, and intervals are too short."
                )
                if of > 1:
                    sentence += " Slopes that all markets have in common (first_stage: pooled) are stronger."
                found.append(sentence)
        for effort, pool in self._pools.items():
            found.extend(_of_pool(effort, pool.estimate()))
        return tuple(found)


def _of_pool(effort: str, pooled: "PooledSlopes") -> Iterator[str]:
    """Say that pooled slopes come from one market alone, or that instruments are weak over all together."""
    if pooled.n_markets == 1:
        yield (f"The first stage of '{effort}' is to be pooled, but of one market it is the market's own.")
    if pooled.f_statistic < WEAK:
        yield (
            f"The instruments of the effort '{effort}' are weak even pooled over all markets (F "
            f"{pooled.f_statistic:.2g}, below {WEAK:g}): estimates lean to those without instruments, and "
            "intervals are too short."
        )
