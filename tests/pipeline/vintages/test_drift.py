"""Drift: changes in standard errors, forecasts against what came, best models; alarms where they are due."""

import json

import growing
import matplotlib.image
import numpy as np
import pytest
from command_line import beed

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import ExitCode, QueryError
from pipeline.models.one_step import forecast_shares
from pipeline.panel.dates import LogicalDate
from pipeline.panel.market import first_periods, market_arrays
from pipeline.reporting.plots.history import plot_history
from pipeline.results.history import history
from pipeline.results.stored_fit import rebuild_model, stored_estimates
from pipeline.store.store import Store
from pipeline.vintages.recalibrate import recalibrate_study

WEEKS = 30
FIRST, SECOND, THIRD = (growing.week(number) for number in (WEEKS - 1, WEEKS, WEEKS + 3))


def shifted(rows, after, factor=3.0):
    """From one week on firm A of market 2 sells much more than its efforts explain."""
    return [
        row | {"sales": row["sales"] * factor}
        if (row["store"], row["brand"]) == (2, "A") and row["week"] > after
        else row
        for row in rows
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three vintages; in the last weeks market 2 is another market."""
    folder = tmp_path_factory.mktemp("drift")
    path = growing.write(folder, shifted(growing.rows(WEEKS + 4), SECOND))
    study = load_study(path)
    return folder, [recalibrate_study(study, LogicalDate.parse(date)) for date in (FIRST, SECOND, THIRD)]


@pytest.fixture
def store(folder):
    return str(folder[0] / "runs")


def sql(store, date, query):
    return open_store(store, date=date).sql(query)


def test_the_first_vintage_has_nothing_to_drift_from(folder, store):
    assert folder[1][0].drift is None
    assert len(sql(store, FIRST, "select * from drift")) == 0


def test_a_market_that_has_changed_is_an_alarm_and_others_are_none(folder, store):
    quiet, loud = folder[1][1].drift, folder[1][2].drift
    assert (quiet.alarm, quiet.drifted.tolist()) == (False, [False, False, False])
    assert (loud.alarm, loud.drifted.tolist()) == (True, [False, True, False])


def test_old_and_new_are_those_of_the_vintages(store):
    table = sql(
        store,
        THIRD,
        "select old, change_stderr, new, change, since, old_stderr from drift "
        "where market = 1 and model = 'investment-mnl' and param = 'price'",
    )
    (old, unit, new, change, since, error) = next(table.rows())
    chosen = {"market": 1, "param": "price", "window": "all"}
    before = open_store(store, date=SECOND).fits("investment-mnl").sel(chosen)
    after = open_store(store, date=THIRD).fits("investment-mnl").sel(chosen)
    assert since == SECOND
    assert (old, error, new) == (float(before["value"]), float(before["stderr"]), float(after["value"]))
    assert change == pytest.approx((new - old) / unit)
    # Nearly all data are those of then: little can have changed by chance.
    assert 0.0 < unit < error
    assert change != 0.0


def test_forecasts_of_then_are_held_against_what_came(store):
    """The forecast of the second vintage, made again by hand from its estimates."""
    old, new = open_store(store, date=SECOND), open_store(store, date=THIRD)
    market = market_arrays(new.panel(), 2)
    past = first_periods(market, WEEKS + 1)
    problem = rebuild_model(old, "investment-mnl", past, ("price", "deal"))
    theta, _ = stored_estimates(old, 2, "investment-mnl", problem)
    share = forecast_shares(problem, theta, market, WEEKS + 1, "estimated", "fitted")
    expected = np.sqrt(np.mean((share - market.share[WEEKS + 1 :]) ** 2))
    row = next(
        sql(
            store,
            THIRD,
            "select distinct periods, forecast_rmse, fit_rmse, baseline_rmse from drift "
            "where market = 2 and model = 'investment-mnl'",
        ).rows()
    )
    assert row[0] == 3
    assert row[1] == pytest.approx(expected)
    assert row[1] > 3 * row[2]
    last = np.sqrt(np.mean((market.share[WEEKS] - market.share[WEEKS + 1 :]) ** 2))
    assert row[3] == pytest.approx(last)


def test_best_models_are_those_of_the_smallest_aicc(store):
    for date, column in ((SECOND, "best_before"), (THIRD, "best_now")):
        fits = open_store(store, date=date)
        scores = {model: fits.fits(model)["aicc"].sel(window="all") for model in fits.models}
        best = {m: min(scores, key=lambda model: float(scores[model].sel(market=m))) for m in (1, 2, 3)}
        rows = sql(store, THIRD, f"select distinct market, {column} from drift").rows()
        assert dict(rows) == best


def test_thresholds_decide(tmp_path):
    path = growing.write(tmp_path, shifted(growing.rows(WEEKS + 4), SECOND))
    overrides = ["models.form=investment", "recalibration.thresholds={change: null, forecast: null}"]
    study = load_study(path, overrides)
    recalibrate_study(study, LogicalDate.parse(SECOND))
    assert recalibrate_study(study, LogicalDate.parse(THIRD)).drift.alarm is False
    few = load_study(
        path, ["models.form=investment", "recalibration.thresholds.markets=0.5", f"store={tmp_path}/b"]
    )
    recalibrate_study(few, LogicalDate.parse(SECOND))
    drift = recalibrate_study(few, LogicalDate.parse(THIRD)).drift
    assert (drift.drifted.sum(), drift.alarm) == (1, False)


def test_a_firm_that_enters_does_not_stop_the_report(tmp_path):
    rows = growing.rows(WEEKS)
    rows += [row for row in growing.rows(WEEKS + 2, firms=("A", "B", "C", "D")) if row["week"] >= SECOND]
    study = load_study(growing.write(tmp_path, rows), ["models.form=investment"])
    recalibrate_study(study, LogicalDate.parse(FIRST))
    drift = recalibrate_study(study, LogicalDate.parse(growing.week(WEEKS + 1))).drift
    assert np.isfinite(drift.models["investment-mnl"].forecast_rmse).all()
    names = open_store(study.store_location).tables.params_of("investment-mnl").tolist()
    assert np.isnan(drift.models["investment-mnl"].change[:, names.index("constant.D")]).all()


def test_the_command_line_says_it_and_leaves_with_its_own_code(tmp_path, capsys):
    path = growing.write(tmp_path, shifted(growing.rows(WEEKS + 4), SECOND))
    options = ("--set", "models.form=investment", "--date")
    assert beed(capsys, "recalibrate", path, *options, SECOND)[0] == 0
    code, out, _ = beed(capsys, "recalibrate", path, *options, THIRD)
    assert code == ExitCode.DRIFT
    assert "1 of 3 markets have drifted beyond the thresholds." in out
    table = out.split("Largest changes, in standard errors of a change")[1].split("Forecasts made")[0]
    changes = [abs(float(line.split("│")[8])) for line in table.splitlines() if line.startswith("│")]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 1.0
    assert "Forecasts made then against what has happened" in out
    assert f"Published shops@{THIRD}: 3 markets calibrated, 0 taken over" in out
    code, out, _ = beed(capsys, "recalibrate", path, *options, THIRD)
    assert code == 0
    assert "has been published before; nothing to do" in out
    store = tmp_path / "runs"
    query = "select distinct market from drift where drifted"
    code, out, _ = beed(capsys, "query", store, "--sql", query, "--format", "json")
    assert json.loads(out) == [{"market": 2}]
    code, out, _ = beed(capsys, "query", store, "--date", SECOND, "--market", 1, "--format", "json")
    assert [row["market"] for row in json.loads(out)] == [1]
    assert beed(capsys, "query", store, "--date", growing.week(2))[0] == ExitCode.STORE
    assert beed(capsys, "show", store, "--date", SECOND)[0] == 0
    assert THIRD in beed(capsys, "runs", store)[1]
    out = " ".join(beed(capsys, "check", path)[1].split())
    assert "on the schedule '0 6 * * 1' (UTC), window expanding, drift beyond 3 standard errors" in out


def test_history_of_a_market(store):
    table = history(Store.open(store), market=[2], model="investment-mnl", param="price")
    assert table["date"].tolist() == [FIRST, SECOND, THIRD]
    for date, value, error, low in zip(
        *(table[name] for name in ("date", "value", "stderr", "low")), strict=True
    ):
        fit = open_store(store, date=date).fits("investment-mnl").sel(market=2, param="price", window="all")
        assert (value, error) == (float(fit["value"]), float(fit["stderr"]))
        assert low == pytest.approx(value - 1.96 * error, rel=1e-4)


def test_history_of_all_markets_is_their_median(store):
    table = history(Store.open(store), model="investment-mnl", param="pri*")
    values = open_store(store, date=THIRD).fits("investment-mnl")["value"].sel(param="price", window="all")
    assert table["value"][-1] == pytest.approx(float(values.median()))
    assert set(table["market"].tolist()) == {"(all)"}
    assert len(history(Store.open(store))) > len(table)


@pytest.mark.parametrize("wrong", [{"param": "prize"}, {"model": "hill"}, {"market": [9]}, {"study": "bars"}])
def test_what_has_no_history_is_refused(store, wrong):
    with pytest.raises(QueryError):
        history(Store.open(store), **wrong)


def test_history_is_drawn(store, tmp_path, capsys):
    picture = tmp_path / "history.png"
    code, out, err = beed(
        capsys, "history", store, "--market", 1, "--market", 2, "--plot", picture, "--format", "csv"
    )
    assert code == 0
    assert out.startswith("date,market,model,param,value,stderr,low,high\n")
    assert "Drawn into" in err
    pixels = matplotlib.image.imread(picture)
    assert pixels.std() > 0.05
    table = history(Store.open(store), market=[1, 2, 3], model="*", param="*")
    with pytest.raises(QueryError, match=r"\.svg"):
        plot_history(table, tmp_path / "history.gif")
    many = history(Store.open(store), market=[1, 2, 3], model="*", param="price")
    assert plot_history(many, tmp_path / "many.svg").exists()


def test_only_the_law_drifts(folder):
    """Gain and first shares say how the data came about; they are stored, not compared."""
    drift = folder[1][2].drift.models["investment-mnl"]
    names = open_store(str(folder[0] / "runs")).tables.params_of("investment-mnl").tolist()
    apart = [name == "gain" or name.startswith("initial.") for name in names]
    assert sum(apart) == 4
    assert np.isnan(drift.change[:, apart]).all()
    assert np.isfinite(drift.change[:, [names.index("price"), names.index("deal")]]).all()
