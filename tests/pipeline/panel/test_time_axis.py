import numpy as np
import pytest

from pipeline.panel.stamps import Stamp, parse_label
from pipeline.panel.time_axis import TimeError, build_axis


def axis(*labels, frequency=None):
    return build_axis([parse_label(label) for label in labels], frequency)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("40", Stamp("integer", 40)),
        ("-3", Stamp("integer", -3)),
        ("1970-01-02", Stamp("day", 1)),
        ("1970-01-02T00:00:00", Stamp("day", 1)),
        ("1970-01-02 00:00:00.000000", Stamp("day", 1)),
        ("1970-W02", Stamp("week", 4)),
        ("1970W02", Stamp("week", 4)),
        ("1970-02", Stamp("month", 1)),
        ("1970-Q2", Stamp("quarter", 1)),
        ("1969Q4", Stamp("quarter", -1)),
    ],
)
def test_labels_are_read(text, stamp):
    assert parse_label(text) == stamp


@pytest.mark.parametrize(
    "text",
    [
        "31/03/2026",
        "03-31-2026",
        "2026-13",
        "2026-02-30",
        "2026-W54",
        "2026-Q5",
        "March 2026",
        "2026-03-31 12:00",
        "1.5",
    ],
)
def test_other_labels_are_refused(text):
    assert parse_label(text) is None


def test_gap_is_a_longer_period():
    found = axis("3", "1", "2", "6")
    np.testing.assert_array_equal(found.times, [1, 2, 3, 6])
    np.testing.assert_array_equal(found.period, [0, 1, 2, 5])
    np.testing.assert_array_equal(found.position, [2, 0, 1, 3])


def test_every_fifth_year_is_one_period():
    found = axis("1970", "1975", "1985")
    assert found.frequency == "5"
    np.testing.assert_array_equal(found.period, [0, 1, 3])


def test_named_frequency_overrides_the_common_step():
    found = axis("1970", "1975", "1985", frequency="year")
    assert found.frequency == "1 year"
    np.testing.assert_array_equal(found.period, [0, 5, 15])


@pytest.mark.parametrize(
    ("labels", "frequency", "period"),
    [
        (("2026-01-31", "2026-02-28", "2026-04-30"), "1 month", [0, 1, 3]),
        (("2026-03-31", "2026-06-30", "2026-12-31"), "1 quarter", [0, 1, 3]),
        (("2024-12-31", "2025-12-31", "2027-12-31"), "1 year", [0, 1, 3]),
        (("2026-01-15", "2026-02-15", "2026-03-15"), "1 month", [0, 1, 2]),
        (("2026-01-07", "2026-01-14", "2026-01-28"), "1 week", [0, 1, 3]),
        (("2026-01-05", "2026-01-06", "2026-01-09"), "1 day", [0, 1, 4]),
        (("2025-W52", "2026-W01", "2026-W03"), "1 week", [0, 1, 3]),
        (("2026-01", "2026-02", "2026-05"), "1 month", [0, 1, 4]),
        (("2026-01", "2026-04", "2026-07"), "3 months", [0, 1, 2]),
        (("2026-Q1", "2026-Q2", "2027-Q1"), "1 quarter", [0, 1, 4]),
    ],
)
def test_calendar_is_found(labels, frequency, period):
    found = axis(*labels)
    assert found.frequency == frequency
    np.testing.assert_array_equal(found.period, period)
    assert found.regular


def test_days_keep_their_own_label_and_longer_units_take_the_first_day():
    assert axis("2026-01-31", "2026-02-28").times.astype("datetime64[D]").astype(str).tolist() == [
        "2026-01-31",
        "2026-02-28",
    ]
    assert axis("2026-Q2", "2026-Q1").times.astype("datetime64[D]").astype(str).tolist() == [
        "2026-01-01",
        "2026-04-01",
    ]
    assert axis("2026-W01", "2026-W02").times[0] == np.datetime64("2025-12-29")


def test_days_of_one_named_week_fall_together():
    found = axis("2026-01-05", "2026-01-08", "2026-01-12", frequency="week")
    np.testing.assert_array_equal(found.position, [0, 0, 1])
    assert found.times[0] == np.datetime64("2026-01-05")


def test_irregular_days_count_days():
    found = axis("2026-01-01", "2026-01-04", "2026-01-11", "2026-01-13")
    assert not found.regular
    assert found.frequency == "1 day"


def test_one_date_off_the_grid_is_an_error():
    days = [str(np.datetime64("2026-01-05") + np.timedelta64(7 * week, "D")) for week in range(20)]
    axis(*days)
    days[7] = str(np.datetime64(days[7]) + np.timedelta64(1, "D"))
    with pytest.raises(TimeError, match="multiples of 7 days") as caught:
        axis(*days)
    assert caught.value.label == 7


def test_mixed_kinds_are_an_error_that_names_the_odd_one():
    with pytest.raises(TimeError, match="kind month among labels of kind day") as caught:
        axis("2026-01-01", "2026-02", "2026-01-02")
    assert caught.value.label == 1


@pytest.mark.parametrize(("label", "better"), [("202603", "2026-03"), ("20260331", "2026-03-31")])
def test_dates_without_dashes_are_refused_unless_said_to_be_numbers(label, better):
    with pytest.raises(TimeError) as caught:
        axis(label)
    assert better in caught.value.hint
    assert axis(label, frequency="integer").times[0] == int(label)


def test_frequency_finer_than_the_labels_is_refused():
    with pytest.raises(TimeError, match="month with data\\.frequency: week"):
        axis("2026-01", "2026-02", frequency="week")
