"""Which sweeps of a store are old enough to go, by rule; vintages only when they are named."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.errors import PlanError, QueryError
from pipeline.panel.dates import LogicalDate
from pipeline.results.vintages import Vintage, vintages_of
from pipeline.store.format.layout import SINCE, SweepState
from pipeline.store.index import SweepHead
from pipeline.store.prune import Pruned
from pipeline.store.read import read_sweep
from pipeline.store.store import Store


@dataclass(frozen=True)
class RetentionRule:
    """What may go.

    Attributes
    ----------
    keep
        The newest sweeps of each study stay, this many, and this many of its vintages.
    older_than
        Seconds; what was made later stays. With `keep`, both must allow it.
    vintages
        Patterns of vintages, ``shops@2024-*``: only vintages named so go, with their tags.
    """

    keep: int | None = None
    older_than: float | None = None
    vintages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retention:
    """What goes by a rule.

    Attributes
    ----------
    sweeps
        The oldest first.
    tags
        Of those that are vintages.
    notes
        Sentences about what stays though the rule names it.
    """

    sweeps: tuple[SweepHead, ...]
    tags: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose_old(store: Store, rule: RetentionRule, now: dt.datetime) -> Retention:
    """Choose what goes.

    The newest vintage of a study always stays, since the next one goes on from it; so does the one that an
    unfinished one goes on from.

    Parameters
    ----------
    store
        Which store.
    rule
        What may go.
    now
        The present moment.

    Raises
    ------
    PlanError
        The rule names nothing.
    QueryError
        A pattern fits no vintage.
    """
    if rule.keep is None and rule.older_than is None and not rule.vintages:
        raise PlanError(
            "Say what may go: --keep 10 (sweeps of a study that stay), --older-than 90d, or "
            "--vintage 'study@2024-*' for vintages, which stay unless they are named."
        )
    heads = store.heads()
    tags = {vintage.tag: vintage for vintage in vintages_of(store.tags())}
    for pattern in rule.vintages:
        if not any(fnmatchcase(tag, pattern) for tag in tags):
            raise QueryError(f"No vintage of the store at {store.location.url} is called {pattern}.")
    groups: dict[tuple[str, bool], list[SweepHead]] = defaultdict(list)
    for head in heads:
        groups[head.study, _tag(head, tags) is not None].append(head)
    chosen = [
        head
        for members in groups.values()
        for head in _old(members, rule, now)
        if _may_go(_tag(head, tags), rule)
    ]
    needed = _needed(store, heads, tags)
    stays = (_tag(head, tags) for head in chosen if head.name in needed)
    notes = tuple(f"{tag} stays: the next vintage goes on from it." for tag in stays)
    going = sorted((one for one in chosen if one.name not in needed), key=lambda one: (one.created, one.name))
    named = tuple(tag for head in going if (tag := _tag(head, tags)) is not None)
    return Retention(tuple(going), named, notes)


def prune(store: Store, chosen: Retention) -> Pruned:
    """Remove what was chosen and collect the garbage; see `pipeline.store.prune.prune_store`."""
    return store.prune([head.name for head in chosen.sweeps], chosen.tags)


def _tag(head: SweepHead, tags: dict[str, Vintage]) -> str | None:
    """Give the tag of a sweep that has been published."""
    if head.date is None or head.state != SweepState.DONE:
        return None
    tag = Vintage(head.study, LogicalDate.parse(head.date)).tag
    return tag if tag in tags else None


def _may_go(tag: str | None, rule: RetentionRule) -> bool:
    """Tell whether a sweep, or the vintage of this tag, is one that the rule is about."""
    if tag is None:
        return rule.keep is not None or rule.older_than is not None
    return any(fnmatchcase(tag, pattern) for pattern in rule.vintages)


def _old(members: Sequence[SweepHead], rule: RetentionRule, now: dt.datetime) -> list[SweepHead]:
    newest_first = sorted(members, key=lambda head: (head.date or "", head.created, head.name), reverse=True)
    old = newest_first[rule.keep or 0 :]
    if rule.older_than is None:
        return old
    limit = now - dt.timedelta(seconds=rule.older_than)
    return [head for head in old if dt.datetime.fromisoformat(head.created) < limit]


def _needed(store: Store, heads: Sequence[SweepHead], tags: dict[str, Vintage]) -> set[str]:
    """Names of vintages that later ones go on from."""
    session = store.session()
    published = [head for head in heads if _tag(head, tags) is not None]
    newest: dict[str, SweepHead] = {}
    for head in published:
        known = newest.get(head.study)
        if known is None or LogicalDate.parse(str(known.date)) < LogicalDate.parse(str(head.date)):
            newest[head.study] = head
    since = {
        (head.study, read_sweep(session, head.name).attributes.get(SINCE))
        for head in heads
        if head.date is not None and head.state != SweepState.DONE
    }
    return {head.name for head in newest.values()} | {
        head.name for head in published if (head.study, head.date) in since
    }
