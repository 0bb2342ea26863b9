"""Wide tables: a row a period, and for every firm a column of sales and others of what it does."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.panel.reading.sample import Column, Sample
from pipeline.proposing.words import LABELS, NUMERIC, identifier, meaning

_SALES = ("sales", "quantity", "share")
_PARTS = re.compile(r"[\s_\-.:/|]+")


@dataclass(frozen=True)
class Wide:
    """How a wide table is read.

    Attributes
    ----------
    firm : str
        Name of the column of firms that is made.
    sales : str
        Name of the column of sales that is made.
    columns : dict of str to dict
        For every column that is made, the column of each firm: `data.columns` of a study.
    left_out : tuple of str
        Columns that only some firms have.
    """

    firm: str
    sales: str
    columns: dict[str, dict[str, str]]
    left_out: tuple[str, ...]


def find_wide(sample: Sample) -> Wide | None:
    """Tell whether a table is wide, from names such as `sales_North` and `North price`; None when it is not.

    It is when at least two firms have a column of sales and one of something else each, and no column of
    names is called a firm.
    """
    if any(
        meaning(name, LABELS) == "firm" and not column.is_number for name, column in sample.columns.items()
    ):
        return None
    numbers = [column for column in sample.columns.values() if column.is_number]
    groups = _groups(numbers)
    for kind in _SALES:
        for stub, of in groups.items():
            if meaning(stub, NUMERIC) == kind and (wide := _with_sales(stub, of, groups, sample)):
                return wide
    # Columns that are called as firms are, beside others with these names in theirs, are their sales.
    for stub, of in groups.items():
        if meaning(stub, NUMERIC) and all(firm in sample.columns for firm in of):
            bare = {firm: firm for firm in of}
            if wide := _with_sales(identifier("sales", sample.columns), bare, groups, sample):
                return wide
    return None


def _groups(numbers: Iterable[Column]) -> dict[str, dict[str, str]]:
    """Group columns by a word at the beginning or end of their names: by stub, the column of each rest."""
    groups: dict[str, dict[str, str]] = {}
    for column in numbers:
        parts = [part for part in _PARTS.split(column.name) if part]
        for cut in range(1, len(parts)):
            for stub, rest in ((parts[:cut], parts[cut:]), (parts[cut:], parts[:cut])):
                # The stub becomes a column that formulas use, the rest the label of a firm.
                name = re.sub(r"\W+", "_", "_".join(stub)).strip("_")
                groups.setdefault(name, {}).setdefault(" ".join(rest), column.name)
    return {stub: of for stub, of in groups.items() if len(of) >= 2}


def _with_sales(
    sales: str, of: dict[str, str], groups: dict[str, dict[str, str]], sample: Sample
) -> Wide | None:
    firms = set(of)
    columns = {sales: of}
    used = set(of.values())
    left_out: list[str] = []
    for stub, others in groups.items():
        mine = {firm: column for firm, column in others.items() if firm in firms and column not in used}
        if stub in firms or not mine:
            continue
        if set(mine) == firms:
            columns[stub] = {firm: mine[firm] for firm in of}
            used |= set(mine.values())
        else:
            left_out += mine.values()
    if len(columns) < 2:
        return None
    left = tuple(column for column in dict.fromkeys(left_out) if column not in used)
    return Wide(identifier("firm", (*sample.columns, *columns)), sales, columns, left)
