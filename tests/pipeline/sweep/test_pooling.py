"""Pooling in a sweep: two stages, one store, and markets that learn from each other."""

import numpy as np
import pytest
import xarray as xr
import zarr

from kernels.motion.shares import simulate_shares
from pipeline.config.load import load_study
from pipeline.panel.open import open_study_panel
from pipeline.status import Status
from pipeline.store.format.layout import STATISTIC_NAMES, SweepState
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.fit_block import assess_baseline
from pipeline.sweep.pooling import population_of_fits

MARKETS, WEEKS, BRANDS = 10, 20, ("A", "B", "C")
MEAN, SPREAD = -2.0, 0.3
STUDY = """
study: pooled
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts: [price]
models:
  form: investment
  response: {name: own, family: mnl, own: price}
  pooling: true
fit: {starts: 1, priors: {price: [0, 5], price.own: [0, 1]}}
validation: {holdout: 0.4}
store: runs
cluster: {kind: serial}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Markets whose price responses come from one population, and noise that hides each of them."""
    path = tmp_path_factory.mktemp("pooling")
    random = np.random.default_rng(5)
    lines = ["store,brand,week,sales,price"]
    for store in range(MARKETS):
        slope = MEAN + SPREAD * random.standard_normal()
        price = random.normal(0.0, 0.3, (WEEKS, 3))
        ones = np.ones(WEEKS)
        share = simulate_shares(
            np.full(3, 1 / 3),
            np.exp(0.5 + slope * price),
            ones,
            ones,
            jump_price=1.0,
            reference_sales=1.0,
            returns_to_scale=0.0,
        )
        sales = share * np.exp(0.3 * random.standard_normal(share.shape))
        lines += [
            f"{store},{brand},{week},{sales[week, i]:.9f},{price[week, i]:.9f}"
            for week in range(WEEKS)
            for i, brand in enumerate(BRANDS)
        ]
    (path / "panel.csv").write_text("\n".join(lines) + "\n")
    (path / "study.yaml").write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def report(folder):
    return run_study(load_study(folder / "study.yaml"))


def group(report, path):
    session = Store.open(report.store).session()
    return zarr.open_group(session.store, path=f"sweeps/{report.sweep}/{path}", mode="r")


def test_both_stages_are_done(report):
    assert report.state == SweepState.DONE
    assert report.done == report.total == 2 * 2 * MARKETS
    for model in ("investment-own", "investment-own-pooled"):
        assert (group(report, f"fits/{model}")["status"][...] == Status.CONVERGED).all()


def test_the_store_says_what_the_markets_have_in_common(report):
    population = group(report, "population/investment-own-pooled")
    names = population["param"][...].tolist()
    assert population["window"][...].tolist() == ["all", "holdout"]
    assert "jump_price" not in names
    mean, spread = (population[name][...][:, names.index("price")] for name in ("mean", "spread"))
    np.testing.assert_allclose(mean, MEAN, atol=0.5)
    assert (spread < 1.0).all()
    assert not np.array_equal(*population["mean"][...]), "the holdout window knows less"


def test_a_pooled_market_is_drawn_to_the_population_and_forecasts_better(report):
    alone, pooled = (group(report, f"fits/investment-own{end}") for end in ("", "-pooled"))
    price = alone["param"][...].tolist().index("price.own.A")
    assert np.std(pooled["value"][:, 0, price]) < np.std(alone["value"][:, 0, price])
    effective = STATISTIC_NAMES.index("n_effective")
    assert (pooled["statistic"][..., effective] < alone["statistic"][..., effective]).all()
    error = group(report, "validation")["error"][...][:, 1].reshape(MARKETS, 2, -1)[:, :, 0]
    assert error[:, 1].mean() < error[:, 0].mean()


def test_a_finished_sweep_is_not_touched_again(report, folder):
    snapshot = Store.open(report.store).session().snapshot_id
    again = run_study(load_study(folder / "study.yaml"))
    assert (again.kept, again.done) == (report.total, 0)
    assert Store.open(report.store).session().snapshot_id == snapshot


def test_an_interrupted_sweep_goes_on_with_the_second_stage(report, folder, monkeypatch):
    study = load_study(folder / "study.yaml", (f"store={folder}/other",))

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.sweep.run.population_of_fits", fail)
        with pytest.raises(KeyboardInterrupt):
            run_study(study)
    resumed = run_study(study)
    assert (resumed.state, resumed.kept) == (SweepState.DONE, 2 * MARKETS)
    for model in ("investment-own", "investment-own-pooled"):
        for name in ("value", "stderr"):
            np.testing.assert_array_equal(
                group(resumed, f"fits/{model}")[name][...], group(report, f"fits/{model}")[name][...]
            )


