"""The accounts file of a ledger study: which accounts are sales, expenses, assets and liabilities."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.config.sections.types import Integer, OneOrMany, Section, Table

Codes = OneOrMany[Integer | str]
"""Codes of accounts; in text `*` stands for anything and `?` for one character."""


def _nothing_is_empty(value: Any) -> Any:
    return {} if value is None else value


Groups = Annotated[Table[Codes], BeforeValidator(_nothing_is_empty)]


class AccountsSection(Section):
    """What the accounts of the companies are. Every account that is posted to belongs to one group."""

    currency: str | None = Field(
        default=None, description="Currency of all postings, the unit of sales; by default what they say."
    )
    sales: Codes = Field(min_length=1, description="Sales X: credits less debits (returns).")
    cost_of_sales: Codes = Field(default=(), description="Cost of the goods sold: debits less credits.")
    production: Codes = Field(
        default=(),
        description="Value of the production of a period at cost, debits less credits; without it production "
        "is the cost of sales and what stocks have grown by.",
    )
    expenses: Groups = Field(
        default_factory=dict,
        validate_default=True,
        description="Expenses E by type, debits less credits: product, price, promotion, place, indirect, or "
        "names of your own.",
    )
    assets: Groups = Field(
        default_factory=dict,
        validate_default=True,
        description="Balances on the debit side: receivables, stocks, or names of your own.",
    )
    liabilities: Groups = Field(
        default_factory=dict,
        validate_default=True,
        description="Balances on the credit side: payables, or names of your own.",
    )
    closing: Codes = Field(
        default=(),
        description="Accounts that sales and expenses are closed to at the end of a year; entries on them "
        "leave sales and expenses as they are.",
    )
    other: Codes = Field(default=(), description="Accounts that are of no interest: cash, capital, taxes.")
