"""Vintages: once for a date, from what has changed, honest about what could be known, never rewritten."""

import threading
from pathlib import Path

import growing
import numpy as np
import pytest
import slow_market
from places import SUPPORT

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.errors import BusyError, DataError, ExitCode, StoreNotFoundError
from pipeline.panel.dates import LogicalDate
from pipeline.store.format.layout import SweepState
from pipeline.store.locks import recalibration_held
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study
from pipeline.sweep.progress import Watcher
from pipeline.vintages.recalibrate import recalibrate_study


@pytest.fixture
def slow(monkeypatch, tmp_path):
    """Fits that take no time and leave a trace of every market fitted."""
    (tmp_path / "trace").mkdir()
    monkeypatch.setenv("SLOW_TRACE", str(tmp_path / "trace"))
    monkeypatch.setattr("pipeline.sweep.plan.LARGEST_CHUNK", 2)
    return slow_market


def make(folder, date, *overrides, calibrator=None, **options):
    study = load_study(folder / "study.yaml", overrides)
    when = None if date is None else LogicalDate.parse(date)
    return recalibrate_study(study, when, calibrator=calibrator, **options)


def fitted(folder):
    """Markets fitted since the last call."""
    return sorted({market for _, market in fits_made(folder)})


def fits_made(folder):
    """Models and markets fitted since the last call."""
    found = [path.name.rpartition("-")[::2] for path in (folder / "trace").iterdir()]
    for path in (folder / "trace").iterdir():
        path.unlink()
    return sorted((model, int(market)) for model, market in found)


def values(store, date, model="investment-mnl"):
    return open_store(store, date=date).fits(model).load()


def test_a_date_is_calibrated_once(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12))
    first = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    assert (first.outcome, first.fitted, first.carried) == ("published", 3, 0)
    assert first.vintage.tag == f"shops@{growing.week(11)}"
    assert fitted(tmp_path) == [1, 2, 3]
    snapshot = Store.open(first.store).session().snapshot_id
    again = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    assert again.outcome == "done"
    assert fitted(tmp_path) == []
    assert Store.open(first.store).session().snapshot_id == snapshot


def test_only_what_has_changed_is_fitted_and_the_vintage_is_complete(tmp_path, slow):
    found = growing.rows(12, markets=(1, 2, 3, 4, 5))
    growing.write(tmp_path, found)
    first = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    fitted(tmp_path)
    # One value of one market is revised; another market has a new week; one firm of a third is new.
    revised = [dict(row) for row in found]
    for row in revised:
        if (row["store"], row["brand"], row["week"]) == (2, "B", growing.week(3)):
            row["sales"] *= 1.01
    revised += [row for row in growing.rows(13, markets=(4,)) if row["week"] == growing.week(12)]
    growing.write(tmp_path, revised)
    second = make(tmp_path, growing.week(12), calibrator=slow.CALIBRATOR, accept=True)
    assert fitted(tmp_path) == [2, 4]
    assert (second.fitted, second.carried) == (2, 3)
    old, new = values(first.store, growing.week(11)), values(first.store, growing.week(12))
    assert new.sizes["market"] == 5
    assert (new["status"] == 1).all()
    for market in (1, 3, 5):
        for name in ("value", "stderr", "correlation", "start_cost", "aic", "interval", "status"):
            np.testing.assert_array_equal(new[name].sel(market=market), old[name].sel(market=market))
    share = open_store(first.store).trajectories("investment-mnl")["share"].load()
    assert share.sizes["time"] == 13
    before = open_store(first.store, date=growing.week(11)).trajectories("investment-mnl")["share"].load()
    np.testing.assert_array_equal(share.sel(market=3)[..., :12], before.sel(market=3))
    assert np.isnan(share.sel(market=3)[..., 12]).all()


def test_baselines_and_windows_are_taken_over_too(tmp_path, slow):
    validation = "validation={holdout: 0.25, baselines: [last]}"
    found = growing.rows(12)
    growing.write(tmp_path, found)
    make(tmp_path, growing.week(11), validation, calibrator=slow.CALIBRATOR)
    found[0]["sales"] *= 2
    growing.write(tmp_path, found)
    second = make(tmp_path, growing.week(12), validation, calibrator=slow.CALIBRATOR)
    assert second.carried == 2
    errors = open_store(second.store, date=growing.week(12)).validation()["error"].load()
    assert errors.sel(model="last").notnull().all()
    assert errors.sel(model="investment-mnl").notnull().all()


def test_another_study_fits_everything_again(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12))
    make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    report = make(tmp_path, growing.week(12), "seed=5", calibrator=slow.CALIBRATOR)
    assert report.fitted == 3
    assert "The study has changed" in report.why


