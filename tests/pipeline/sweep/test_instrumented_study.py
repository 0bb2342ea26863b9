"""A study with an endogenous price, from file to plan: fitted, stored, asked, read back, and refused."""

import numpy as np
import pandas as pd
import pytest

from pipeline import PlanSettings, flight_plan, open_store
from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.source import open_panel
from pipeline.results.stored_fit import read_fit
from pipeline.store.shared.first_stages import read_first_stages
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.first_stages import pool_first_stages
from pipeline.sweep.model_layout import count_columns, describe_model
from pipeline.sweep.plan import plan

STUDY = """
study: managers
data:
  file: table.csv
  market: store
  firm: firm
  time: week
  sales: sales
  efforts: {price: {formula: log(price / market_mean(price))}, deal: }
models: {form: [investment], response: [mnl]}
fit: {starts: 1, endogenous: [null, {price: {instruments: [cost]}}]}
validation: {holdout: 0.2, baselines: [last]}
cluster: {kind: serial}
store: store
"""


def table(seed=0):
    """Three stores whose managers cut prices when demand is weak; every reaction is over within a week."""
    rng = np.random.default_rng(seed)
    frames = []
    for store in (1, 2, 3):
        shock, cost, deal, whim = rng.normal(size=(4, 50, 4))
        price = np.exp(0.3 * (0.7 * shock + 0.7 * (0.8 * cost + 0.6 * whim)))
        level = -1.5 * np.log(price) + 0.3 * deal + 0.05 * shock
        share = np.exp(level) / np.exp(level).sum(axis=1, keepdims=True)
        week, firm = np.indices(share.shape).reshape(2, -1)
        columns = {"sales": 1000 * share, "price": price, "cost": cost, "deal": deal}
        columns = {name: values.ravel() for name, values in columns.items()}
        frames.append(
            pd.DataFrame({"store": store, "firm": np.array(list("ABCD"))[firm], "week": week} | columns)
        )
    return pd.concat(frames)


def write(folder, frame, text=STUDY):
    frame.to_csv(folder / "table.csv", index=False)
    (folder / "study.yaml").write_text(text)
    return load_study(folder / "study.yaml")


@pytest.fixture(scope="module")
def managers(tmp_path_factory):
    study = write(tmp_path_factory.mktemp("managers"), table())
    run_study(study)
    return open_store(study.store_location)


def test_both_models_are_stored_with_what_instruments_say(managers):
    params = managers.select(param="price", window="all", sort="market")
    plain, controlled = (
        params.take(params["model"] == f"investment-mnl-{kind}")["value"]
        for kind in ("exogenous", "instrumented")
    )
    assert len(plain) == len(controlled) == 3
    assert (np.abs(controlled + 1.5) < 0.08).all()
    assert (plain > controlled + 0.03).all()
    rows = managers.sql("select * from endogeneity where \"window\" = 'all'")
    assert set(rows["model"].tolist()) == {"investment-mnl-instrumented"}
    assert set(rows["effort"].tolist()) == {"price"}
    assert (rows["first_stage_f"] > 10).all()
    assert (rows["hausman_t"] > 3).all()
    assert (rows["p"] < 0.01).all()


def test_show_says_it(managers):
    from pipeline.results.tables.uncertainty import describe_instruments

    (sentence,) = describe_instruments(managers.tables, "investment-mnl-instrumented")
    assert sentence.startswith("`price` is instrumented by `cost` (median F ")
    assert "Hausman's test finds it endogenous in 3 of 3 markets at 5 %" in sentence
    assert describe_instruments(managers.tables, "investment-mnl-exogenous") == ()


def test_forecasts_and_plans_need_no_instruments(managers):
    model = "investment-mnl-instrumented"
    wish = {"firm": "A", "market": 1, "by": "+4", "target": 0.3, "prices": {"deal": 1.0}}
    flown = flight_plan(managers, PlanSettings(**wish, model=model, uncertainty={"draws": 0}))
    assert flown.model == model
    assert flown.plan.course.share[-1, flown.place] == pytest.approx(0.3, abs=1e-3)


def test_what_is_read_back_is_what_was_fitted(managers):
    fit = read_fit(managers, 2, "investment-mnl-instrumented")
    assert fit.problem.names[-2:] == ("price.control", "autocorrelation")
    assert np.isfinite(fit.theta).all()
    assert fit.problem.stages[0].f_statistic > 10


def planned(study):
    return plan(
        study,
        open_panel(study),
        describe=lambda variant: describe_model(variant, study, np.array(list("ABCD"))),
        columns=lambda variant, firms: count_columns(variant, study, firms),
    )


def test_instruments_that_never_help_are_refused_before_any_fit(tmp_path):
    frame = table()
    frame["cost"] = frame["week"] * 1.0
    with pytest.raises(DataError) as raised:
        planned(write(tmp_path, frame))
    assert "cost of price does not vary beside constants of firms and periods (market 1" in str(raised.value)


