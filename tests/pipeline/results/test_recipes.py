"""The contender `auto`: chosen by what could be known at each origin, and by nothing else."""

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline.config.load import load_study
from pipeline.errors import ConfigError
from pipeline.results.recipes import AUTO, choose, recipe_now, recipes
from pipeline.results.result_store import open_store
from pipeline.results.tables.comparison import compare, read_losses
from pipeline.results.verdict import judge
from pipeline.sweep.coordinator import run_study
from pipeline.validation.windows import Window, windows_of

STUDY = """
study: ladder
data: {file: panel.csv, market: store, firm: brand, time: week, sales: sales, efforts: [price]}
models: auto
fit: {starts: 1}
validation: {holdout: 0.25, origins: 2, step: 2, horizon: 2, baselines: [last, attraction]}
store: runs
cluster: {kind: serial}
"""


def test_the_best_of_the_earlier_forecasts_is_chosen():
    trained = np.array([[20, 8, 10, 12]])  # all, two inner origins, one rolling
    error = np.full((1, 4, 2, 3), np.nan)
    error[0, 1] = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    error[0, 2] = [[3.0, 3.0, 9.0], [1.0, 1.0, 1.0]]
    error[0, 3] = [[9.0, 9.0, 9.0], [0.0, 0.0, 0.0]]
    # Before the second origin only its first two periods ahead are known, and the first model was right.
    assert choose(error, trained, 2) == (0, 2)
    # Before the third: 3 of the first, 2 of the second; the period after it is not seen, nor its own errors.
    assert choose(error, trained, 3) == (1, 5)
    error[0, 3, 1] = 100.0
    assert choose(error, trained, 3) == (1, 5)
    assert choose(error, trained, 0, everything=True) == (0, 9)
    assert choose(error, trained, 1) == (0, 0)


def test_a_model_that_failed_is_not_chosen_by_the_few_that_it_has():
    trained = np.array([[30, 10, 20]])
    error = np.ones((1, 3, 2, 4))
    error[0, :, 1] = [[np.nan] * 4, [0.1, np.nan, np.nan, np.nan], [np.nan] * 4]
    assert choose(error, trained, 2)[0] == 0


def test_inner_windows_lie_before_the_first_origin(folder):
    windows = windows_of(load_study(folder / "study.yaml").validation)
    inner = [window for window in windows if window.kind == "inner"]
    first = next(window for window in windows if window.kind == "rolling").n_training(40)
    assert [window.n_training(40) for window in inner] == [13, 16, 20, 23]
    assert first == 26
    assert all(window.n_training(40) + window.n_ahead(40) <= first for window in inner)
    assert Window("all", "all").n_training(40) == 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stores whose brands respond differently to price."""
    path = tmp_path_factory.mktemp("ladder")
    random = np.random.default_rng(5)
    lines = ["store,brand,week,sales,price"]
    for store in range(4):
        price, ones = random.normal(0.0, 1.0, (40, 3)), np.ones(40)
        share = simulate_shares(
            np.full(3, 1 / 3),
            np.exp(0.5 + np.array([-1.2, 0.0, 0.4]) * price),
            ones,
            ones,
            jump_price=1.0,
            reference_sales=1.0,
            returns_to_scale=0.0,
        )
        sales = share * np.exp(0.05 * random.standard_normal(share.shape))
        lines += [
            f"{store},{brand},{week},{sales[week, i]:.9f},{price[week, i]:.9f}"
            for week in range(40)
            for i, brand in enumerate("ABC")
        ]
    (path / "panel.csv").write_text("\n".join(lines))
    (path / "study.yaml").write_text(STUDY)
    return path


def test_a_ladder_is_every_response_with_slopes_by_firm_and_lags(folder):
    names = [variant.name for variant in load_study(folder / "study.yaml").variants()]
    rungs = ["investment-mnl", "investment-mnl-own", "investment-mnl-lagged"]
    assert names == [*rungs, *(f"{rung}-step" for rung in rungs)]
    with pytest.raises(ConfigError, match="models: auto without forecasts"):
        load_study(folder / "study.yaml", ("validation.origins=0", "validation.holdout=0"))


def test_a_sweep_with_a_ladder_ends_with_an_honest_contender(folder, monkeypatch):
    monkeypatch.chdir(folder)
    overrides = ("validation.inner=2", "uncertainty.intervals=[]")
    report = run_study(load_study(folder / "study.yaml", overrides))
    tables = open_store(report.store).tables
    models = list(tables.info.models)
    assert len(models) == 12  # three rungs and two gains, alone and pooled: there are four stores
    gains = tables.arrays("investment-mnl-step")["value"][
        :, 0, list(tables.params_of("investment-mnl")).index("gain")
    ]
    np.testing.assert_array_equal(gains, 1.0)
    losses = read_losses(tables, "rolling", "given", "rmse")
    assert AUTO in losses.contenders
    assert AUTO not in tables.info.models
    table = recipes(tables)
    assert list(table["window"]) == ["all", "holdout", "rolling-1", "rolling-2"]
    assert (np.diff(table["forecasts"][[2, 3, 1]].astype(int)) > 0).all()
    place = losses.contenders.index(AUTO)
    for window, model in enumerate(table["model"][2:]):
        np.testing.assert_array_equal(
            losses.error[:, window, place], losses.error[:, window, models.index(model)]
        )
    # Brands differ, so a common slope cannot be best.
    assert all("own" in model or "lagged" in model for model in table["model"])
    ranked = compare(losses)
    assert set(ranked["model"]) == {*models, AUTO, "last", "attraction"}
    verdict = judge(tables)
    assert verdict.model == recipe_now(tables) == table["model"][0]
    assert verdict.sentences[0].startswith("Use `auto`")
    priors = open_store(report.store).study.fit.priors
    assert priors["price.own"] == pytest.approx((0.0, 0.5), rel=0.2)
