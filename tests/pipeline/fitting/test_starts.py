import numpy as np
import pytest

from pipeline.fitting.search.starts import distinct, sample_starts

START, LOW, HIGH = np.array([0.5, 2.0, 7.0]), np.array([0.0, 1e-3, 7.0]), np.array([1.0, 1e3, 7.0])
VARY = np.array([True, True, False])


def test_the_first_start_comes_from_the_data_and_fixed_parameters_stay():
    points = sample_starts(START, LOW, HIGH, VARY, 33, 1)
    np.testing.assert_array_equal(points[0], START)
    assert np.all(points[:, 2] == 7.0)
    assert np.all((points >= LOW) & (points <= HIGH))


def test_wide_positive_boxes_are_sampled_by_the_logarithm():
    points = sample_starts(START, LOW, HIGH, VARY, 65, 1)[1:]
    assert np.mean(points[:, 1] < 1.0) == pytest.approx(0.5, abs=0.05)
    assert np.mean(points[:, 0] < 0.5) == pytest.approx(0.5, abs=0.05)


def test_more_starts_extend_fewer_and_the_seed_decides():
    few, many = (sample_starts(START, LOW, HIGH, VARY, count, 5) for count in (5, 40))
    np.testing.assert_array_equal(few, many[:5])
    assert not np.array_equal(many, sample_starts(START, LOW, HIGH, VARY, 40, 6))


def test_one_start_needs_no_box():
    assert sample_starts(START, LOW, HIGH, np.zeros(3, bool), 3, 0).tolist() == [START.tolist()] * 3


def test_distinct_keeps_the_best_of_each_optimum():
    values = np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 1.00000001], [3.0, 0.0]])
    cost = np.array([1.0, 0.5, 1.0, np.inf])
    assert distinct(values, cost, 3).tolist() == [1, 0]
    assert distinct(values, cost, 1).tolist() == [1]
    assert distinct(values, np.full(4, np.inf), 2).size == 0