def test_later_data_are_not_looked_at(tmp_path, slow):
    """A replay sees what was known then, even when what came later is broken."""
    growing.write(tmp_path, growing.rows(12))
    first = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    later = [row for row in growing.rows(14, firms=("A", "B", "C", "D")) if row["week"] > growing.week(11)]
    for row in later:
        row["sales"] = "none"
    growing.write(tmp_path, growing.rows(12) + later)
    replay = make(tmp_path, growing.week(11), f"store={tmp_path}/other", calibrator=slow.CALIBRATOR)
    one, two = open_store(first.store), open_store(replay.store)
    assert one.sweep.data_hash == two.sweep.data_hash
    assert two.panel()["firm"].values.tolist() == ["A", "B", "C"]


def test_a_rolling_window_forgets(tmp_path, slow):
    growing.write(tmp_path, growing.rows(20))
    report = make(tmp_path, growing.week(15), "recalibration.window=rolling 10", calibrator=slow.CALIBRATOR)
    times = open_store(report.store).panel()["time"].values.astype("datetime64[D]").astype(str)
    assert times.tolist() == [growing.week(number) for number in range(6, 16)]
    second = make(tmp_path, growing.week(17), "recalibration.window=rolling 10", calibrator=slow.CALIBRATOR)
    assert second.outcome == "published"
    assert open_store(report.store).panel()["time"].size == 10


def test_young_figures_can_wait(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12))
    report = make(tmp_path, growing.week(11), "recalibration.delay=7", calibrator=slow.CALIBRATOR)
    assert open_store(report.store).panel()["time"].size == 11


def test_periods_that_are_numbers(tmp_path, slow):
    found = growing.rows(12)
    for row in found:
        row["week"] = [growing.week(number) for number in range(12)].index(row["week"]) + 1
    growing.write(tmp_path, found, growing.STUDY.replace('schedule: "0 6 * * 1", ', ""))
    assert make(tmp_path, "8", calibrator=slow.CALIBRATOR).vintage.tag == "shops@8"
    assert make(tmp_path, None, calibrator=slow.CALIBRATOR).vintage.tag == "shops@12"
    with pytest.raises(DataError, match="periods that are numbers"):
        make(tmp_path, "2026-03-31", calibrator=slow.CALIBRATOR)


def test_history_is_readable_by_date_and_never_rewritten(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12))
    first = make(tmp_path, growing.week(9), calibrator=slow.CALIBRATOR)
    before = values(first.store, growing.week(9))
    make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    # The newest date that is not later, whatever was made when.
    make(tmp_path, growing.week(10), calibrator=slow.CALIBRATOR)
    store = first.store
    assert open_store(store).sweep.attributes["logical_date"] == growing.week(11)
    assert open_store(store, sweep="shops").sweep.attributes["logical_date"] == growing.week(11)
    for asked, found in ((9, 9), (10, 10), (11, 11), (30, 11)):
        opened = open_store(store, date=growing.week(asked))
        assert opened.sweep.attributes["logical_date"] == growing.week(found)
    between = str(np.datetime64(growing.week(10)) + np.timedelta64(3, "D"))
    assert open_store(store, date=between).sweep.attributes["logical_date"] == growing.week(10)
    assert values(store, growing.week(9)).identical(before)
    with pytest.raises(StoreNotFoundError, match=rf"up to {growing.week(3)}; its vintages are: shops@"):
        open_store(store, date=growing.week(3))
    with pytest.raises(StoreNotFoundError, match="no vintage of bars"):
        open_store(store, date=growing.week(11), sweep="bars")


def test_interrupted_work_is_resumed_and_not_current(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12, markets=range(1, 9)))
    make(tmp_path, growing.week(10), calibrator=slow.CALIBRATOR)
    fitted(tmp_path)
    stop = threading.Event()

    class StopSoon(Watcher):
        def progress(self, done, failed, workers):
            stop.set()

    part = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR, watcher=StopSoon(), stop=stop)
    assert part.outcome == "interrupted"
    assert part.run.state == SweepState.INTERRUPTED
    done = fits_made(tmp_path)
    assert 0 < len(done) < 16
    assert open_store(part.store).sweep.attributes["logical_date"] == growing.week(10)
    whole = make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    assert whole.outcome == "published"
    rest = fits_made(tmp_path)
    assert len(done) + len(rest) == 16
    assert not set(done) & set(rest)
    assert open_store(part.store).sweep.attributes["logical_date"] == growing.week(11)


