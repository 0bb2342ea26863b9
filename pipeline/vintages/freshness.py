"""Late or broken data: what is wrong with the newest periods, told from those before them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.recalibration import RecalibrationSection
from pipeline.forecasting.periods import future_labels
from pipeline.names import Label
from pipeline.panel.dates import LogicalDate
from pipeline.panel.findings import Problems, place
from pipeline.panel.panel import Panel
from pipeline.sweep.plan import BLOCK_BYTES

_ACCEPT = "If it is as it should be, say so once with --accept."
_MOST_MISSING = 1000
# With fewer periods before it, nothing can be said of a period.
_FEWEST = 2


@dataclass(frozen=True)
class Seen:
    """What an earlier calibration saw: labels of its markets and of its periods."""

    markets: NDArray[Any]
    times: NDArray[Any]


@dataclass(frozen=True)
class _Finding:
    """Something wrong with one market in a new period: what `Problems.add` takes."""

    market: Label
    kind: str
    where: str
    got: str
    expected: str
    hint: str


def check_freshness(
    panel: Panel, date: LogicalDate, asked: RecalibrationSection, seen: Seen | None, problems: Problems
) -> tuple[str, ...]:
    """Look at the periods that are new.

    Parameters
    ----------
    panel
        Of the periods up to the date.
    date
        The date of the calibration.
    asked
        What counts as late or broken.
    seen
        What the calibration before saw; without one, the last period alone is new.
    problems
        Takes what is wrong.

    Returns
    -------
    tuple of str
        Sentences on the few markets that look wrong, where so few are tolerated.
    """
    _check_late(panel, date, asked, problems)
    if seen is not None:
        _check_lost(panel, asked, seen, problems)
    times = panel.times
    first = len(times) - 1 if seen is None else int(np.searchsorted(times, seen.times[-1], side="right"))
    fresh = [period for period in range(first, len(times)) if period >= _FEWEST]
    found: dict[int, list[_Finding]] = {period: [] for period in fresh}
    together = np.zeros(len(times))
    for sales, markets in _blocks(panel) if fresh else ():
        together += np.nansum(sales, axis=(0, 1))
        for period in fresh:
            found[period] += _check_period(_Look(panel, sales, markets, period, asked))
    notes = []
    for period in fresh:
        if len(panel.markets) > 1:
            _check_total(panel, together, period, asked, problems)
        own = found[period]
        if len({one.market for one in own}) <= asked.tolerance * len(panel.markets):
            notes += [f"{one.where}: got {one.got}; expected {one.expected}." for one in own]
        else:
            for one in own:
                problems.add(one.kind, one.where, one.got, one.expected, one.hint)
    return tuple(notes)


def _check_late(panel: Panel, date: LogicalDate, asked: RecalibrationSection, problems: Problems) -> None:
    if asked.late is None:
        return
    following = future_labels(panel.times, panel.frequency, _MOST_MISSING)
    limit = date.ordinal - asked.delay
    missing = [label for label in following if LogicalDate.of_label(label).ordinal <= limit]
    if len(missing) > asked.late:
        count = f"{len(missing)}{' or more' if len(missing) == _MOST_MISSING else ''}"
        problems.add(
            "late data",
            "",
            f"data that end with the period {_text(panel.times[-1])}, so that {count} periods up to "
            f"{date} are missing",
            f"at most {asked.late} (recalibration.late)",
            f"Wait for the data; or give the date they are for, --date {_text(panel.times[-1])}.",
        )


def _check_lost(panel: Panel, asked: RecalibrationSection, seen: Seen, problems: Problems) -> None:
    here = set(panel.markets.tolist())
    for market in seen.markets.tolist():
        if market not in here:
            problems.add(
                "lost markets", place(market), "no rows at all", "the market that was there before", _ACCEPT
            )
    known = seen.times if asked.rolling is None else seen.times[seen.times >= panel.times[0]]
    for label in np.setdiff1d(known, panel.times):
        problems.add(
            "lost periods",
            place(period=_text(label)),
            "no rows at all",
            "the period that was there before",
            _ACCEPT,
        )


@dataclass(frozen=True)
class _Look:
    """One new period in a block of markets: sales (L, N, T)."""

    panel: Panel
    sales: NDArray[np.float64]
    markets: NDArray[Any]
    period: int
    asked: RecalibrationSection

    @property
    def now(self) -> NDArray[np.float64]:
        return self.sales[..., self.period]

    @property
    def before(self) -> NDArray[np.float64]:
        return self.sales[..., max(self.period - self.asked.lookback, 0) : self.period]

    def finding(
        self, market: int, firm: int | None, kind: str, got: str, expected: str, hint: str = _ACCEPT
    ) -> _Finding:
        name = None if firm is None else self.panel.firms[firm]
        label = self.markets[market]
        where = place(label, name, _text(self.panel.times[self.period]))
        return _Finding(label, kind, where, got, expected, hint)


def _check_period(look: _Look) -> Iterator[_Finding]:
    now, before = look.now, look.before
    there, was_there = ~np.isnan(now), ~np.isnan(before)
    open_now, always_open = there.any(axis=1), was_there.any(axis=1).all(axis=1)
    for market in np.flatnonzero(always_open & ~open_now).tolist():
        yield look.finding(market, None, "missing markets", "no rows", "the market as before")
    total, earlier = np.nansum(now, axis=1), np.nansum(before, axis=1)
    short = open_now & always_open & _incomplete(total, earlier, look.asked.complete)
    for market in np.flatnonzero(short).tolist():
        words = _shortfall(total[market], earlier[market], look.asked)
        yield look.finding(market, None, "incomplete periods", *words)
    always = was_there.all(axis=2) & open_now[:, np.newaxis]
    gone = always & ~there if not look.asked.exits else np.zeros_like(always)
    expected = f"the firm, which was there in all of the {before.shape[2]} periods before"
    hint = f"{_ACCEPT} If firms come and go, set recalibration.exits."
    for market, firm in np.argwhere(gone).tolist():
        yield look.finding(market, firm, "missing firms", "no sales", expected, hint)
    with np.errstate(invalid="ignore"):
        dead = always & (now == 0.0) & (before > 0.0).all(axis=2)
    for market, firm in np.argwhere(dead).tolist():
        yield look.finding(market, firm, "zero sales", "sales of 0", "sales above 0, as before")


def _check_total(
    panel: Panel, together: NDArray[np.float64], period: int, asked: RecalibrationSection, problems: Problems
) -> None:
    earlier = together[max(period - asked.lookback, 0) : period]
    if _incomplete(together[period], earlier, asked.complete):
        where = f"all {len(panel.markets)} markets, period {_text(panel.times[period])}"
        problems.add("incomplete everywhere", where, *_shortfall(together[period], earlier, asked), _ACCEPT)


def _shortfall(total: float, earlier: NDArray[np.float64], asked: RecalibrationSection) -> tuple[str, str]:
    usual = float(np.median(earlier))
    return (
        f"total sales of {total:.4g}, {total / usual:.0%} of what is usual ({usual:.4g})",
        f"at least {asked.complete:.0%} (recalibration.complete): half a period is no period",
    )


def _incomplete(
    total: np.float64 | NDArray[np.float64], earlier: NDArray[np.float64], part: float
) -> NDArray[np.bool_]:
    """Tell totals (...) that are far below those before (..., periods): the median, and each of them."""
    return (total < part * np.median(earlier, axis=-1)) & (total < earlier.min(axis=-1))


def _blocks(panel: Panel) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
    bytes_of_market = 8 * len(panel.firms) * len(panel.times) * (1 + len(panel.efforts))
    for block in panel.blocks(max(BLOCK_BYTES // max(bytes_of_market, 1), 1)):
        yield block["sales"].transpose("market", "firm", "time").values, block["market"].values


def _text(label: np.generic) -> str:
    return LogicalDate.of_label(label).key
