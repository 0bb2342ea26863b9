"""Weak directions of the parameters: found, made sparse, and put into words."""

import numpy as np
import pytest

from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.fitting.uncertainty.weak_directions import (
    WEAK,
    describe_direction,
    describe_directions,
    weak_directions,
)

ONES = np.ones(2)


@pytest.mark.parametrize(
    ("natural", "value", "what"),
    [
        ((1.0, -1.0), (3.0, 5.0), "only their sum is determined"),
        ((1.0, 1.0), (3.0, 5.0), "only their difference is determined"),
        ((3.0, 5.0), (3.0, 5.0), "only their ratio is determined"),
        ((3.0, -5.0), (3.0, 5.0), "only their product is determined"),
        ((1.0, -2.0), (3.0, 5.0), "only discount + 0.5 product is determined"),
        ((1.0, 2.0), (3.0, 5.0), "only discount - 0.5 product is determined"),
    ],
)
def test_two_parameters_that_move_together(natural, value, what):
    sensitivity = np.array([2.0, 0.1])
    loading = np.array(natural) * sensitivity
    loading /= np.linalg.norm(loading)
    # A small loading still takes part when the data see nothing.
    sentence = describe_direction(("discount", "product"), loading, sensitivity, np.array(value), 0.0)
    assert sentence == f"discount and product move together: {what}"


def test_one_parameter_and_many():
    names = ("a", "b", "c")
    value, free = np.array([1.0, 2.0, 4.0]), np.ones(3)
    assert (
        describe_direction(names, np.array([0.0, 1.0, 0.0]), free, value, 0.0)
        == "the data say nothing about b"
    )
    same = np.ones(3) / np.sqrt(3)
    assert "only their differences are determined" in describe_direction(names, same, free, value, 0.0)
    other = np.array([1.0, -0.5, 0.3])
    assert "a, b and c move together: only 2 combinations of them are" in describe_direction(
        names, other, free, value, 0.0
    )
    # Two that come with a fixed one, whose entries are nan.
    some = describe_direction(names, np.array([0.7, np.nan, -0.7]), np.array([1, np.nan, 1.0]), value, 1e-3)
    assert some == "a and c nearly move together: the data tell their sum best"


def test_many_parameters_of_one_kind_are_counted():
    names = ("place", *(f"constant.firm {number}" for number in range(5)), "deal")
    said = describe_direction(names, np.ones(7) / np.sqrt(7), np.ones(7), np.arange(7.0), 0.0)
    assert said == "place, 5 of constant.* and deal move together: only their differences are determined"
    alone = describe_direction(names[1:6], np.ones(5) / np.sqrt(5), np.ones(5), np.arange(5.0), 0.0)
    assert alone.startswith("5 of constant.* move together")


def test_many_directions_are_described_like_one_by_one():
    rng = np.random.default_rng(5)
    names = ("place", "constant.firm 1", "constant.firm 2", "constant.firm 3", "deal")
    # Of one, of two and of more parameters; equal, opposite and other steps; some never free.
    loading = rng.choice([0.0, 0.0, 1.0, -1.0, 0.5], (400, 5))
    loading[:, 0][~loading.any(axis=1)] = 1.0
    sensitivity, value = rng.choice([1.0, 1.0, 1.0, 2.0, np.nan], (400, 5)), rng.choice([1.0, 2.0], (400, 5))
    strength = rng.choice([0.0, 1e-2], 400)
    sentences, places = describe_directions(names, loading, sensitivity, value, strength)
    alone = [
        describe_direction(names, *cell) for cell in zip(loading, sensitivity, value, strength, strict=True)
    ]
    assert sentences[places].tolist() == alone
    assert sentences.tolist() == list(dict.fromkeys(alone))
    assert len(sentences) > 30


def test_null_directions_are_told_apart():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(4, 60))
    # b equals a, d is twice c, e is seen well: two dependencies that an SVD would mix.
    jacobian = np.array([base[0], base[0], base[1], 2.0 * base[1], base[2]])
    strength, loading = weak_directions(covariance_of(jacobian, 1.0))
    assert strength.shape == (2,)
    assert strength.max() < 1e-7
    parts = {tuple(np.flatnonzero(np.abs(row) > 1e-6)) for row in loading}
    assert parts == {(0, 1), (2, 3)}
    np.testing.assert_allclose(np.linalg.norm(loading, axis=1), 1.0)


def test_a_badly_seen_direction_is_weak_and_a_good_one_is_not():
    rng = np.random.default_rng(1)
    first, second, third = rng.normal(size=(3, 50))
    covariance = covariance_of(np.array([first, first + 0.01 * third, second]), 1.0)
    strength, loading = weak_directions(covariance)
    assert covariance.determined.all()
    assert strength.size == 1
    assert strength[0] < WEAK
    assert np.all(np.abs(loading[0, :2]) > 0.5)
    assert weak_directions(covariance_of(np.array([first, second]), 1.0))[0].size == 0


def test_rounding_is_no_sensitivity():
    rng = np.random.default_rng(2)
    jacobian = np.array([rng.normal(size=40), 1e-17 * rng.normal(size=40)])
    blind = covariance_of(jacobian, 1.0, extent=np.array([1.0, 10.0]))
    assert blind.determined.tolist() == [True, False]
    assert covariance_of(jacobian, 1.0).determined.all()
