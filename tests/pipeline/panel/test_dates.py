"""Dates that calibrations are made for, and the periods they may see."""

import datetime as dt

import numpy as np
import pytest

from pipeline.errors import PlanError
from pipeline.panel.dates import LogicalDate, Span
from pipeline.panel.stamps import parse_label


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2026-03-31", "2026-03-31"),
        ("2026-03", "2026-03-31"),
        ("2024-02", "2024-02-29"),
        ("2026-Q1", "2026-03-31"),
        ("2025-W01", "2025-01-05"),
        ("2026-03-31T00:00", "2026-03-31"),
        ("2026-03-31T02:30", "2026-03-31T02:30:00"),
        ("2026-03-31T02:30:05Z", "2026-03-31T02:30:05"),
        ("120", "120"),
        ("-3", "-3"),
    ],
)
def test_dates_are_written_in_one_way(text, key):
    date = LogicalDate.parse(text)
    assert date.key == key
    assert LogicalDate.parse(date.key) == date


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "2026-03-31T25:00", "31.3.2026"])
def test_other_texts_are_refused(text):
    with pytest.raises(PlanError, match="expected a date"):
        LogicalDate.parse(text)


def test_dates_have_an_order():
    texts = ["2026-03-31T02:30:00", "2026-04-01", "2026-03-31", "2026-03-31T02:30:01"]
    ordered = sorted(map(LogicalDate.parse, texts))
    assert [date.key for date in ordered] == [texts[2], texts[0], texts[3], texts[1]]
    assert LogicalDate.parse("9") < LogicalDate.parse("10")


def test_of_moments_and_labels():
    assert LogicalDate.of(dt.datetime(2026, 3, 31, tzinfo=dt.UTC)).key == "2026-03-31"
    assert LogicalDate.of_label(np.datetime64("2026-03-31", "s")).key == "2026-03-31"
    assert LogicalDate.of_label(np.int64(7)).key == "7"
    assert LogicalDate.today().key == dt.datetime.now(dt.UTC).date().isoformat()


@pytest.mark.parametrize(
    ("label", "inside"),
    [("2026-03-30", True), ("2026-04-01", False), ("2026-W14", True), ("2026-W15", False), ("2026-03", True)],
)
def test_a_span_holds_what_has_begun(label, inside):
    last = LogicalDate.parse("2026-03-31").ordinal
    assert Span(True, last=last).contains(parse_label(label)) is inside


def test_a_span_says_nothing_of_the_other_kind_of_label():
    assert Span(True, last=0).contains(parse_label("2026"))
    assert Span(False, first=3, last=5).contains(parse_label("4"))
    assert not Span(False, first=3, last=5).contains(parse_label("6"))
    assert not Span(False, first=3).contains_label(np.int64(2))
