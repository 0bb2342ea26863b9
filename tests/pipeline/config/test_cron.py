"""Cron expressions: what they mean, and what is refused."""

import datetime as dt
import itertools

import pytest
from apscheduler.triggers.cron import CronTrigger

from pipeline.config.cron import CronError, parse_cron
from pipeline.vintages.schedule import make_trigger


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("0 6 * * 1", ((0,), (0,), (6,), None, None, (1,))),
        ("*/15 0-2 1,15 jan-mar *", ((0,), (0, 15, 30, 45), (0, 1, 2), (1, 15), (1, 2, 3), None)),
        ("30 2 * * sun", ((0,), (30,), (2,), None, None, (0,))),
        ("30 2 * * 7", ((0,), (30,), (2,), None, None, (0,))),
        ("30 2 * * 5-7", ((0,), (30,), (2,), None, None, (0, 5, 6))),
        ("0 0 * * 0-6", ((0,), (0,), (0,), None, None, None)),
        ("*/2 * * * * *", (tuple(range(0, 60, 2)), None, None, None, None, None)),
        ("5/20 * * * *", ((0,), (5, 25, 45), None, None, None, None)),
        ("@weekly", ((0,), (0,), (0,), None, None, (0,))),
    ],
)
def test_fields(text, fields):
    cron = parse_cron(text)
    found = (cron.second, cron.minute, cron.hour, cron.day, cron.month, cron.weekday)
    assert found == fields


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 fields"),
        ("6 * *", "3 fields"),
        ("60 * * * *", "'60' as the minute; expected 0 to 59"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day"),
        ("0 0 * 13 *", "jan to dec"),
        ("0 0 * * mo", "sun to sat"),
        ("5-1 * * * *", "ascends"),
        ("*/0 * * * *", "step of at least 1"),
        ("1;2 * * * *", "expected numbers"),
        ("0 0 1 * 1", "either and others as both"),
        ("0 0 31 2,4 *", "never has it"),
        ("0 6 * * 1; rm -rf /", "9 fields|8 fields|expected"),
    ],
)
def test_what_means_nothing_is_refused(text, why):
    with pytest.raises(CronError, match=why):
        parse_cron(text)


@pytest.mark.parametrize(
    ("text", "daily"), [("0 6 * * 1", True), ("@daily", True), ("0 */6 * * *", False), ("* * * * * *", False)]
)
def test_days_with_more_than_one_moment(text, daily):
    assert parse_cron(text).daily_at_most is daily


def moments(trigger, count):
    """The first moments of a trigger from 2028-02-20 on, a Sunday before a leap day."""
    now = dt.datetime(2028, 2, 20, tzinfo=dt.UTC)
    for _ in range(count):
        now = trigger.get_next_fire_time(None, now)
        yield now
        now += dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    ["0 6 * * 1", "0 6 * * 0", "0 6 * * 5-7", "30 1-3 * * mon-fri/2", "*/25 23 28-31 2,3 *", "0 0 29 feb *"],
)
def test_the_scheduler_fires_when_cron_does(text):
    cron = parse_cron(text)
    start = dt.datetime(2028, 2, 20, tzinfo=dt.UTC)
    minutes = (start + dt.timedelta(minutes=number) for number in range(60 * 24 * 60))
    expected = (
        minute
        for minute in minutes
        if all(
            numbers is None or value in numbers
            for numbers, value in (
                (cron.minute, minute.minute),
                (cron.hour, minute.hour),
                (cron.day, minute.day),
                (cron.month, minute.month),
                (cron.weekday, minute.isoweekday() % 7),
            )
        )
    )
    expected = list(itertools.islice(expected, 12))
    assert expected
    assert list(moments(make_trigger(cron), len(expected))) == expected


@pytest.mark.parametrize("text", ["0 6 * * 1", "0 6 * * 0-3", "0 6 * * mon-fri/2"])
def test_why_the_parser_of_the_scheduler_is_not_used(text):
    """It reads these without a word, as other moments than cron; should that end, ours may go."""
    theirs = CronTrigger.from_crontab(text, dt.UTC)
    assert list(moments(theirs, 5)) != list(moments(make_trigger(parse_cron(text)), 5))
