"""Late or broken data: what is wrong with the newest periods, told from those before them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.recalibration import RecalibrationSection
from pipeline.forecasting.periods import future_labels, label_text
from pipeline.names import Label
from pipeline.panel.dates import LogicalDate
from pipeline.panel.findings import Problems, describe_place
from pipeline.panel.panel import Panel
from pipeline.sweep.plan import BLOCK_BYTES

Floats = NDArray[np.float64]

_ACCEPT = "If the data are right, accept them once with --accept."
_MOST_MISSING = 1000
# A period with fewer periods before it cannot be judged.
_FEWEST_BEFORE = 2


@dataclass(frozen=True)
class KnownLabels:
    """Labels of the markets and periods that an earlier calibration used."""

    markets: np.ndarray
    times: np.ndarray


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
    panel: Panel,
    date: LogicalDate,
    settings: RecalibrationSection,
    known: KnownLabels | None,
    problems: Problems,
) -> tuple[str, ...]:
    """Check the periods that are new.

    Parameters
    ----------
    panel
        The periods up to the date.
    date
        The date of the calibration.
    settings
        What counts as late or broken.
    known
        What the calibration before used; without one, the last period alone is new.
    problems
        Gathers what is wrong.

    Returns
    -------
    tuple of str
        Sentences on the markets that look wrong, where they are so few that they are tolerated.
    """
    _check_late(panel, date, settings, problems)
    if known is not None:
        _check_lost(panel, settings, known, problems)
    times = panel.times
    first = len(times) - 1 if known is None else int(np.searchsorted(times, known.times[-1], side="right"))
    new = [period for period in range(first, len(times)) if period >= _FEWEST_BEFORE]
    findings: dict[int, list[_Finding]] = {period: [] for period in new}
    total = np.zeros(len(times))
    for sales, markets in _blocks(panel) if new else ():
        total += np.nansum(sales, axis=(0, 1))
        for period in new:
            findings[period] += _check_period(_NewPeriod(panel, sales, markets, period, settings))
    notes = []
    for period in new:
        if len(panel.markets) > 1:
            _check_total(panel, total, period, settings, problems)
        if len({one.market for one in findings[period]}) <= settings.tolerance * len(panel.markets):
            notes += [f"{one.where}: got {one.got}; expected {one.expected}." for one in findings[period]]
        else:
            for one in findings[period]:
                problems.add(one.kind, one.where, one.got, one.expected, one.hint)
    return tuple(notes)


def _check_late(panel: Panel, date: LogicalDate, settings: RecalibrationSection, problems: Problems) -> None:
    if settings.late is None:
        return
    following = future_labels(panel.times, panel.frequency, _MOST_MISSING)
    limit = date.ordinal - settings.delay
    missing = [label for label in following if LogicalDate.of_label(label).ordinal <= limit]
    if len(missing) > settings.late:
        count = f"{len(missing)}{' or more' if len(missing) == _MOST_MISSING else ''}"
        problems.add(
            "late data",
            "",
            f"data that end with the period {label_text(panel.times[-1])}, so that {count} periods up to "
            f"{date} are missing",
            f"at most {settings.late} (recalibration.late)",
            f"Wait for the data; or give the date they are for, --date {label_text(panel.times[-1])}.",
        )


def _check_lost(panel: Panel, settings: RecalibrationSection, known: KnownLabels, problems: Problems) -> None:
    present = set(panel.markets.tolist())
    for market in known.markets.tolist():
        if market not in present:
            problems.add(
                "lost markets",
                describe_place(market),
                "no rows at all",
                "the market that was there before",
                _ACCEPT,
            )
    expected = known.times if settings.rolling is None else known.times[known.times >= panel.times[0]]
    for label in np.setdiff1d(expected, panel.times):
        problems.add(
            "lost periods",
            describe_place(period=label_text(label)),
            "no rows at all",
            "the period that was there before",
            _ACCEPT,
        )


@dataclass(frozen=True)
class _NewPeriod:
    """One new period in a block of markets: sales (L, N, T)."""

    panel: Panel
    sales: Floats
    markets: np.ndarray
    period: int
    settings: RecalibrationSection

    @property
    def now(self) -> Floats:
        """Sales in the period, (L, N)."""
        return self.sales[..., self.period]

    @property
    def before(self) -> Floats:
        """Sales in the periods that it is compared with, (L, N, periods)."""
        return self.sales[..., max(self.period - self.settings.lookback, 0) : self.period]

    def finding(
        self, market: int, firm: int | None, kind: str, got: str, expected: str, hint: str = _ACCEPT
    ) -> _Finding:
        """Describe what is wrong with a market, or with one firm in it."""
        name = None if firm is None else self.panel.firms[firm]
        label = self.markets[market]
        where = describe_place(label, name, label_text(self.panel.times[self.period]))
        return _Finding(label, kind, where, got, expected, hint)


def _check_period(period: _NewPeriod) -> Iterator[_Finding]:
    now, before, settings = period.now, period.before, period.settings
    present, was_present = ~np.isnan(now), ~np.isnan(before)
    open_now, always_open = present.any(axis=1), was_present.any(axis=1).all(axis=1)
    for market in np.flatnonzero(always_open & ~open_now).tolist():
        yield period.finding(market, None, "missing markets", "no rows", "the market as before")
    total, earlier = np.nansum(now, axis=1), np.nansum(before, axis=1)
    short = open_now & always_open & _incomplete(total, earlier, settings.complete)
    for market in np.flatnonzero(short).tolist():
        got, expected = _shortfall(total[market], earlier[market], settings)
        yield period.finding(market, None, "incomplete periods", got, expected)
    always = was_present.all(axis=2) & open_now[:, np.newaxis]
    gone = always & ~present if not settings.exits else np.zeros_like(always)
    expected = f"the firm, which was there in all of the {before.shape[2]} periods before"
    hint = f"{_ACCEPT} If firms come and go, set recalibration.exits."
    for market, firm in np.argwhere(gone).tolist():
        yield period.finding(market, firm, "missing firms", "no sales", expected, hint)
    with np.errstate(invalid="ignore"):
        stopped = always & (now == 0.0) & (before > 0.0).all(axis=2)
    for market, firm in np.argwhere(stopped).tolist():
        yield period.finding(market, firm, "zero sales", "sales of 0", "sales above 0, as before")


def _check_total(
    panel: Panel, total: Floats, period: int, settings: RecalibrationSection, problems: Problems
) -> None:
    """Check the sales (T,) of all markets together, which shows what no market shows alone."""
    earlier = total[max(period - settings.lookback, 0) : period]
    if _incomplete(total[period], earlier, settings.complete):
        where = f"all {len(panel.markets)} markets, period {label_text(panel.times[period])}"
        got, expected = _shortfall(total[period], earlier, settings)
        problems.add("incomplete everywhere", where, got, expected, _ACCEPT)


def _shortfall(total: float, earlier: Floats, settings: RecalibrationSection) -> tuple[str, str]:
    usual = float(np.median(earlier))
    return (
        f"total sales of {total:.4g}, {total / usual:.0%} of what is usual ({usual:.4g})",
        f"at least {settings.complete:.0%} (recalibration.complete): the period seems to be incomplete",
    )


def _incomplete(total: Floats, earlier: Floats, part: float) -> NDArray[np.bool_]:
    """Tell totals (...) that are far below those before (..., periods): the median, and each of them."""
    return np.asarray((total < part * np.median(earlier, axis=-1)) & (total < earlier.min(axis=-1)))


def _blocks(panel: Panel) -> Iterator[tuple[Floats, np.ndarray]]:
    """Sales (L, N, T) of the panel and labels (L,) of their markets, block by block."""
    bytes_of_market = 8 * len(panel.firms) * len(panel.times) * (1 + len(panel.efforts))
    for block in panel.blocks(max(BLOCK_BYTES // max(bytes_of_market, 1), 1)):
        yield block["sales"].transpose("market", "firm", "time").values, block["market"].values
