"""Postings of a ledger to small fixed-size records, checking every one that can be judged on its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.config.sections.ledger.chart import Chart
from pipeline.config.sections.ledger.postings import PostingColumns
from pipeline.panel.findings import Problems, place
from pipeline.panel.reading.labels import MISSING, Labels
from pipeline.panel.reading.numbers import Numbers, number_hint, to_numbers
from pipeline.panel.reading.tables import Chunk
from pipeline.panel.stamps import parse_label

ASIDE, UNMAPPED = -1, -2
"""Groups of accounts that are not summed, and of those that the accounts file does not know."""
POSTING = np.dtype(
    [
        ("row", np.int64),
        ("market", np.int32),
        ("company", np.int32),
        ("day", np.int64),
        ("entry", np.int32),
        ("account", np.int32),
        ("group", np.int32),
        ("net", np.float64),
        ("gross", np.float64),
        ("bad", np.bool_),
    ]
)
"""A posting: codes of labels, day from 1970-01-01, position among the summed groups, debit less credit, and
whether something is wrong with it, so that its sums mean nothing."""
_NO_DAY = np.iinfo(np.int64).min


@dataclass
class PostingEncoder:
    """Turn chunks of postings into records, remembering the labels and reporting what is wrong.

    Attributes
    ----------
    columns : PostingColumns
        Which columns are what; entry, currency and market are None when there is no such column.
    chart : Chart
        The accounts.
    currency : str or None
        What the postings must be in; None until one says.
    problems : Problems
        Takes what is wrong.
    """

    columns: PostingColumns
    chart: Chart
    currency: str | None
    problems: Problems
    markets: Labels = field(default_factory=Labels)
    companies: Labels = field(default_factory=Labels)
    dates: Labels = field(default_factory=Labels)
    entries: Labels = field(default_factory=Labels)
    accounts: Labels = field(default_factory=Labels)
    currencies: Labels = field(default_factory=Labels)
    groups: list[int] = field(default_factory=list)
    unmapped: dict[int, tuple[int, int]] = field(default_factory=dict)
    _days: list[int] = field(default_factory=list)

    def encode(self, chunk: Chunk) -> np.ndarray:
        """Give the postings of a chunk, dtype `POSTING`; what is wrong with them has been reported."""
        assert chunk.rows is not None, "postings come from tables"
        columns = self.columns
        rows = np.zeros(chunk.rows.size, dtype=POSTING)
        rows["row"] = chunk.rows
        rows["company"] = self.companies.encode(chunk.columns[columns.company])
        rows["account"] = self.accounts.encode(chunk.columns[columns.account])
        rows["entry"] = self.entries.encode(chunk.columns[columns.entry]) if columns.entry else 0
        rows["market"] = (
            self.markets.encode(chunk.columns[columns.market]) if columns.market else self.markets.code("all")
        )
        dates = self.dates.encode(chunk.columns[columns.date])
        rows["day"] = self._read_days(dates)
        debit, credit = self._amounts(chunk, columns.debit), self._amounts(chunk, columns.credit)
        rows["net"] = np.nan_to_num(debit.values) - np.nan_to_num(credit.values)
        rows["gross"] = np.abs(rows["net"])
        nothing = np.isnan(debit.values) & np.isnan(credit.values)
        blank = (rows["company"] == MISSING) & (dates == MISSING) & (rows["account"] == MISSING) & nothing
        good = self._check_labels(rows, dates, ~blank)
        self._check_amounts(rows, ~blank, debit, credit)
        if columns.currency:
            self._check_currency(rows, ~blank, chunk.columns[columns.currency])
        rows["bad"] |= ~good
        rows["group"] = np.where(rows["bad"], ASIDE, self._groups(rows, ~blank))
        return rows[~blank]

    def _read_days(self, dates: np.ndarray) -> np.ndarray:
        for text in self.dates.texts[len(self._days) :]:
            stamp = parse_label(text)
            self._days.append(stamp.ordinal if stamp is not None and stamp.kind == "day" else _NO_DAY)
        return np.array([*self._days, _NO_DAY])[dates]

    def _amounts(self, chunk: Chunk, column: str) -> Numbers:
        numbers = to_numbers(chunk.columns[column])
        if numbers is None:
            kind = chunk.columns[column].type
            if self.problems.room("text in numbers", column):
                got = f"a column of type {kind}"
                self.problems.add("text in numbers", f"column {column}", got, "numbers", column=column)
            return Numbers(np.zeros(len(chunk.columns[column])), np.empty(0, dtype=np.int64), [])
        return numbers

    def _check_labels(self, rows: np.ndarray, dates: np.ndarray, keep: np.ndarray) -> np.ndarray:
        good = np.ones(rows.size, dtype=bool)
        columns = self.columns
        labels = [
            ("company", columns.company, rows["company"]),
            ("account", columns.account, rows["account"]),
        ]
        labels += [("date", columns.date, dates)]
        labels += [("entry", columns.entry, rows["entry"])] if columns.entry else []
        labels += [("market", columns.market, rows["market"])] if columns.market else []
        for what, column, codes in labels:
            missing = keep & (codes == MISSING)
            good &= ~missing
            self._each("missing labels", missing, rows, lambda _: "nothing", f"the {what}", "", str(column))
        unreadable = keep & (dates != MISSING) & (rows["day"] == _NO_DAY)
        self._each(
            "dates that cannot be read",
            unreadable,
            rows,
            lambda index: repr(self.dates.texts[dates[index]]),
            "an ISO date that exists, e.g. 2026-03-31",
            "",
            columns.date,
        )
        return good & ~unreadable

    def _check_amounts(self, rows: np.ndarray, keep: np.ndarray, debit: Numbers, credit: Numbers) -> None:
        readable = keep.copy()
        for column, numbers in ((self.columns.debit, debit), (self.columns.credit, credit)):
            for position, got in zip(numbers.text.tolist(), numbers.texts, strict=False):
                readable[position] = False
                rows["bad"][position] = True
                if keep[position]:
                    hint, row = number_hint(got), int(rows["row"][position])
                    where = self._where(rows[position], column)
                    self.problems.add(
                        "text in numbers", where, repr(got), "a number", hint, column=column, row=row
                    )
            infinite = readable & np.isinf(numbers.values)
            readable &= ~infinite
            self._amount("infinite amounts", infinite, rows, numbers, "a finite number", "", column)
            hint = "Book a reversal on the other side."
            self._amount(
                "wrong signs", readable & (numbers.values < 0), rows, numbers, "an amount >= 0", hint, column
            )
        both = readable & (np.nan_to_num(debit.values) != 0) & (np.nan_to_num(credit.values) != 0)
        neither = readable & np.isnan(debit.values) & np.isnan(credit.values)
        expected = "a debit or a credit"
        self._each(
            "postings on both sides",
            both,
            rows,
            lambda index: f"debit {debit.values[index]:g} and credit {credit.values[index]:g}",
            expected,
            "Make two postings of it.",
        )
        self._each("postings without an amount", neither, rows, lambda _: "no amount", expected, "")

    def _check_currency(self, rows: np.ndarray, keep: np.ndarray, column: pa.Array) -> None:
        codes = self.currencies.encode(column)
        if self.currency is None and np.any(keep & (codes != MISSING)):
            self.currency = self.currencies.texts[codes[np.flatnonzero(keep & (codes != MISSING))[0]]]
        same = np.array([text == self.currency for text in self.currencies.texts] + [False])
        self._each(
            "mixed currencies",
            keep & ~same[codes],
            rows,
            lambda index: "nothing" if codes[index] == MISSING else self.currencies.texts[codes[index]],
            f"{self.currency}, the currency of the ledger",
            "Convert the amounts to one currency before.",
            str(self.columns.currency),
        )

    def _groups(self, rows: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Find the group of every posting; accounts that are not mapped are counted, to be reported once."""
        summed = self.chart.summed
        for text in self.accounts.texts[len(self.groups) :]:
            found = self.chart.find(text)
            if len(found) > 1:
                names = " and ".join(".".join(group.key) for group in found)
                self.problems.add(
                    "accounts mapped twice", f"account {text}", names, "one group for an account",
                    "Write the code out in the group that it belongs to.",
                )  # fmt: skip
            position = summed.index(found[0]) if found and found[0] in summed else ASIDE
            self.groups.append(position if found else UNMAPPED)
        groups = np.array([*self.groups, ASIDE], dtype=np.int32)[rows["account"]]
        for code in np.unique(rows["account"][keep & (groups == UNMAPPED)]).tolist():
            own = rows["row"][keep & (rows["account"] == code)]
            count, first = self.unmapped.get(code, (0, int(own[0])))
            self.unmapped[code] = (count + own.size, first)
        return groups

    def report_unmapped(self, accounts_file: str) -> None:
        """Report the accounts that the accounts file does not know, once each."""
        hint = f"Add them to a group in {accounts_file}, or to `other` if they are of no interest."
        for code, (count, row) in self.unmapped.items():
            got = f"the account {self.accounts.texts[code]} ({count:,} posting{'s' if count > 1 else ''})"
            expected = "an account of the accounts file"
            where = f"column {self.columns.account}"
            self.problems.add("unmapped accounts", where, got, expected, hint, row=row)

    def _amount(
        self,
        kind: str,
        wrong: np.ndarray,
        rows: np.ndarray,
        numbers: Numbers,
        expected: str,
        hint: str,
        column: str,
    ) -> None:
        self._each(kind, wrong, rows, lambda index: f"{numbers.values[index]:g}", expected, hint, column)

    def _each(
        self,
        kind: str,
        wrong: np.ndarray,
        rows: np.ndarray,
        got: Callable[[int], str],
        expected: str,
        hint: str,
        column: str = "",
    ) -> None:
        rows["bad"] |= wrong
        self.problems.add_each(
            kind,
            np.flatnonzero(wrong),
            lambda index: (self._where(rows[index], column), got(index), int(rows["row"][index])),
            expected,
            hint,
            column=column,
        )

    def _where(self, row: np.void, column: str) -> str:
        """Name the place of a posting."""
        parts = [f"company {_text(self.companies.texts, row['company'])}"]
        if self.columns.entry:
            parts.append(f"entry {_text(self.entries.texts, row['entry'])}")
        parts.append(f"account {_text(self.accounts.texts, row['account'])}")
        return ", ".join([*parts, *([place(column=column)] if column else [])])


def _text(texts: Sequence[str], code: int) -> str:
    return "?" if code == MISSING else texts[code]
