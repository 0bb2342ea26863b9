"""Which columns are the market, the firm, the period and the sales, each with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of
from pipeline.panel.reading.sample import Column, Sample
from pipeline.proposing.periods import Periods, is_counter, read_periods
from pipeline.proposing.wishes import Wishes
from pipeline.proposing.words import LABELS, NUMERIC, SHOP, meaning

_QUESTIONS = {
    "market": "Which column names the market?",
    "firm": "Which column names the firm (brand, shop) whose share is explained?",
    "time": "Which column gives the period?",
    "sales": "Which column holds the firm's sales in the period?",
}
_SALES = ("sales", "quantity", "share")
"""Meanings of columns that shares can be made of, the best first."""


@dataclass
class Roles:
    """What is known of the roles so far.

    Attributes
    ----------
    sample : Sample
        The table.
    wishes : Wishes
        What the user says.
    columns, reasons : dict of str to str
        Column of each role that is known, and why it is that one.
    problems : list of Problem
        What is wrong, or open.
    periods : Periods or None
        The time axis, when the column is known.
    notes : list of str
        Sentences on what was not taken.
    """

    sample: Sample
    wishes: Wishes
    columns: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    periods: Periods | None = None
    notes: list[str] = field(default_factory=list)

    def take(self, role: str, column: str, reason: str) -> None:
        """Give a role to a column."""
        self.columns[role], self.reasons[role] = column, reason

    def free(self) -> list[Column]:
        """List the columns without a role."""
        taken = set(self.columns.values())
        return [column for name, column in self.sample.columns.items() if name not in taken]

    def settle(self, role: str, likely: Sequence[str], got: str) -> None:
        """Ask for a role, or say which option names it."""
        if self.wishes.ask is not None:
            choices = [column.name for column in self.free()]
            self.take(role, self.wishes.ask(_QUESTIONS[role], likely or choices), "you said so")
            return
        known = one_of(self.sample.columns)
        hint = f"Say --{role} COLUMN." if not likely else f"Say --{role} with one of {', '.join(likely)}."
        self.problems.append(Problem("", None, f"the {role}", got, f"a column of the table: {known}", hint))


def guess_roles(sample: Sample, wishes: Wishes) -> Roles:
    """Find the roles of the columns; what remains open is asked for, or is a problem."""
    roles = Roles(sample, wishes)
    for role in ("market", "firm", "time", "sales"):
        column = getattr(wishes, role)
        if column in sample.columns:
            roles.take(role, column, "you said so")
        elif column is not None:
            hint = did_you_mean(column, sample.columns)
            got = f"the column {column}"
            roles.problems.append(Problem("", None, f"--{role}", got, one_of(sample.columns), hint))
    if roles.problems:
        return roles
    _guess_time(roles)
    _guess_sales(roles)
    _guess_labels(roles)
    return roles


def _guess_time(roles: Roles) -> None:
    if "time" in roles.columns:
        _read_time(roles)
        return
    read = {
        column.name: periods
        for column in roles.free()
        if not (column.is_number and not column.is_whole) and (periods := read_periods(column)) is not None
    }
    named = [name for name in read if meaning(name, LABELS) == "time"]
    dated = [name for name in read if read[name].dated]
    counters = [
        name for name in read if is_counter(roles.sample.columns[name]) and not meaning(name, NUMERIC)
    ]
    # A date beside the number of its week: the date says more, and is one for all years.
    for names, reason in (
        ([name for name in named if name in dated], "its name, and its dates"),
        (dated, "the only dates"),
        (named, "its name, and its numbers"),
        ([name for name in counters if not meaning(name, LABELS)], "the only evenly spaced whole numbers"),
    ):
        if len(names) == 1 or (names and names == named):
            best = max(names, key=lambda name: len(roles.sample.columns[name].distinct))
            roles.take("time", best, reason)
            break
    if "time" not in roles.columns:
        got = "several columns of dates" if len(dated) > 1 else "no column that is clearly a period"
        roles.settle("time", dated, got)
    if "time" in roles.columns:
        _read_time(roles)


def _read_time(roles: Roles) -> None:
    """Read the periods, or say that the column holds none."""
    column = roles.sample.columns[roles.columns["time"]]
    roles.periods = read_periods(column)
    if roles.periods is None:
        got = f"the column {column.name} with {', '.join(column.distinct[:2]) or 'nothing'} in it"
        expected = "whole numbers, or dates that are all written alike, of two periods or more"
        hint = "Say --time COLUMN for another one."
        roles.problems.append(Problem("", None, "the time", got, expected, hint))


def _guess_sales(roles: Roles) -> None:
    if "sales" in roles.columns:
        return
    numbers = [column for column in roles.free() if column.is_number and not _is_flag(column)]
    for kind in _SALES:
        named = [column for column in numbers if meaning(column.name, NUMERIC) == kind]
        if named:
            best = min(named, key=lambda column: column.missing)
            others = [column.name for column in named if column is not best]
            reason = f"its name ({kind})" + (f", before {', '.join(others)}" if others else "")
            roles.take("sales", best.name, reason)
            return
    plain = [
        column.name
        for column in numbers
        if not meaning(column.name, NUMERIC)
        and not meaning(column.name, LABELS)
        and (column.numbers >= 0).all()
    ]
    if len(plain) == 1:
        roles.take("sales", plain[0], "the only column of numbers whose name says nothing else")
    else:
        roles.settle("sales", plain, "no column that is clearly sales, a quantity or a share")


def _is_flag(column: Column) -> bool:
    return set(column.distinct) <= {"0", "1", "0.0", "1.0", "0,0", "1,0", "true", "false"}


def _guess_labels(roles: Roles) -> None:
    """Find firm and market among the columns of names, and whole numbers that are called so."""
    candidates = {
        column.name: meaning(column.name, LABELS)
        for column in roles.free()
        if _may_be_label(column, roles.sample.rows)
    }
    candidates = {name: kind for name, kind in candidates.items() if kind != "time"}
    if "firm" not in roles.columns:
        _guess_firm(roles, candidates)
    if "firm" in roles.columns and "market" not in roles.columns and "time" in roles.columns:
        _guess_market(roles, candidates)


def _may_be_label(column: Column, rows: int) -> bool:
    if not 1 < len(column.distinct) <= max(rows // 2, 2):
        return False
    if column.is_number:
        # Stores are often numbers; numbers are names only where they are called so.
        return (
            column.is_whole
            and meaning(column.name, NUMERIC) is None
            and meaning(column.name, LABELS) is not None
        )
    return True


def _guess_firm(roles: Roles, candidates: dict[str, str | None]) -> None:
    names = [name for name in candidates if name not in roles.columns.values()]
    firms = [name for name in names if candidates[name] == "firm"]
    unknown = [name for name in names if candidates[name] is None]
    shops = [name for name in names if meaning(name, SHOP)]
    if len(firms) > 1:
        # Of brand and item the one that leaves one row for each period, or else the broader one.
        keys = [roles.columns[role] for role in ("market", "time") if role in roles.columns]
        firms = [name for name in firms if _is_unique(roles.sample, [*keys, name])][:1] or firms
    if len(firms) == 1:
        roles.take("firm", firms[0], "its name")
    elif not firms and len(names) == 1:
        roles.take("firm", names[0], "the only column of names: all rows are one market")
    elif not firms and not unknown and len(shops) == 1:
        roles.take("firm", shops[0], "its name, beside that of a larger market")
    elif not firms and len(unknown) == 1:
        roles.take("firm", unknown[0], "the only column of names that is not called a market")
    else:
        roles.settle(
            "firm", firms or names, "no column that is clearly the firm" if names else "no names at all"
        )


def _guess_market(roles: Roles, candidates: dict[str, str | None]) -> None:
    keys = [roles.columns["firm"], roles.columns["time"]]
    rest = [name for name in candidates if name not in roles.columns.values()]
    if _is_unique(roles.sample, keys):
        roles.reasons.setdefault("market", "one market: every firm has one row a period")
        for name in rest:
            if candidates[name] == "market":
                roles.notes.append(
                    f"not {name}: every firm has one row a period without it; if firms compete inside one "
                    f"{name} only, say --market {name}."
                )
        return
    making = [name for name in rest if _is_unique(roles.sample, [name, *keys])]
    if not making:  # whole numbers may be names, too, whatever they are called
        whole = [column.name for column in roles.free() if column.is_whole]
        numbers = [name for name in whole if not meaning(name, NUMERIC) and not meaning(name, LABELS)]
        making = [name for name in numbers if _is_unique(roles.sample, [name, *keys])]
    named = [name for name in making if candidates[name] == "market"]
    if len(named) == 1 or len(making) == 1:
        why = "its name, and" if named else "with it"
        roles.take("market", (named or making)[0], f"{why} every firm has one row a period in each")
    elif len(making) > 1:
        roles.settle("market", named or making, "several columns that could be it")
    else:
        _refuse_repeated(roles, keys)


def _is_unique(sample: Sample, names: Sequence[str]) -> bool:
    """Tell whether no two rows agree in some columns."""
    keys = pd.DataFrame({name: sample.columns[name].texts for name in dict.fromkeys(names)})
    return not keys.dropna().duplicated().any()


def _refuse_repeated(roles: Roles, keys: list[str]) -> None:
    other_times = [column.name for column in roles.free() if meaning(column.name, LABELS) == "time"]
    parted = [name for name in other_times if _is_unique(roles.sample, [name, *keys])]
    if parted:
        expected = "one column, such as 2026-W07, 2026-03 or 2026-Q1"
        got = f"a period in two columns, {parted[0]} and {roles.columns['time']}"
        hint = "Join them in the table, and call again."
        roles.problems.append(Problem("", None, "the time", got, expected, hint))
        return
    got = f"several rows with the same {' and '.join(keys)}, and no column of names that tells them apart"
    hint = "Name the columns with --market, --firm and --time, or add the rows up."
    roles.problems.append(Problem("", None, "the rows", got, "one row per market, firm and period", hint))