def test_weak_and_missing_ones_are_warned_of(tmp_path):
    frame = table()
    frame.loc[frame["store"] == 1, "cost"] = 1.0
    weak = frame["store"] == 2
    frame.loc[weak, "cost"] = np.random.default_rng(3).normal(size=int(weak.sum()))
    said = [str(warning) for warning in planned(write(tmp_path, frame)).warnings]
    assert any("No first stage in 1 of 3 markets; in market 1 the instrument cost" in one for one in said)
    assert any("of the effort 'price' are weak (F below 10) in 1 of 3 markets" in one for one in said)


POOLED = STUDY.replace(
    "[null, {price: {instruments: [cost]}}]", "{price: {instruments: [cost], STAGE}}"
).replace("STAGE", "first_stage: pooled")


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    study = write(tmp_path_factory.mktemp("pooled"), table(), POOLED)
    run_study(study)
    return open_store(study.store_location)


def test_slopes_of_every_window_are_stored_and_read_at_replay(pooled):
    stages = read_first_stages(pooled.session, pooled.sweep.name, "investment-mnl")
    assert list(stages) == ["all", "holdout"]
    found, before = stages["all"]["price"], stages["holdout"]["price"]
    assert found.labels == before.labels == ("cost", "deal")
    assert found.n_markets == 3
    assert found.slopes[0] != before.slopes[0]
    # Prices are 0.3 * 0.7 * 0.8 of the cost, relative to the mean of the store, in all stores.
    assert found.slopes[0] == pytest.approx(0.168, abs=0.02)
    fit = read_fit(pooled, 2, "investment-mnl")
    np.testing.assert_array_equal(fit.problem.stages[0].slopes, found.slopes)
    residual = fit.problem.residual(fit.theta)[: fit.problem.n_residuals]
    (stored,) = pooled.sql("select chisqr from fits where market = 2 and \"window\" = 'all'")["chisqr"]
    assert residual @ residual == pytest.approx(stored, rel=1e-9)


def test_slopes_do_not_depend_on_how_markets_are_read(pooled):
    study, panel = pooled.study, pooled.lazy_panel.load()
    blocks = [panel.isel(market=[0]), panel.isel(market=[1, 2])]
    stored = read_first_stages(pooled.session, pooled.sweep.name, "investment-mnl")
    for window, by_effort in pool_first_stages(study, study.variants(), blocks)["investment-mnl"].items():
        np.testing.assert_allclose(by_effort["price"].slopes, stored[window]["price"].slopes, rtol=1e-10)
        np.testing.assert_allclose(
            by_effort["price"].covariance, stored[window]["price"].covariance, rtol=1e-8
        )


def test_f_is_that_of_all_markets_and_said_to_be(pooled):
    from pipeline.results.tables.uncertainty import describe_instruments

    rows = pooled.sql("select * from endogeneity where \"window\" = 'all'")
    assert set(rows["first_stage"].tolist()) == {"pooled"}
    assert len(set(rows["first_stage_f"].tolist())) == 1
    (sentence,) = describe_instruments(pooled.tables, "investment-mnl")
    assert "pooled over markets" in sentence
    assert "median" not in sentence


def test_forecasts_and_plans_of_pooled_stages_need_nothing_more(pooled):
    wish = {"firm": "A", "market": 1, "by": "+4", "target": 0.3, "prices": {"deal": 1.0}}
    flown = flight_plan(pooled, PlanSettings(**wish, uncertainty={"draws": 0}))
    assert flown.plan.course.share[-1, flown.place] == pytest.approx(0.3, abs=1e-3)


def test_one_market_has_the_stage_that_it_has_alone(tmp_path):
    frame = table()
    one = write(tmp_path, frame[frame["store"] == 1], POOLED)
    said = [str(warning) for warning in planned(one).warnings]
    assert any("of one market it is the market's own" in sentence for sentence in said)


def test_pooled_instruments_may_be_missing_from_single_markets_but_not_from_all(tmp_path):
    frame = table()
    frame.loc[frame["store"] == 1, "cost"] = 1.0
    assert planned(write(tmp_path, frame, POOLED)).warnings == ()
    frame["cost"] = 1.0
    with pytest.raises(DataError) as raised:
        planned(write(tmp_path, frame, POOLED))
    assert "cost of price does not vary" in str(raised.value)
    assert "(over all 3 markets)" in str(raised.value)


def test_two_markets_are_too_few_to_pool_two_regressors(tmp_path):
    frame = table()
    with pytest.raises(DataError, match="in 2 markets; pooled slopes need more markets"):
        planned(write(tmp_path, frame[frame["store"] != 3], POOLED))
