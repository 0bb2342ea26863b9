"""Rows of a source to small fixed-size records, checking every cell that can be judged on its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kernels.formula.expression import Expression
from pipeline.config.sections.data import DataSection
from pipeline.panel.dates import Span
from pipeline.panel.findings import Problems, place
from pipeline.panel.reading.labels import MISSING, Labels
from pipeline.panel.reading.numbers import Numbers, number_hint, to_numbers
from pipeline.panel.reading.tables import Chunk
from pipeline.panel.stamps import EXPECTED, Stamp, parse_label

NO_ROW = -1
"""Row number in sources that are no tables."""


def row_dtype(columns: int) -> np.dtype:
    """Give the record of one row: codes of market, firm and period, row number, that many values."""
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
    """Turn chunks into records, remembering the labels and reporting what is wrong.

    Attributes
    ----------
    data : DataSection
        Which columns are what.
    columns : tuple of str
        Columns kept as values; the first one is the sales.
    row_filter : Expression or None
        Rows where it is 0 or nan are left out.
    zero_sales : bool
        Whether sales may be 0.
    single : str
        Label of the only market when no column names it.
    span : Span or None
        Rows of other periods are left out, whatever is in them.
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
        filtered = self.row_filter.names if self.row_filter else ()
        return tuple(dict.fromkeys([key for key in keys if key is not None] + [*self.columns, *filtered]))

    def encode(self, chunk: Chunk) -> np.ndarray:
        """Give the good rows of a chunk, dtype `row_dtype`; missing values are nan and have been reported."""
        size = len(chunk.columns[self.data.firm])
        numbers = self._numbers(chunk)
        keep = self._selected(chunk, numbers)
        rows = np.empty(size, dtype=row_dtype(len(self.columns)))
        rows["row"] = NO_ROW if chunk.rows is None else chunk.rows
        market = self.data.market
        rows["market"] = (
            self.markets.encode(chunk.columns[market]) if market else self.markets.code(self.single)
        )
        rows["firm"] = self.firms.encode(chunk.columns[self.data.firm])
        rows["time"] = self.times.encode(chunk.columns[self.data.time])
        for index, name in enumerate(self.columns):
            rows["values"][:, index] = numbers[name].values
        if self.data.markets is not None:
            keep &= self._in_markets()[rows["market"]]
        keep &= ~self._blank(rows)
        self._read_stamps(rows)
        keep &= self._in_span()[rows["time"]]
        keep &= self._check_labels(rows, keep)
        self._check_numbers(rows, keep, numbers)
        rows = rows[keep]
        for labels, key in ((self.markets, "market"), (self.firms, "firm"), (self.times, "time")):
            labels.used.update(np.unique(rows[key]).tolist())
        return rows

    def _numbers(self, chunk: Chunk) -> dict[str, Numbers]:
        result = {}
        for name in dict.fromkeys([*self.columns, *(self.row_filter.names if self.row_filter else ())]):
            numbers = to_numbers(chunk.columns[name])
            if numbers is None:
                if self.problems.room("text in numbers", name) > 0:
                    got = f"a column of type {chunk.columns[name].type}"
                    self.problems.add("text in numbers", f"column {name}", got, "numbers", column=name)
                size = len(chunk.columns[name])
                numbers = Numbers(np.full(size, np.nan), np.arange(size), [])
            result[name] = numbers
        return result

    def _selected(self, chunk: Chunk, numbers: dict[str, Numbers]) -> np.ndarray:
        """Apply the filter. Text in its columns is always reported: nobody can tell if the row is wanted."""
        size = len(chunk.columns[self.data.firm])
        if self.row_filter is None:
            return np.ones(size, dtype=bool)
        for name in self.row_filter.names:
            if name not in self.columns:
                for row, text in zip(numbers[name].text.tolist(), numbers[name].texts, strict=False):
                    self._text(
                        name, f"column {name}", text, None if chunk.rows is None else int(chunk.rows[row])
                    )
        value = self.row_filter.evaluate({name: numbers[name].values for name in self.row_filter.names})
        return np.broadcast_to(np.nan_to_num(value) != 0, (size,)).copy()

    def _in_markets(self) -> np.ndarray:
        wanted = {str(label) for label in self.data.markets or ()}
        # One entry more than there are labels: rows without a market are judged later, not left out silently.
        return np.array([text in wanted for text in self.markets.texts] + [True])

    def _in_span(self) -> np.ndarray:
        # Labels that cannot be read, and rows without one, are judged later.
        span = self.span
        return np.array(
            [span is None or stamp is None or span.holds(stamp) for stamp in self.stamps] + [True]
        )

    def _blank(self, rows: np.ndarray) -> np.ndarray:
        """Find rows with nothing in them: blank lines of a file."""
        nothing = (rows["firm"] == MISSING) & (rows["time"] == MISSING) & np.isnan(rows["values"]).all(axis=1)
        return nothing & (rows["market"] == MISSING) if self.data.market else nothing

    def _read_stamps(self, rows: np.ndarray) -> None:
        known = len(self.stamps)
        if len(self.times) == known:
            return
        self.stamps += [parse_label(text) for text in self.times.texts[known:]]
        self.time_rows += [NO_ROW] * (len(self.times) - known)
        codes, first = np.unique(rows["time"], return_index=True)
        for code, index in zip(codes.tolist(), first.tolist(), strict=True):
            if code >= known:
                self.time_rows[code] = int(rows["row"][index])

    def _check_labels(self, rows: np.ndarray, keep: np.ndarray) -> np.ndarray:
        good = np.ones(rows.size, dtype=bool)
        for key in ("market", "firm", "time"):
            missing = keep & (rows[key] == MISSING)
            good &= ~missing
            column = getattr(self.data, key)
            self._each(
                "missing labels", missing, rows, column, lambda _: "nothing", f"the name of the {key}", ""
            )
        readable = np.array([stamp is not None for stamp in self.stamps] + [True])
        unreadable = keep & ~readable[rows["time"]]
        hint = "Write ISO dates or whole numbers; a time of day must be midnight."
        self._each(
            "dates that cannot be read",
            unreadable,
            rows,
            self.data.time,
            lambda index: repr(self.times.texts[rows["time"][index]]),
            EXPECTED,
            hint,
        )
        return good & ~unreadable

    def _check_numbers(self, rows: np.ndarray, keep: np.ndarray, numbers: dict[str, Numbers]) -> None:
        for index, name in enumerate(self.columns):
            values = rows["values"][:, index]
            text = np.zeros(rows.size, dtype=bool)
            text[numbers[name].text] = True
            for position, got in zip(numbers[name].text.tolist(), numbers[name].texts, strict=False):
                if keep[position]:
                    self._text(name, self.where(rows[position], name), got, _row(rows[position]))
            missing = keep & np.isnan(values) & ~text
            self._values("missing values", missing, rows, index, "a number", _hint(name, index))
            self._values("infinite values", keep & np.isinf(values), rows, index, "a finite number", "")
        sales = rows["values"][:, 0]
        hint = "Book returns in the period of their sale; leave out the rows of firms that are absent."
        self._values("negative sales", keep & (sales < 0), rows, 0, "sales above 0", hint)
        if not self.zero_sales:
            hint = "Leave the row out if the firm was absent, or compare shares: fit: {residual: share}."
            self._values(
                "sales of 0", keep & (sales == 0), rows, 0, "sales above 0, as log-ratios need", hint
            )

    def _values(
        self, kind: str, wrong: np.ndarray, rows: np.ndarray, index: int, expected: str, hint: str
    ) -> None:
        values = rows["values"][:, index]

        def got(position: int) -> str:
            return "no value" if np.isnan(values[position]) else f"{values[position]:g}"

        self._each(kind, wrong, rows, self.columns[index], got, expected, hint)

    def _each(
        self,
        kind: str,
        wrong: np.ndarray,
        rows: np.ndarray,
        column: str,
        got: Callable[[int], str],
        expected: str,
        hint: str,
    ) -> None:
        self.problems.add_each(
            kind,
            np.flatnonzero(wrong),
            lambda index: (self.where(rows[index], column), got(index), _row(rows[index])),
            expected,
            hint,
            column=column,
        )

    def _text(self, name: str, where: str, got: str, row: int | None) -> None:
        hint = number_hint(got)
        self.problems.add("text in numbers", where, repr(got), "a number", hint, column=name, row=row)

    def where(self, row: np.void, column: str | None = None) -> str:
        """Name the place of a record."""
        return place(
            _text_of(self.markets.texts, row["market"]),
            _text_of(self.firms.texts, row["firm"]),
            _text_of(self.times.texts, row["time"]),
            column or "",
        )


def _row(row: np.void) -> int | None:
    return None if row["row"] == NO_ROW else int(row["row"])


def _text_of(texts: Sequence[str], code: int) -> str | None:
    return None if code == MISSING else texts[code]


def _hint(name: str, index: int) -> str:
    if index == 0:
        return "Leave the whole row out if the firm was absent in this period."
    return f"Fill in {name}; nothing is invented for it."