def test_who_is_at_it_is_said(tmp_path, slow):
    growing.write(tmp_path, growing.rows(12))
    store = Path(make(tmp_path, growing.week(10), calibrator=slow.CALIBRATOR).store)
    with recalibration_held(store), pytest.raises(BusyError) as busy:
        make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    assert busy.value.exit_code == ExitCode.BUSY
    assert str(busy.value).count("process ") == 1
    assert " since 20" in str(busy.value)
    assert make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR).outcome == "published"


def test_crashed_fits_are_not_taken_over(tmp_path, slow, monkeypatch):
    from pipeline.status import Status

    growing.write(tmp_path, growing.rows(12))
    plain = slow.results

    def crashed(panel, model, study):
        arrays = plain(panel, model, study)
        arrays["status"][panel["market"].values == 2] = Status.WORKER_CRASHED
        return arrays

    monkeypatch.setattr(slow, "results", crashed)
    make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    monkeypatch.setattr(slow, "results", plain)
    assert make(tmp_path, growing.week(12), calibrator=slow.CALIBRATOR).fitted == 1


def test_the_same_numbers_as_a_run_and_warm_starts_lead_to_the_same_optimum(tmp_path):
    """Real fits: the first vintage is `beed run`; the second starts from the first, with fewer points."""
    growing.write(tmp_path, growing.rows(30, markets=(1, 2)))
    first = make(tmp_path, growing.week(29))
    run = run_study(load_study(tmp_path / "study.yaml", [f"store={tmp_path}/run"]))
    expected = open_store(run.store).fits("investment-mnl").load()
    vintage = values(first.store, growing.week(29))
    for name in ("value", "stderr", "aic", "start_cost"):
        np.testing.assert_array_equal(vintage[name], expected[name])

    found = growing.rows(31, markets=(1, 2))
    growing.write(tmp_path, found)
    second = make(tmp_path, growing.week(30))
    warm = values(second.store, growing.week(30))
    cold = open_store(run_study(load_study(tmp_path / "study.yaml", [f"store={tmp_path}/cold"])).store).fits(
        "investment-mnl"
    )
    np.testing.assert_allclose(warm["rmse"], cold["rmse"], rtol=1e-6)
    seen = {"param": ["price", "deal"]}
    np.testing.assert_allclose(warm["value"].sel(seen), cold["value"].sel(seen), rtol=1e-4)
    # The data's own start and the last calibration; fit.starts are four.
    assert warm["start_cost"].notnull().sum("start").values.tolist() == [[2], [2]]


def test_warm_starts_find_what_fresh_ones_would_miss(tmp_path, monkeypatch):
    """With one evaluation a start, only the one that begins at the optimum ends there."""
    growing.write(tmp_path, growing.rows(30, markets=(1,)))
    overrides = ("models.form=investment",)
    make(tmp_path, growing.week(28), *overrides)
    monkeypatch.setattr("pipeline.fitting.search.screen.EVALUATIONS", 1)
    second = make(tmp_path, growing.week(29), *overrides)
    cost = values(second.store, growing.week(29))["start_cost"].values[0, 0]
    assert cost[1] < 0.5 * cost[0]


def test_pooled_models_follow_any_change(tmp_path):
    overrides = ("models.form=investment", "models.pooling=true")
    found = growing.rows(20)
    growing.write(tmp_path, found)
    make(tmp_path, growing.week(19), *overrides)
    found[0]["sales"] *= 1.5
    growing.write(tmp_path, found)
    report = make(tmp_path, growing.week(20), *overrides)
    assert (report.fitted, report.carried) == (1, 2)
    old, new = (open_store(report.store, date=growing.week(number)) for number in (19, 20))
    same = {
        model: new.fits(model)["value"].sel(market=3).equals(old.fits(model)["value"].sel(market=3))
        for model in new.models
    }
    assert same == {"investment-mnl": True, "investment-mnl-pooled": False}


@pytest.mark.cluster
def test_workers_go_on_from_the_vintage_before(tmp_path, slow, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    found = growing.rows(12, markets=(1, 2, 3, 4))
    growing.write(tmp_path, found)
    make(tmp_path, growing.week(11), calibrator=slow.CALIBRATOR)
    fitted(tmp_path)
    found[0]["sales"] *= 1.1
    growing.write(tmp_path, found)
    cluster = "cluster={kind: local, workers: 2}"
    report = make(tmp_path, growing.week(12), cluster, calibrator=slow.CALIBRATOR)
    assert (report.outcome, fitted(tmp_path)) == ("published", [1])
    old, new = (values(report.store, growing.week(number)) for number in (11, 12))
    assert old["value"].identical(new["value"])
