"""Vintages: what was believed at a date, kept under a tag that never moves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import PlanError, StoreNotFoundError
from pipeline.panel.dates import LogicalDate
from pipeline.store.format.layout import SweepState
from pipeline.store.index import SweepHead


@dataclass(frozen=True, slots=True)
class Vintage:
    """A published calibration of a study for a date."""

    study: str
    date: LogicalDate

    @property
    def tag(self) -> str:
        """Name of its snapshot: ``orange-juice@2026-03-31``."""
        return f"{self.study}@{self.date}"


def vintages_of(tags: Iterable[str], study: str | None = None) -> tuple[Vintage, ...]:
    """List the vintages among the tags of a store, the oldest date first.

    Parameters
    ----------
    tags
        Names; other tags are passed over.
    study
        Of this study only.
    """
    vintages = []
    for tag in tags:
        name, at, date = tag.rpartition("@")
        if at and study in (None, name):
            try:
                vintages.append(Vintage(name, LogicalDate.parse(date)))
            except PlanError:
                continue
    return tuple(sorted(vintages, key=lambda vintage: vintage.date))


def as_of(tags: Sequence[str], date: LogicalDate, study: str | None, url: str) -> Vintage:
    """Give the newest vintage that is not later than a date.

    Parameters
    ----------
    tags
        Of the store.
    date
        What was believed then is wanted.
    study
        Of this study only.
    url
        Of the store, for the message.

    Raises
    ------
    StoreNotFoundError
        There was none yet.
    """
    known = vintages_of(tags, study)
    earlier = [vintage for vintage in known if not date < vintage.date and vintage.date.dated == date.dated]
    if earlier:
        return earlier[-1]
    listed = ", ".join(vintage.tag for vintage in known[:12]) or "none"
    raise StoreNotFoundError(
        f"The store at {url} has no vintage of {study or 'any study'} up to {date}; its vintages are: "
        f"{listed}. `beed recalibrate STUDY --date D` makes one."
    )


def sweep_of(sweeps: Iterable[SweepHead], vintage: Vintage) -> SweepHead:
    """Find the sweep of a published vintage.

    Raises
    ------
    StoreNotFoundError
        The snapshot does not hold it.
    """
    for head in sweeps:
        same = head.study == vintage.study and head.date == vintage.date.key
        if same and head.state == SweepState.DONE:
            return head
    raise StoreNotFoundError(f"The store has a tag {vintage.tag} and no finished sweep of that date.")


def current(sweeps: Sequence[SweepHead]) -> SweepHead | None:
    """Choose the sweep that is asked when no other is named.

    Parameters
    ----------
    sweeps
        The oldest first.

    Returns
    -------
    SweepHead or None
        The newest; of vintages the one of the latest date. One in the making does not count beside others.
    """
    finished = [head for head in sweeps if head.date is None or head.state == SweepState.DONE]
    if not finished:
        return sweeps[-1] if sweeps else None
    newest = finished[-1]
    if newest.date is None:
        return newest
    dated = [
        (LogicalDate.parse(head.date), head)
        for head in finished
        if head.date is not None and head.study == newest.study
    ]
    return max(dated, key=lambda pair: pair[0])[1]
