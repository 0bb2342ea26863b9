"""Postings of a ledger to small records of fixed size, with the checks that need one posting at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.config.sections.ledger.chart import Chart
from pipeline.config.sections.ledger.postings import PostingColumns
from pipeline.panel.findings import Problems
from pipeline.panel.reading.labels import MISSING, Labels
from pipeline.panel.reading.numbers import Numbers, read_numbers
from pipeline.panel.reading.tables import Chunk
from pipeline.panel.row_report import RowReport
from pipeline.panel.stamps import parse_label

ASIDE, UNMAPPED = -1, -2
"""In place of a group: the account is not summed, or is not in the accounts file."""
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
whether something is wrong with it, so that sums with it are meaningless."""
_NO_DAY = np.iinfo(np.int64).min
# Sums of amounts beyond this are no money, and overflow.
_LARGEST = 1e100


@dataclass
class PostingEncoder:
    """Turn chunks of postings into records; collect the labels and report what is wrong.

    Attributes
    ----------
    columns : PostingColumns
        Names of the columns; None for entry, currency or market without a column.
    chart : Chart
        The accounts.
    currency : str or None
        The currency of all postings; None until the first one that names it.
    problems : Problems
        Receives what is wrong.
    markets, companies, dates, entries, accounts, currencies : Labels
        Labels so far.
    groups : list of int
        Position of each account's group among the summed ones, or `ASIDE` or `UNMAPPED`; by code.
    unmapped : dict
        Number of postings and first row of every account that is not in the accounts file, by code.
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
        """Give the postings of a chunk, dtype `POSTING`; report what is wrong with them."""
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
        debit, credit = (
            read_numbers(chunk.columns[name], name, self.problems) for name in (columns.debit, columns.credit)
        )
        # What is missing or impossible counts as nothing here; it is reported below.
        debits, credited = (
            np.where(np.abs(numbers.values) <= _LARGEST, numbers.values, 0.0) for numbers in (debit, credit)
        )
        rows["net"] = debits - credited
        rows["gross"] = np.abs(rows["net"])
        no_amount = np.isnan(debit.values) & np.isnan(credit.values)
        blank = (rows["company"] == MISSING) & (dates == MISSING) & (rows["account"] == MISSING) & no_amount
        self._check_labels(rows, dates, ~blank)
        self._check_amounts(rows, ~blank, debit, credit)
        if columns.currency:
            self._check_currency(rows, ~blank, chunk.columns[columns.currency])
        rows["group"] = np.where(rows["bad"], ASIDE, self._groups(rows, ~blank))
        return rows[~blank]

    def _read_days(self, dates: np.ndarray) -> np.ndarray:
        for text in self.dates.texts[len(self._days) :]:
            stamp = parse_label(text)
            self._days.append(stamp.ordinal if stamp is not None and stamp.kind == "day" else _NO_DAY)
        return np.array([*self._days, _NO_DAY])[dates]

    def _check_labels(self, rows: np.ndarray, dates: np.ndarray, keep: np.ndarray) -> None:
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
            rows["bad"] |= missing
            self._report.add(
                "missing labels", missing, rows, lambda _: "nothing", f"the {what}", column=str(column)
            )
        unreadable = keep & (dates != MISSING) & (rows["day"] == _NO_DAY)
        rows["bad"] |= unreadable
        self._report.add(
            "dates that cannot be read",
            unreadable,
            rows,
            lambda position: repr(self.dates.texts[dates[position]]),
            "an ISO date that exists, e.g. 2026-03-31",
            column=columns.date,
        )

    def _check_amounts(self, rows: np.ndarray, keep: np.ndarray, debit: Numbers, credit: Numbers) -> None:
        readable = keep.copy()
        for column, numbers in ((self.columns.debit, debit), (self.columns.credit, credit)):
            readable[numbers.text] = False
            rows["bad"][numbers.text] = True
            self._report.add_texts(numbers, rows, keep, column)
            infinite = readable & (np.abs(numbers.values) > _LARGEST)
            negative = readable & (numbers.values < 0) & ~infinite
            readable &= ~infinite
            rows["bad"] |= infinite | negative
            add, hint = self._report.add_values, "Book a reversal on the other side."
            add(
                "infinite amounts",
                infinite,
                rows,
                numbers.values,
                f"a finite number, at most {_LARGEST:g}",
                "",
                column,
            )
            add("wrong signs", negative, rows, numbers.values, "an amount >= 0", hint, column)
        both = readable & (np.nan_to_num(debit.values) != 0) & (np.nan_to_num(credit.values) != 0)
        neither = readable & np.isnan(debit.values) & np.isnan(credit.values)
        rows["bad"] |= both | neither
        self._report.add(
            "postings on both sides",
            both,
            rows,
            lambda position: f"debit {debit.values[position]:g} and credit {credit.values[position]:g}",
            "a debit or a credit",
            "Make two postings of it.",
        )
        no_amount = "postings without an amount"
        self._report.add(no_amount, neither, rows, lambda _: "no amount", "a debit or a credit")

    def _check_currency(self, rows: np.ndarray, keep: np.ndarray, column: pa.Array) -> None:
        codes = self.currencies.encode(column)
        if self.currency is None and np.any(keep & (codes != MISSING)):
            self.currency = self.currencies.texts[codes[np.flatnonzero(keep & (codes != MISSING))[0]]]
        same = np.array([text == self.currency for text in self.currencies.texts] + [False])
        other = keep & ~same[codes]
        rows["bad"] |= other
        self._report.add(
            "mixed currencies",
            other,
            rows,
            lambda position: _text(self.currencies.texts, codes[position], "nothing"),
            f"{self.currency}, the currency of the ledger",
            "Convert the amounts to one currency first.",
            str(self.columns.currency),
        )

    def _groups(self, rows: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Give the group of every posting; count the postings of accounts without one for the report."""
        summed = self.chart.summed
        for text in self.accounts.texts[len(self.groups) :]:
            mapped = self.chart.find(text)
            if len(mapped) > 1:
                names = " and ".join(".".join(group.key) for group in mapped)
                self.problems.add(
                    "accounts mapped twice", f"account {text}", names, "one group for each account",
                    "Write the full code in the group that it belongs to.",
                )  # fmt: skip
            position = summed.index(mapped[0]) if mapped and mapped[0] in summed else ASIDE
            self.groups.append(position if mapped else UNMAPPED)
        groups = np.array([*self.groups, ASIDE], dtype=np.int32)[rows["account"]]
        for code in np.unique(rows["account"][keep & (groups == UNMAPPED)]).tolist():
            row_numbers = rows["row"][keep & (rows["account"] == code)]
            count, first = self.unmapped.get(code, (0, int(row_numbers[0])))
            self.unmapped[code] = (count + row_numbers.size, first)
        return groups

    def report_unmapped(self, accounts_file: str) -> None:
        """Report each account that is not in the accounts file once."""
        hint = f"Add them to a group in {accounts_file}, or to `other` if they do not matter."
        for code, (count, row) in self.unmapped.items():
            got = f"the account {self.accounts.texts[code]} ({count:,} posting{'s' if count > 1 else ''})"
            expected = "an account of the accounts file"
            where = f"column {self.columns.account}"
            self.problems.add("unmapped accounts", where, got, expected, hint, row=row)

    @property
    def _report(self) -> RowReport:
        return RowReport(self.problems, self._where)

    def _where(self, row: np.void, column: str) -> str:
        parts = [f"company {_text(self.companies.texts, row['company'])}"]
        if self.columns.entry:
            parts.append(f"entry {_text(self.entries.texts, row['entry'])}")
        parts.append(f"account {_text(self.accounts.texts, row['account'])}")
        return ", ".join([*parts, *([f"column {column}"] if column else [])])


def _text(texts: Sequence[str], code: int, missing: str = "?") -> str:
    return missing if code == MISSING else texts[code]