@pytest.mark.cluster
def test_workers_read_the_same_population(report, folder):
    overrides = (f"store={folder}/cluster", "cluster={kind: local, workers: 2}")
    other = run_study(load_study(folder / "study.yaml", overrides))
    assert other.state == SweepState.DONE
    for model in ("investment-own", "investment-own-pooled"):
        np.testing.assert_array_equal(
            group(other, f"fits/{model}")["value"][...], group(report, f"fits/{model}")["value"][...]
        )


def test_a_pooled_model_is_queried_drawn_and_forecast(report):
    from pipeline.forecasting.open_market import read_market
    from pipeline.results.curves import response_curves
    from pipeline.results.result_store import open_store

    results = open_store(report.store)
    found = results.population("investment-own-pooled").sel(window="all", param="price")
    assert float(found["mean"]) == pytest.approx(MEAN, abs=0.5)
    (curve,) = response_curves(results, 3, "investment-own-pooled", points=5)
    assert curve.effort == "price"
    assert (np.diff(curve.value) < 0.0).all()
    market = read_market(results, 3, "investment-own-pooled", 2)
    fits = results.fits("investment-own-pooled").value.sel(market=3, window="all")
    at = dict(zip(market.names, market.theta.tolist(), strict=True))
    assert at["price"] == fits.sel(param="price").item()
    assert len(market.times) == 2


def fake_fits(value, stderr, names, factor=np.nan):
    shape = value.shape
    statistic = np.full((shape[0], 1, len(STATISTIC_NAMES)), np.nan)
    statistic[..., STATISTIC_NAMES.index("shrinkage")] = factor
    fit = ("market", "window")
    return xr.Dataset(
        {
            "value": ((*fit, "param"), value[:, None]),
            "stderr": ((*fit, "param"), stderr[:, None]),
            "correlation": ((*fit, "param", "param_"), np.tile(np.eye(shape[1]), (shape[0], 1, 1, 1))),
            "statistic": ((*fit, "stat"), statistic),
        },
        coords={"param": names},
    )


def test_markets_own_scales_and_rare_parameters_are_left_out():
    value = np.random.default_rng(0).normal(1.0, 0.1, (8, 4))
    stderr = np.full((8, 4), 0.01)
    value[:, 1], stderr[2:, 2] = 1e6, np.nan
    names = ["price", "jump_price", "price.h", "initial.A"]
    found = population_of_fits(fake_fits(value, stderr, names), ["all"], {})
    assert list(found["all"]) == ["price"]
    mean, spread = found["all"]["price"]
    assert mean == pytest.approx(value[:, 0].mean(), abs=1e-3)
    assert spread == pytest.approx(value[:, 0].std(), rel=0.02)


def test_the_chosen_factor_is_taken_off_with_its_prior():
    """Estimates that are nothing but their prior say nothing, whatever factor it was scaled by."""
    names, factor = ["price"], 0.25
    value, stderr = np.full((9, 1), 0.2), np.full((9, 1), factor * 1.0 * (1 - 1e-9))
    found = population_of_fits(fake_fits(value, stderr, names, factor), ["all"], {"price": (0.2, 1.0)})
    mean, spread = found["all"]["price"]
    assert mean == pytest.approx(0.2)
    assert spread == pytest.approx(1.0, rel=0.05), "still what was believed before"


def test_boosting_learns_from_all_markets_however_they_are_grouped(folder, monkeypatch):
    monkeypatch.chdir(folder)
    study = load_study(
        folder / "study.yaml",
        ("models.pooling=false", "validation.baselines=[boosting, attraction_lagged]", "store=boosted"),
    )
    report = run_study(study)
    session = Store.open(report.store).session()
    group = zarr.open_group(session.store, path=f"sweeps/{report.sweep}/validation", mode="r")
    stored = group["error"][:, 1, 1:, 0, 0]
    assert np.isfinite(stored).all()
    panel = open_study_panel(study)
    everything = panel.load(list(panel.markets))
    part = everything.isel(market=slice(2, 4))
    grouped = assess_baseline(part, "boosting", study, everything)["error"][:, 1, 0, 0]
    np.testing.assert_allclose(grouped, stored[2:4, 0], rtol=1e-12)
    alone = assess_baseline(part, "boosting", study)["error"][:, 1, 0, 0]
    assert not np.allclose(alone, grouped)
