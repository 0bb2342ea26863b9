"""The chart of accounts: which group every account belongs to, and on which side its balance is."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pipeline.config.sections.ledger.accounts import AccountsSection
from pipeline.config.sections.ledger.postings import SALES

COST_OF_SALES, PRODUCTION = "cost_of_sales", "production"
ASIDE = "other"
CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that are summed together.

    Attributes
    ----------
    name : str
        ``sales``, an expense, an asset, ...
    kind : str
        ``flow``: what is booked in a period; ``balance``: the amount at its end; ``aside``: neither.
    sign : int
        1 when debits count, -1 when credits do.
    key : tuple of str
        Where the accounts file has it.
    codes : tuple of str
        Codes of its accounts, perhaps with ``*`` and ``?``.
    """

    name: str
    kind: Literal["flow", "balance", "aside"]
    sign: int
    key: tuple[str, ...]
    codes: tuple[str, ...]

    @property
    def side(self) -> str:
        """The side that increases it, debit or credit."""
        return "debit" if self.sign > 0 else "credit"


@dataclass(frozen=True)
class Chart:
    """The groups of accounts, and the group of any account."""

    groups: tuple[Group, ...]

    @property
    def summed(self) -> tuple[Group, ...]:
        """The groups that are summed, flows and balances."""
        return tuple(group for group in self.groups if group.kind != "aside")

    def named(self, kind: str) -> tuple[str, ...]:
        """Give the names of the groups of a kind."""
        return tuple(group.name for group in self.groups if group.kind == kind)

    @property
    def expenses(self) -> tuple[str, ...]:
        """Names of the expenses, in the order of the accounts file."""
        return tuple(group.name for group in self.groups if group.key[0] == "expenses")

    def find(self, account: str) -> tuple[Group, ...]:
        """Find the groups of an account: none when it is not mapped, several when it is mapped twice.

        A code that is written in full takes precedence over one with ``*`` or ``?``.
        """
        exact = tuple(group for group in self.groups if account in group.codes)
        if exact:
            return exact
        return tuple(
            group for group in self.groups if any(fnmatchcase(account, code) for code in group.codes)
        )


def chart_of(accounts: AccountsSection) -> Chart:
    """Make the chart of an accounts file."""
    return Chart(tuple(_groups(accounts)))


def _groups(accounts: AccountsSection) -> Iterator[Group]:
    def codes(written: tuple[int | str, ...]) -> tuple[str, ...]:
        return tuple(str(code).strip() for code in written)

    yield Group(SALES, "flow", -1, ("sales",), codes(accounts.sales))
    for name in (COST_OF_SALES, PRODUCTION):
        if written := getattr(accounts, name):
            yield Group(name, "flow", 1, (name,), codes(written))
    for name, written in accounts.expenses.items():
        yield Group(name, "flow", 1, ("expenses", name), codes(written))
    for key, sign in (("assets", 1), ("liabilities", -1)):
        for name, written in getattr(accounts, key).items():
            yield Group(name, "balance", sign, (key, name), codes(written))
    for name in (CLOSING, ASIDE):
        if written := getattr(accounts, name):
            yield Group(name, "aside", 1, (name,), codes(written))
