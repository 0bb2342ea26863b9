"""Cron expressions: what they mean, and what is refused."""

import pytest

from pipeline.config.sections.cron import CronError, parse_cron


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
