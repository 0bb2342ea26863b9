"""Accounting postings as a source of rows: read, checked and summed to one row per company and period."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.config.sections.ledger.chart import CLOSING, Chart
from pipeline.config.sections.ledger.coefficients import table_columns
from pipeline.config.sections.ledger.postings import COMPANY, MARKET, PERIOD, LedgerSection, PostingColumns
from pipeline.names import did_you_mean, one_of
from pipeline.panel.findings import PanelNote, Problems, describe_place
from pipeline.panel.ledger.entries import EntryBook, Repetitions, closing_entries
from pipeline.panel.ledger.openings import Openings
from pipeline.panel.ledger.postings import ASIDE, PostingEncoder
from pipeline.panel.ledger.sums import SERIES, Sums, ledger_table
from pipeline.panel.reading.tables import Chunk, Reader
from pipeline.panel.time_axis import first_days


@dataclass(frozen=True)
class LedgerReader:
    """Rows of the table that postings are summed to. The row number is that of the period's first posting.

    Attributes
    ----------
    columns : tuple of str
        Names of labels, sums and coefficients.
    currency : str
        Of all postings.
    table : DataFrame
        The rows; labels are text.
    notes : tuple of PanelNote
        What is allowed in the postings and worth knowing.
    """

    columns: tuple[str, ...]
    currency: str
    table: pd.DataFrame = field(repr=False)
    notes: tuple[PanelNote, ...] = ()

    def chunks(self, names: Sequence[str], problems: Problems) -> Iterator[Chunk]:  # noqa: ARG002
        """Give all rows."""
        columns = {name: pa.array(self.table[name].to_numpy()) for name in names}
        yield Chunk(columns, self.table["row"].to_numpy(np.int64))


def read_ledger(
    reader: Reader, data: LedgerSection, chart: Chart, currency: str | None, default_unit: str = "currency"
) -> LedgerReader:
    """Read postings chunk by chunk, check all of them and sum them.

    Parameters
    ----------
    reader : Reader
        The postings.
    data : LedgerSection
        Names of the columns, and how long a period is.
    chart : Chart
        The accounts.
    currency : str or None
        That of the accounts file.
    default_unit : str
        Unit of sales when neither the accounts file nor the postings name a currency.

    Raises
    ------
    DataError
        With everything that is wrong, with row numbers: columns, dates, amounts, accounts, entries that do
        not balance, repeated postings, sums on the wrong side.
    """
    problems = Problems(data.location)
    columns = _columns(data.columns, reader.columns, problems)
    problems.raise_if_any()
    encoder = PostingEncoder(columns, chart, currency, problems)
    book, repetitions = EntryBook(columns.entry is not None), Repetitions()
    sums = Sums(chart, data.frequency)
    openings = Openings(chart, data.frequency, book.keys, numbered=book.numbered)
    closing: list[np.ndarray] = []
    for chunk in reader.chunks(_needed(columns, reader.columns), problems):
        rows = encoder.encode(chunk)
        book.add(rows)
        if columns.entry is not None:
            repetitions.add(chunk)
        sums.add(rows)
        openings.add(rows)
        closing.append(rows[_on_closing_accounts(encoder)[rows["account"]]])
    encoder.report_unmapped(data.accounts)
    book.report(encoder, problems)
    repetitions.report(problems)
    problems.raise_if_any()
    if not encoder.companies.texts:
        problems.add("an empty ledger", "", "no postings", "postings of companies, each a debit or a credit")
        problems.raise_if_any()
    if any(part.size for part in closing):
        sums = _without_closing(reader, data, encoder, book, closing)
    cells = sums.cells()
    table = ledger_table(cells, chart, data.frequency)
    _check_sides(cells, table, encoder, data.frequency, problems)
    problems.raise_if_any()
    return LedgerReader(
        table_columns(chart, market=columns.market is not None),
        encoder.currency or default_unit,
        _labelled(table, encoder, data.frequency),
        openings.notes(encoder),
    )


def _columns(named: PostingColumns, available: Sequence[str], problems: Problems) -> PostingColumns:
    """Check that the columns exist; columns called entry and currency are used unless others are named."""
    for key in type(named).model_fields:
        name = getattr(named, key)
        if name is not None and name not in available:
            hint = did_you_mean(name, available) or f"Name the right one in data.columns.{key}."
            where, got = f"data.columns.{key}", f"the column {name}"
            problems.add("unknown columns", where, got, one_of(available), hint)
    usual = {key: key for key in ("entry", "currency") if getattr(named, key) is None and key in available}
    return named.model_copy(update=usual)


def _needed(columns: PostingColumns, available: Sequence[str]) -> list[str]:
    """Name the columns to read; with entries all, because postings that differ in any do not repeat."""
    if columns.entry is not None:
        return list(available)
    return list(dict.fromkeys(name for name in columns.model_dump().values() if name is not None))


def _on_closing_accounts(encoder: PostingEncoder) -> np.ndarray:
    """Tell which accounts are closing accounts, by code."""
    return np.array(
        [any(group.name == CLOSING for group in encoder.chart.find(text)) for text in encoder.accounts.texts],
        dtype=bool,
    )


def _without_closing(
    reader: Reader, data: LedgerSection, encoder: PostingEncoder, book: EntryBook, closing: list[np.ndarray]
) -> Sums:
    """Sum a second time, without the sales and expenses in entries that close the books."""
    keys = closing_entries(book, closing)
    flow = np.array([group.kind == "flow" for group in encoder.chart.summed])
    sums = Sums(encoder.chart, data.frequency)
    already_reported = Problems(data.location)
    for chunk in reader.chunks(_needed(encoder.columns, reader.columns), already_reported):
        rows = encoder.encode(chunk)
        closes = pd.MultiIndex.from_frame(pd.DataFrame(book.keys(rows))).isin(keys)
        rows["group"][closes & (rows["group"] >= 0) & flow[rows["group"]]] = ASIDE
        sums.add(rows)
    return sums


def _check_sides(
    cells: pd.DataFrame, table: pd.DataFrame, encoder: PostingEncoder, frequency: str, problems: Problems
) -> None:
    """Report sums below 0: more credits than debits for expenses, or a balance on the wrong side."""
    if not (table[[group.name for group in encoder.chart.summed]] < 0).any(axis=None):
        return
    cell_of = cells.set_index([*SERIES, "period", "group"]).to_dict("index")
    for position, group in enumerate(encoder.chart.summed):
        negative = table[table[group.name] < 0]
        if group.kind == "balance":  # reported once, in the period in which it turns negative
            negative = negative[~((negative[f"{group.name}_opening"] < 0) & (negative["age"] > 0))]
        for row in negative.to_dict("records"):
            key = (row["market"], row["company"], row["period"], position)
            number = row["row"]
            if key in cell_of:
                cell = cell_of[key]
                number = cell["against"] if cell["amount"] < 0 else cell["row"]
            other = "credit" if group.sign > 0 else "debit"
            amount = row[group.name]
            what = "at its end" if group.kind == "balance" else "in the period"
            problems.add(
                "wrong signs",
                describe_place(
                    encoder.markets.texts[row["market"]] if encoder.columns.market else None,
                    encoder.companies.texts[row["company"]],
                    np.datetime64(int(first_days(np.array([row["period"]]), frequency)[0]), "D"),
                    group.name,
                ),
                f"{amount:,.2f} {what}, more on the {other} side",
                f"{group.name} on the {group.side} side",
                "The row is the first posting that lowers it. Is the account in the right group?",
                column=group.name,
                row=int(number),
            )


def _labelled(table: pd.DataFrame, encoder: PostingEncoder, frequency: str) -> pd.DataFrame:
    """Replace codes by labels: names, and the first days of periods."""
    days = first_days(table["period"].to_numpy(), frequency).astype("datetime64[D]")
    labels = {
        MARKET: np.array(encoder.markets.texts, dtype=object)[table["market"]],
        COMPANY: np.array(encoder.companies.texts, dtype=object)[table["company"]],
        PERIOD: np.datetime_as_string(days).astype(object),
    }
    return table.assign(**labels)
