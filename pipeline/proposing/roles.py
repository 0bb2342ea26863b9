"""Which columns are the market, the firm, the period and the sales, each with the reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from pipeline.errors import Problem
from pipeline.names import did_you_mean, one_of
from pipeline.panel.reading.sample import Column, Sample
from pipeline.proposing.periods import Periods, is_counter, read_periods
from pipeline.proposing.wishes import Wishes
from pipeline.proposing.words import LABELS, NUMERIC, SHOP, meaning_of, says_nothing

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

    def labels(self) -> list[Column]:
        """List the columns without a role that may name markets, firms or periods."""
        return [column for column in self.free() if not self.sample.axes or column.name in self.sample.axes]

    def measures(self) -> list[Column]:
        """List the columns without a role that may hold what firms sell and do."""
        return [column for column in self.free() if column.name not in self.sample.axes]

    def means(self, name: str, among: Iterable[str]) -> str | None:
        """Tell what a column is, by its name or title."""
        return meaning_of(self.sample.columns[name], among)

    def source(self, name: str) -> str:
        """Say what tells the meaning of a column: its name, or the title that a dataset gives it."""
        return "its title" if says_nothing(self.sample.columns[name]) else "its name"

    def choices(self, role: str) -> list[str]:
        """Name the columns without a role that may have this one."""
        return [column.name for column in (self.measures() if role == "sales" else self.labels())]

    def settle(self, role: str, likely: Sequence[str], got: str) -> None:
        """Ask for a role, or say which option names it."""
        if self.wishes.ask is not None:
            self.take(role, self.wishes.ask(_QUESTIONS[role], likely or self.choices(role)), "you said so")
            return
        known = one_of(self.choices(role) if self.sample.axes else self.sample.columns)
        hint = f"Say --{role} COLUMN." if not likely else f"Say --{role} with one of {', '.join(likely)}."
        self.problems.append(Problem("", None, f"the {role}", got, f"a column of the table: {known}", hint))


def guess_roles(sample: Sample, wishes: Wishes) -> Roles:
    """Find the roles of the columns; what remains open is asked for, or is a problem."""
    roles = Roles(sample, wishes)
    for role in ("market", "firm", "time", "sales"):
        column = getattr(wishes, role)
        known = roles.choices(role) if sample.axes else list(sample.columns)
        if column in known:
            roles.take(role, column, "you said so")
        elif column is not None:
            hint = did_you_mean(column, known)
            got = f"the column {column}"
            roles.problems.append(Problem("", None, f"--{role}", got, one_of(known), hint))
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
        for column in roles.labels()
        if not (column.is_number and not column.is_whole) and (periods := read_periods(column)) is not None
    }
    named = [name for name in read if roles.means(name, LABELS) == "time"]
    dated = [name for name in read if read[name].dated]
    counters = [
        name for name in read if is_counter(roles.sample.columns[name]) and not roles.means(name, NUMERIC)
    ]
    # A date beside the number of its week: the date says more, and is one for all years.
    for names, reason in (
        ([name for name in named if name in dated], "{}, and its dates"),
        (dated, "the only dates"),
        (named, "{}, and its numbers"),
        (
            [name for name in counters if not roles.means(name, LABELS)],
            "the only evenly spaced whole numbers",
        ),
    ):
        if len(names) == 1 or (names and names == named):
            best = max(names, key=lambda name: len(roles.sample.columns[name].distinct))
            roles.take("time", best, reason.format(roles.source(best)))
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
        got = f"the column {column.name} with {column.example} in it"
        expected = "whole numbers, or dates that are all written alike, of two periods or more"
        hint = "Say --time COLUMN for another one."
        roles.problems.append(Problem("", None, "the time", got, expected, hint))


def _guess_sales(roles: Roles) -> None:
    if "sales" in roles.columns:
        return
    numbers = [column for column in roles.measures() if column.is_number and not _is_flag(column)]
    for kind in _SALES:
        named = [column for column in numbers if meaning_of(column, NUMERIC) == kind]
        if named:
            best = min(named, key=lambda column: column.missing)
            others = [column.name for column in named if column is not best]
            reason = f"{roles.source(best.name)} ({kind})" + (
                f", before {', '.join(others)}" if others else ""
            )
            roles.take("sales", best.name, reason)
            return
    plain = [
        column.name
        for column in numbers
        if not meaning_of(column, NUMERIC) and not meaning_of(column, LABELS) and (column.numbers >= 0).all()
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
        column.name: meaning_of(column, LABELS)
        for column in roles.labels()
        if roles.sample.axes or _may_be_label(column, roles.sample.rows)
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
            column.is_whole and meaning_of(column, NUMERIC) is None and meaning_of(column, LABELS) is not None
        )
    return True


def _guess_firm(roles: Roles, candidates: dict[str, str | None]) -> None:
    names = [name for name in candidates if name not in roles.columns.values()]
    firms = [name for name in names if candidates[name] == "firm"]
    unknown = [name for name in names if candidates[name] is None]
    shops = [name for name in names if roles.means(name, SHOP)]
    if len(firms) > 1:
        # Of brand and item the one that leaves one row for each period, or else the broader one.
        keys = [roles.columns[role] for role in ("market", "time") if role in roles.columns]
        firms = [name for name in firms if _is_unique(roles.sample, [*keys, name])][:1] or firms
    if len(firms) == 1:
        roles.take("firm", firms[0], roles.source(firms[0]))
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
    if roles.sample.axes and rest:
        reason = roles.source(rest[0]) if candidates[rest[0]] == "market" else "the axis that is left"
        roles.take("market", rest[0], reason)
        return
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
        numbers = [name for name in whole if not roles.means(name, NUMERIC) and not roles.means(name, LABELS)]
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
    other_times = [column.name for column in roles.free() if meaning_of(column, LABELS) == "time"]
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
