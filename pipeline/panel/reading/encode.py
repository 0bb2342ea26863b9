"""Rows of a source to small records of fixed size, with the checks that need one row at a time.

Written by hand: duckdb numbers no rows of a CSV file and skips its blank lines, so problems would have no
line. To read and sort 20.8 million rows, it took 12 s (Parquet) or 23 s (CSV) of processor time and 450 MB;
with encoding, all checks and efforts this package takes 19 or 24 s, and 270 or 370 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kernels.formula.expression import Expression
from pipeline.config.sections.data import DataSection
from pipeline.panel.dates import Span
from pipeline.panel.findings import Problems, describe_place
from pipeline.panel.reading.labels import MISSING, Labels
from pipeline.panel.reading.numbers import Numbers, read_numbers
from pipeline.panel.reading.tables import Chunk
from pipeline.panel.row_report import NO_ROW, RowReport
from pipeline.panel.stamps import EXPECTED, Stamp, parse_label


def row_dtype(columns: int) -> np.dtype:
    """Give the record of one row: codes of market, firm and period, row number, and so many values."""
    return np.dtype(
        [
            ("market", np.int32),
            ("firm", np.int32),
            ("time", np.int32),
            ("row", np.int64),
            ("values", np.float64, (columns,)),
        ]
    )


@dataclass
class Encoder:
    """Turn chunks into records; collect the labels and report what is wrong.

    Attributes
    ----------
    data : DataSection
        What the columns mean.
    columns : tuple of str
        Columns kept as values, the sales first.
    row_filter : Expression or None
        Rows where it is 0 or nan are skipped.
    zero_sales : bool
        Whether sales may be 0.
    single : str
        Label of the only market when there is no column of markets.
    span : Span or None
        Rows of other periods are skipped, whatever is in them.
    problems : Problems
        Receives what is wrong.
    markets, firms, times : Labels
        Labels so far.
    stamps : list of Stamp or None
        What the labels of periods mean, by code; None for one that cannot be read.
    time_rows : list of int
        Row in which the label of each period occurs first, by code.
    """

    data: DataSection
    columns: tuple[str, ...]
    row_filter: Expression | None
    zero_sales: bool
    single: str
    problems: Problems
    span: Span | None = None
    markets: Labels = field(default_factory=Labels)
    firms: Labels = field(default_factory=Labels)
    times: Labels = field(default_factory=Labels)
    stamps: list[Stamp | None] = field(default_factory=list)
    time_rows: list[int] = field(default_factory=list)

    @property
    def needed(self) -> tuple[str, ...]:
        """All columns to be read."""
        keys = (self.data.market, self.data.firm, self.data.time)
        return tuple(dict.fromkeys([*(key for key in keys if key is not None), *self._numeric]))

    @property
    def _numeric(self) -> tuple[str, ...]:
        """Columns to be read as numbers."""
        return (*self.columns, *(self.row_filter.names if self.row_filter else ()))

    def encode(self, chunk: Chunk) -> np.ndarray:
        """Give the usable rows of a chunk, dtype `row_dtype`; report what is wrong with the others."""
        numbers = {
            name: read_numbers(chunk.columns[name], name, self.problems, self.data.decimal)
            for name in self._numeric
        }
        rows = self._records(chunk, numbers)
        keep = self._selected(rows, numbers) & ~self._blank(rows)
        if self.data.markets is not None:
            keep &= self._in_markets()[rows["market"]]
        self._read_stamps(rows)
        keep &= self._in_span()[rows["time"]]
        keep &= self._check_labels(rows, keep)
        self._check_numbers(rows, keep, numbers)
        rows = rows[keep]
        for labels, key in ((self.markets, "market"), (self.firms, "firm"), (self.times, "time")):
            labels.used.update(np.unique(rows[key]).tolist())
        return rows

    def _records(self, chunk: Chunk, numbers: dict[str, Numbers]) -> np.ndarray:
        rows = np.empty(len(chunk.columns[self.data.firm]), dtype=row_dtype(len(self.columns)))
        rows["row"] = NO_ROW if chunk.rows is None else chunk.rows
        market = self.data.market
        rows["market"] = (
            self.markets.encode(chunk.columns[market]) if market else self.markets.code(self.single)
        )
        rows["firm"] = self.firms.encode(chunk.columns[self.data.firm])
        rows["time"] = self.times.encode(chunk.columns[self.data.time])
        for index, name in enumerate(self.columns):
            rows["values"][:, index] = numbers[name].values
        return rows

    def _selected(self, rows: np.ndarray, numbers: dict[str, Numbers]) -> np.ndarray:
        """Apply the filter; report all text in its columns, which leaves open whether to keep the row."""
        everything = np.ones(rows.size, dtype=bool)
        if self.row_filter is None:
            return everything
        for name in self.row_filter.names:
            if name not in self.columns:
                self._report.add_texts(numbers[name], rows, everything, name)
        value = self.row_filter.evaluate({name: numbers[name].values for name in self.row_filter.names})
        return everything & (np.nan_to_num(value) != 0)

    def _in_markets(self) -> np.ndarray:
        selected = {str(label) for label in self.data.markets or ()}
        # The last entry is for rows without a market: they are reported later, not skipped.
        return np.array([text in selected for text in self.markets.texts] + [True])

    def _in_span(self) -> np.ndarray:
        # Labels that cannot be read and rows without one are reported later.
        span = self.span
        return np.array(
            [span is None or stamp is None or span.contains(stamp) for stamp in self.stamps] + [True]
        )

    def _blank(self, rows: np.ndarray) -> np.ndarray:
        """Tell which rows are empty: blank lines of a file."""
        empty = (rows["firm"] == MISSING) & (rows["time"] == MISSING) & np.isnan(rows["values"]).all(axis=1)
        return empty & (rows["market"] == MISSING) if self.data.market else empty

    def _read_stamps(self, rows: np.ndarray) -> None:
        known = len(self.stamps)
        if len(self.times) == known:
            return
        self.stamps += [parse_label(text, self.data.date_format) for text in self.times.texts[known:]]
        self.time_rows += [NO_ROW] * (len(self.times) - known)
        codes, first = np.unique(rows["time"], return_index=True)
        for code, index in zip(codes.tolist(), first.tolist(), strict=True):
            if code >= known:
                self.time_rows[code] = int(rows["row"][index])

    def _check_labels(self, rows: np.ndarray, keep: np.ndarray) -> np.ndarray:
        usable = np.ones(rows.size, dtype=bool)
        for key in ("market", "firm", "time"):
            missing = keep & (rows[key] == MISSING)
            usable &= ~missing
            expected, column = f"the name of the {key}", getattr(self.data, key)
            self._report.add("missing labels", missing, rows, lambda _: "nothing", expected, column=column)
        readable = np.array([stamp is not None for stamp in self.stamps] + [True])
        unreadable = keep & ~readable[rows["time"]]
        self._report.add(
            "dates that cannot be read",
            unreadable,
            rows,
            lambda position: repr(self.times.texts[rows["time"][position]]),
            EXPECTED,
            "Write ISO dates or whole numbers, or say data.date_format (31.12.2026 is %d.%m.%Y); a time of "
            "day must be midnight.",
            self.data.time,
        )
        return usable & ~unreadable

    def _check_numbers(self, rows: np.ndarray, keep: np.ndarray, numbers: dict[str, Numbers]) -> None:
        report = self._report.add_values
        for index, name in enumerate(self.columns):
            values = rows["values"][:, index]
            self._report.add_texts(numbers[name], rows, keep, name)
            missing = keep & np.isnan(values)
            missing[numbers[name].text] = False
            report("missing values", missing, rows, values, "a number", _hint(name, index), name)
            report("infinite values", keep & np.isinf(values), rows, values, "a finite number", "", name)
        sales, name = rows["values"][:, 0], self.columns[0]
        hint = "Book returns in the period of their sale; leave out the rows of firms that are absent."
        report("negative sales", keep & (sales < 0), rows, sales, "sales above 0", hint, name)
        if not self.zero_sales:
            hint = "Leave the row out if the firm was absent, or compare shares: fit: {residual: share}."
            expected = "sales above 0, as log-ratios need"
            report("sales of 0", keep & (sales == 0), rows, sales, expected, hint, name)

    @property
    def _report(self) -> RowReport:
        return RowReport(self.problems, self._where)

    def _where(self, row: np.void, column: str) -> str:
        return describe_place(
            _text_of(self.markets.texts, row["market"]),
            _text_of(self.firms.texts, row["firm"]),
            _text_of(self.times.texts, row["time"]),
            column,
        )


def _text_of(texts: Sequence[str], code: int) -> str | None:
    return None if code == MISSING else texts[code]


def _hint(name: str, index: int) -> str:
    if index == 0:
        return "Leave the whole row out if the firm was absent in this period."
    return f"Fill in {name}; missing efforts are not guessed."
