"""Reading a table of experiments: every row checked against the panel, all that is wrong said at once.

============ =====================================================================================
column       meaning
============ =====================================================================================
market       label of the market; may be left out where the panel has one
firm         label of the firm whose effort was changed
effort       name of the effort in the study
from, to     first and last period of the test, both included: labels of periods, or dates
baseline     value of the effort that the change is compared with, in the unit of the effort
changed      its value under the change
change       in place of both: the effort as in the data against the effort less this
outcome      ``share`` (mean over the periods) or ``sales`` (sum over the periods, currency)
effect       measured difference: changed less baseline
stderr       its standard error
============ =====================================================================================
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.errors import DataError, Problem
from pipeline.names import Label, did_you_mean, one_of
from pipeline.panel.dates import Span
from pipeline.panel.experiments.experiment import FIELDS
from pipeline.panel.findings import Problems
from pipeline.panel.panel import Panel
from pipeline.panel.reading.tables import CsvReader
from pipeline.panel.stamps import EXPECTED, Stamp, first_day, last_day, parse_label

_REQUIRED = ("firm", "effort", "from", "to", "outcome", "effect", "stderr")
_VALUES = ("baseline", "changed", "change")
_OUTCOMES = ("share", "sales")
Row = dict[str, str]


@dataclass(frozen=True)
class ExperimentTable:
    """Experiments by market.

    Attributes
    ----------
    rows : dict
        By label of the market: arrays (E, F) of `FIELDS`, in an order that does not depend on the file's.
    left_out : int
        Rows of markets that the study does not use, or of periods that it does not read.
    """

    rows: dict[Label, np.ndarray] = field(default_factory=dict)
    left_out: int = 0

    @property
    def most(self) -> int:
        """Experiments in a market at most."""
        return max(map(len, self.rows.values()), default=0)


def read_experiments(
    location: str, panel: Panel, *, chosen_markets: bool = False, span: Span | None = None
) -> ExperimentTable:
    """Read and check a table of experiments.

    Parameters
    ----------
    location : str
        Path or URL of a CSV file.
    panel : Panel
        What the rows are about.
    chosen_markets : bool
        Whether the study uses some of the markets only: rows of others are then left out, not refused.
    span : Span, optional
        The periods that the panel was read for: experiments beyond them are not known yet.

    Raises
    ------
    DataError
        With everything that is wrong, by row and column.
    """
    problems = Problems(location)
    reader = _Reader(panel, problems, chosen_markets, span)
    for number, row in _rows(location, problems, len(panel.markets) > 1):
        reader.add(number, row)
    problems.raise_if_any()
    reader.check_presence()
    problems.raise_if_any()
    found = {
        market: np.array(sorted((values for _, values in rows), key=str), dtype=np.float64)
        for market, rows in reader.found.items()
    }
    return ExperimentTable(found, reader.left_out)


def _rows(location: str, problems: Problems, many_markets: bool) -> list[tuple[int, Row]]:
    try:
        reader = CsvReader.open(location)
    except (OSError, ImportError) as error:
        got = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
        problem = Problem(location, None, "experiments", got, "a CSV file that can be read")
        raise DataError(f"Data {location}", [problem]) from None
    required = (("market",) if many_markets else ()) + _REQUIRED
    for name in required:
        if name not in reader.columns:
            hint = did_you_mean(name, [own for own in reader.columns if own not in (*required, *_VALUES)])
            expected = f"the columns {', '.join(required)}, and baseline and changed, or change"
            problems.add("columns", f"column {name}", "no such column", expected, hint)
    problems.raise_if_any()
    names = [name for name in ("market", *_REQUIRED, *_VALUES) if name in reader.columns]
    rows: list[tuple[int, Row]] = []
    for chunk in reader.chunks(names, problems):
        columns = {name: _texts(chunk.columns[name]) for name in names}
        numbers = range(len(columns["firm"])) if chunk.rows is None else chunk.rows.tolist()
        for place, number in enumerate(numbers):
            row = {name: values[place] for name, values in columns.items()}
            if any(row.values()):
                rows.append((number, row))
    return rows


def _texts(column: pa.Array) -> list[str]:
    return [(text or "").strip() for text in column.to_pylist()]


class _Reader:
    """Turns rows into numbers, and gathers what is wrong with them."""

    def __init__(self, panel: Panel, problems: Problems, chosen_markets: bool, span: Span | None) -> None:
        self.found: dict[Label, list[tuple[int, list[float]]]] = {}
        self.left_out = 0
        self._panel, self._problems = panel, problems
        self._chosen_markets, self._span = chosen_markets, span
        self._markets = {str(label): label for label in panel.markets.tolist()}
        self._firms = {str(label): place for place, label in enumerate(panel.firms.tolist())}
        self._efforts = {name: place for place, name in enumerate(panel.efforts)}
        self._seen: dict[tuple[str, ...], int] = {}
        times = np.asarray(panel.times)
        self._dated = times.dtype.kind == "M"
        self._days = times.astype("datetime64[D]").astype(np.int64) if self._dated else times.astype(np.int64)

    def add(self, number: int, row: Row) -> None:
        """Read a row."""
        market = row.get("market") or str(self._panel.markets[0])
        if market not in self._markets and self._chosen_markets:
            self.left_out += 1
            return
        before = sum(self._problems.counts.values())
        self._check_name("market", market, self._markets, number)
        self._check_name("firm", row["firm"], self._firms, number)
        self._check_name("effort", row["effort"], self._efforts, number)
        if row["outcome"] not in _OUTCOMES:
            self._refuse("outcome", number, repr(row["outcome"]), one_of(_OUTCOMES))
        periods = self._periods(row, number)
        values = self._values(row, number)
        twin = self._seen.setdefault(tuple(row.values()), number)
        if twin != number:
            self._refuse("", number, f"the same as row {twin}", "every experiment once")
        if sum(self._problems.counts.values()) > before or values is None:
            return
        if periods is None:
            self.left_out += 1
            return
        places = [float(self._firms[row["firm"]]), float(self._efforts[row["effort"]]), *periods]
        sales = float(row["outcome"] == "sales")
        fields = dict(zip(FIELDS, [*places, *values[:3], sales, *values[3:]], strict=True))
        self.found.setdefault(self._markets[market], []).append((number, list(fields.values())))

    def check_presence(self) -> None:
        """Refuse experiments in periods in which their firm does not move."""
        for market, rows in self.found.items():
            sales = self._panel.load([market])["sales"].transpose("market", "firm", "time").values[0]
            there = np.flatnonzero(~np.isnan(sales).all(axis=0))
            for number, values in rows:
                firm, first, last = int(values[0]), int(values[2]), int(values[3])
                inside = there[(there >= first) & (there <= last)]
                where = f"market {market}, firm {self._panel.firms[firm]}"
                if inside.size == 0:
                    self._refuse("from", number, f"periods without sales in market {market}", "sales in them")
                elif inside[0] == there[0]:
                    expected = "a later period: shares are followed from the first one on"
                    self._refuse("from", number, f"the first period of market {market}", expected)
                else:
                    needed = there[(there >= there[there < inside[0]][-1]) & (there <= last)]
                    gone = needed[np.isnan(sales[firm, needed])]
                    if gone.size:
                        got = f"{where}: no sales in period {self._panel.times[gone[0]]}"
                        self._refuse(
                            "firm", number, got, "sales in all periods of the test and the one before"
                        )

    def _check_name(self, column: str, text: str, known: dict, number: int) -> None:
        if text not in known:
            hint = did_you_mean(text, known)
            self._refuse(column, number, repr(text) if text else "nothing", one_of(known), hint)

    def _periods(self, row: Row, number: int) -> list[float] | None:
        """Give the first and last place along the axis time; None where these are not read."""
        stamps = [self._stamp(name, row[name], number) for name in ("from", "to")]
        if stamps[0] is None or stamps[1] is None:
            return None
        begin, end = first_day(stamps[0]), last_day(stamps[1])
        inside = np.flatnonzero((self._days >= begin) & (self._days <= end))
        known = f"from {self._label(0)} to {self._label(-1)}"
        if end < begin:
            self._refuse(
                "to", number, f"{row['to']} before {row['from']}", "a period that is not before `from`"
            )
        elif begin < self._days[0] or _beyond(self._days, end, self._dated) or inside.size == 0:
            if self._span is not None:
                return None
            self._refuse("from", number, f"{row['from']} to {row['to']}", f"periods of the data, {known}")
        return [float(inside[0]), float(inside[-1])] if inside.size else None

    def _stamp(self, column: str, text: str, number: int) -> Stamp | None:
        stamp = parse_label(text)
        if stamp is not None and (stamp.kind != "integer") == self._dated:
            return stamp
        expected = EXPECTED if stamp is None else f"a {'date' if self._dated else 'number'}, as in the data"
        self._refuse(column, number, repr(text), expected)
        return None

    def _label(self, place: int) -> str:
        return str(self._panel.times[place]).removesuffix("T00:00:00")

    def _values(self, row: Row, number: int) -> list[float] | None:
        """Give baseline, changed, change, effect, stderr."""
        numbers = {
            name: self._number(name, row.get(name, ""), number) for name in (*_VALUES, "effect", "stderr")
        }
        given = [name for name in _VALUES if row.get(name)]
        if given not in (["baseline", "changed"], ["change"]):
            got = " and ".join(given) or "no value of the effort"
            self._refuse("changed", number, got, "baseline and changed, or change alone")
        elif numbers["change"] == 0.0 or numbers["baseline"] == numbers["changed"]:
            self._refuse("changed", number, "an effort that does not change", "a change")
        self._check_measured(row, number, numbers["effect"], numbers["stderr"])
        return list(numbers.values())

    def _check_measured(self, row: Row, number: int, effect: float, stderr: float) -> None:
        if not row["effect"]:
            self._refuse("effect", number, "nothing", "the difference that was measured")
        elif row["outcome"] == "share" and abs(effect) >= 1.0:
            hint = "A percentage point is 0.01." if abs(effect) <= 100.0 else ""
            self._refuse("effect", number, row["effect"], "a difference of shares, between -1 and 1", hint)
        if not row["stderr"] or stderr <= 0.0:
            self._refuse("stderr", number, row["stderr"] or "nothing", "a standard error above 0")

    def _number(self, column: str, text: str, number: int) -> float:
        if not text:
            return np.nan
        try:
            value = float(text)
        except ValueError:
            value = np.inf
        if not np.isfinite(value):
            self._refuse(column, number, repr(text), "a number")
            return np.nan
        return value

    def _refuse(self, column: str, number: int, got: str, expected: str, hint: str = "") -> None:
        where = f"column {column}" if column else "row"
        self._problems.add("rows of experiments", where, got, expected, hint, column=column, row=number)


def _beyond(days: np.ndarray, end: int, dated: bool) -> bool:
    """Tell whether a day (or number) lies beyond the last period, which may be as long as the one before."""
    if not dated or days.size < 2:
        return bool(end > days[-1])
    # Months and quarters differ by up to 3 days.
    return bool(end >= days[-1] + int(days[-1] - days[-2]) + 3)
