"""A study with an endogenous price, from file to plan: fitted, stored, asked, read back, and refused."""

import numpy as np
import pandas as pd
import pytest

from pipeline import PlanSettings, flight_plan, open_store
from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.source import open_panel
from pipeline.results.stored_fit import read_fit
from pipeline.sweep.coordinator import run_study
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
