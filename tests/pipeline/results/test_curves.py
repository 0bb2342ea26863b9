"""The market function read back from a store: its shape and its band."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.reporting.plots.market import plot_market
from pipeline.results.curves import response_curves
from pipeline.sweep.coordinator import run_study

STUDY = """
study: two-shops
simulate:
  firms: 3
  periods: 40
  total_sales: 50_000_000
  invested: 0.1
  efforts: {discount: {part: 0.5}, place: {part: 0.5}}
  truth:
    response: {discount: linear, place: michaelis_menten}
    parameters: {discount: 2.0, place: 0.3, place.h: 0.05, jump_price: 50_000_000, returns_to_scale: 0.0}
  noise: 0.01
models:
  form: investment
  response: {name: mixed, discount: linear, place: michaelis_menten}
  firm_effects: none
fit: {starts: 4}
cluster: {kind: serial}
store: store
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shops")
    (folder / "study.yaml").write_text(STUDY)
    study = load_study(folder / "study.yaml")
    run_study(study)
    return open_store(study.store_location)


def test_curves_are_the_formula_at_the_estimates(results):
    fit = results.fits("investment-mixed").isel(market=0, window=0)
    theta = {name: fit.value.sel(param=name).item() for name in ("discount", "place", "place.h")}
    efforts = results.panel()["efforts"].isel(market=0).load()
    median = {name: float(np.median(efforts.sel(effort=name))) for name in ("discount", "place")}

    def f(discount, place):
        return theta["discount"] * discount + theta["place"] * place / (theta["place.h"] + place)

    discount, place = response_curves(results, results.panel().market.values[0], "investment-mixed")
    np.testing.assert_allclose(discount.value, f(discount.level, median["place"]), rtol=1e-12)
    np.testing.assert_allclose(place.value, f(median["discount"], place.level), rtol=1e-12)
    seen = efforts.sel(effort="discount").values
    assert discount.level[[0, -1]] == pytest.approx([seen.min(), seen.max()])


def test_bands_agree_with_draws_from_the_covariance(results):
    fit = results.fits("investment-mixed").isel(market=0, window=0).load()
    names = ["discount", "place", "place.h"]
    fit = fit.sel(param=names, param_=names)
    covariance = fit.correlation.values * np.outer(fit.stderr.values, fit.stderr.values)
    # So small that f is linear in the parameters over all draws, as the delta method takes it to be.
    scale = 1e-3
    draws = np.random.default_rng(0).multivariate_normal(fit.value.values, scale**2 * covariance, 20_000)
    _, curve = response_curves(results, results.panel().market.values[0], "investment-mixed", points=7)
    efforts = results.panel()["efforts"].isel(market=0).sel(effort="discount").values
    level = curve.level[:, None]
    f = draws[:, 0] * np.median(efforts) + draws[:, 1] * level / (draws[:, 2] + level)
    expected = 1.96 * f.std(axis=1) / scale
    np.testing.assert_allclose((curve.high - curve.low) / 2, expected, rtol=0.05)


def test_relative_curves_are_one_at_the_median_and_sure_there(results):
    market = results.panel().market.values[0]
    for curve, level in zip(
        response_curves(results, market, "investment-mixed", relative=True),
        response_curves(results, market, "investment-mixed"),
        strict=True,
    ):
        assert (curve.measure, level.measure) == ("f / f(median)", "f")
        np.testing.assert_allclose(curve.value / curve.value[0], level.value / level.value[0], rtol=1e-12)
        seen = results.panel()["efforts"].isel(market=0).sel(effort=curve.effort)
        assert np.interp(np.median(seen), curve.level, curve.value) == pytest.approx(1.0, abs=1e-3)
        nearest = np.argmin(np.abs(curve.level - np.median(seen)))
        assert np.argmin(np.log(curve.high / curve.low)) == nearest
        assert curve.high[-1] / curve.low[-1] < (level.high[-1] / level.low[-1]) * 1.5


FAST = STUDY.replace(
    "{discount: linear, place: michaelis_menten}\n    parameters: {discount: 2.0, place: 0.3, place.h: 0.05,",
    "mnl\n    parameters: {discount: 8.0, place: 6.0,",
).replace(
    "form: investment\n  response: {name: mixed, discount: linear, place: michaelis_menten}\n"
    "  firm_effects: none",
    "form: [investment, proportional]\n  response: [mnl, linear]\n  firm_effects: free",
)


def test_a_level_that_is_unknown_does_not_hide_the_course(tmp_path):
    # Without inertia in the data the constants of exp(...) are seen up to a common term.
    (tmp_path / "study.yaml").write_text(FAST.replace("jump_price: 50_000_000", "jump_price: 50_000"))
    study = load_study(tmp_path / "study.yaml")
    run_study(study)
    results = open_store(study.store_location)
    market = results.panel().market.values[0]
    assert not any(curve.has_level for curve in response_curves(results, market, "investment-mnl"))
    for model, measure in (("investment-mnl", "f / f(median)"), ("proportional-linear", "f - f(median)")):
        for curve in response_curves(results, market, model, relative=True):
            assert curve.measure == measure
            assert np.all(np.isfinite(curve.low)), (model, curve.effort)
            assert np.all(curve.low <= curve.value)
    fit = results.fits("investment-mnl").isel(market=0, window=0).load()
    discount = response_curves(results, market, "investment-mnl", relative=True)[0]
    span = discount.level[-1] - discount.level[0]
    value, error = (fit[name].sel(param="discount").item() for name in ("value", "stderr"))
    assert np.log(discount.value[-1] / discount.value[0]) == pytest.approx(value * span, rel=1e-6)
    ends = np.log(discount.high / discount.low)[[0, -1]]
    assert ends.sum() == pytest.approx(2 * 1.96 * error * span, rel=1e-3)


def test_the_plot_is_drawn_from_a_real_run(results, tmp_path: Path):
    out = plot_market(results, tmp_path / "shops.svg")
    assert "discount" in out.read_text()
