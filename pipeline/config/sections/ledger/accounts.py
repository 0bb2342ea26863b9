"""The accounts file of a ledger study: which accounts are sales, expenses, assets and liabilities."""

from pydantic import Field

from pipeline.config.sections.types import Integer, OneOrMany, OrNothing, Section, Table, optional_table

Codes = OneOrMany[Integer | str]
"""Codes of accounts; in text `*` stands for anything and `?` for one character."""
Groups = OrNothing[Table[Codes]]
"""Codes of accounts by the name of their group."""


class AccountsSection(Section):
    """The groups of the companies' accounts. Every account with postings belongs to one group."""

    currency: str | None = Field(
        default=None, description="Currency of all postings, the unit of sales; by default from the postings."
    )
    sales: Codes = Field(min_length=1, description="Sales X: credits less debits (returns).")
    cost_of_sales: Codes = Field(default=(), description="Cost of the goods sold: debits less credits.")
    production: Codes = Field(
        default=(),
        description="Value of the production of a period at cost, debits less credits; without it production "
        "is the cost of sales and what stocks have grown by.",
    )
    expenses: Groups = optional_table(
        "Expenses E by type, debits less credits: product, price, promotion, place, indirect, or names of "
        "your own."
    )
    assets: Groups = optional_table("Balances on the debit side: receivables, stocks, or names of your own.")
    liabilities: Groups = optional_table("Balances on the credit side: payables, or names of your own.")
    closing: Codes = Field(
        default=(),
        description="Accounts that sales and expenses are closed to at the end of a year; entries on them "
        "leave sales and expenses as they are.",
    )
    other: Codes = Field(default=(), description="Accounts that are of no interest: cash, capital, taxes.")
