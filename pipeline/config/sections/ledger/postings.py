"""The section `data` of a study on accounting postings: what the columns mean, how long a period is."""

from typing import Literal

from pydantic import Field

from pipeline.config.sections.data import DataSection, Efforts, PanelSection
from pipeline.config.sections.file_format import LedgerFormat
from pipeline.config.sections.location import Location
from pipeline.config.sections.types import Section, optional_table

LedgerFrequency = Literal["week", "month", "quarter", "year"]

MARKET, COMPANY, PERIOD, SALES = "market", "company", "period", "sales"
"""Columns of the table that postings are summed to."""


class PostingColumns(Section):
    """Columns of the postings: a row is one posting, a debit or a credit of one account."""

    company: str = Field(default="company", description="Column that names the company.")
    date: str = Field(default="date", description="Column of the date, ISO: 2026-03-31.")
    account: str = Field(default="account", description="Column of the account's code.")
    debit: str = Field(default="debit", description="Column of the amount debited; 0 or empty for a credit.")
    credit: str = Field(
        default="credit", description="Column of the amount credited; 0 or empty for a debit."
    )
    entry: str | None = Field(
        default=None,
        description="Column that tells which postings are one entry, where debits equal credits; by default "
        "`entry` where there is one, else the postings of a company on a day are one.",
    )
    currency: str | None = Field(
        default=None,
        description="Column of the currency, the same in all rows; by default `currency` where there is one.",
    )
    market: str | None = Field(
        default=None, description="Column that names the market; without it all postings are of one market."
    )


class LedgerSection(PanelSection):
    """Accounting postings of the companies of a market, and the accounts they are booked on."""

    ledger: Location = Field(
        description="Path, relative to the study file, or URL of the postings: CSV, Parquet or Excel."
    )
    format: LedgerFormat | None = Field(
        default=None, description="Format of the postings; by default from the ending of the file's name."
    )
    accounts: Location = Field(
        description="Path of a YAML file that says which accounts are sales, expenses, stocks and so on."
    )
    columns: PostingColumns = Field(default=PostingColumns(), description="Columns of the postings.")
    frequency: LedgerFrequency = Field(default="month", description="What postings are summed over.")
    efforts: Efforts = optional_table(
        "The inputs of f: an expense by its name (its part of sales, σ = E/X), a coefficient such as "
        "gross_margin or stocks_days, or a formula over them. By default all expenses."
    )

    @property
    def location(self) -> str:
        """Path or URL of the postings, relative paths taken from the study file's folder."""
        return self.resolve(self.ledger)

    @property
    def accounts_location(self) -> str:
        """Path of the accounts file, relative paths taken from the study file's folder."""
        return self.resolve(self.accounts)

    def table(self, currency: str) -> DataSection:
        """Describe the table that the postings are summed to, of one row per company and period.

        Parameters
        ----------
        currency
            Unit of the sales.
        """
        return DataSection(
            file=self.ledger,
            market=MARKET if self.columns.market is not None else None,
            firm=COMPANY,
            time=PERIOD,
            frequency=self.frequency,
            sales=SALES,
            currency=currency,
            efforts=self.efforts,
            markets=self.markets,
            filter=self.filter,
            reference_sales=self.reference_sales,
        )
