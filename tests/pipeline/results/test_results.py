"""Questions in Python: lazy, labelled, of one snapshot; what `beed show` and `beed export` rest on."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import pipeline
from pipeline import open_store
from pipeline.errors import QueryError, StoreNotFoundError
from pipeline.results.frames.table import Table
from pipeline.results.tables.registry import TABLES
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.writing.chunks import write_chunk

MODEL = "investment-mnl"


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="nothing"):
        _ = pipeline.nothing


def test_importing_the_package_is_cheap():
    code = "import pipeline, sys; sys.exit(bool({'numpy', 'xarray', 'icechunk'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_values_are_found_by_label(results):
    value = results.fits(MODEL).value.sel(market=5, window="all", param="deal")
    assert value.item() == 5.25
    assert results.fits(MODEL).aic.sel(market=12, window="holdout").item() == 12.0
    assert results.fits(MODEL).aic.attrs["long_name"] == "Akaike information criterion"
    assert results.fits(MODEL).unit.sel(param="deal").item() == "1"


def test_nothing_is_read_before_it_is_asked_for(results, monkeypatch):
    import zarr

    fits, trajectories = results.fits(MODEL), results.trajectories(MODEL)
    read = []
    getitem = zarr.Array.__getitem__

    def spy(self, selection):
        read.append((self.basename, getitem(self, selection).size))
        return getitem(self, selection)

    monkeypatch.setattr(zarr.Array, "__getitem__", spy)
    assert fits.aic.sel(market=12, window="all").item() == 12.0
    observed = trajectories.observed_share.sel(market=5).isel(time=slice(2, 4))
    assert not [name for name, _ in read if name in ("share", "sales")]
    assert observed.shape == (4, 2)
    np.testing.assert_allclose(observed.values.sum(axis=0), 1.0)
    assert ("sales", 8) in read


def test_trajectories_agree_with_the_panel(results):
    trajectories = results.trajectories(MODEL)
    sales = results.panel().sales.load()
    share = sales / sales.sum("firm")
    np.testing.assert_array_equal(trajectories.observed_share.values, share.values)
    np.testing.assert_array_equal(trajectories.observed_sales.values, sales.values)
    picked = {"market": [5, 21], "firm": ["Minute Maid", "Tropicana"]}
    np.testing.assert_array_equal(trajectories.observed_share.sel(picked), share.sel(picked))
    expected = 0.25 * sales.sum("firm").sel(market=[21, 5]).isel(time=[4, 0])
    calibrated = trajectories.sales.sel(window="holdout", firm="Tropicana", market=[21, 5]).isel(time=[4, 0])
    np.testing.assert_allclose(calibrated, expected)
    assert trajectories.sales.dims == ("market", "window", "firm", "time")


def test_validation_has_baselines_last(results):
    validation = results.validation()
    assert validation.model.values.tolist() == [MODEL, "scaled-hill", "last"]
    assert (
        validation.error.sel(market=5, window="all", model="last", future="given", metric="mae").item()
        == 10.5
    )


def test_readers_keep_their_snapshot(tiny):
    reader = open_store(tiny.path)
    fork = write_chunk(tiny.sweep.fork(), MODEL, slice(0, 3), tiny.arrays(MODEL, slice(0, 3)))
    snapshot = tiny.sweep.merge_and_commit([fork])
    tiny.store.tag("2024-02-11")
    tiny.fill(models=("scaled-hill", "last"))
    assert np.isnan(reader.fits(MODEL).value).all()
    assert len(reader.select()) == 0
    assert len(reader.refresh().select()) == 3 * 2 + 7 * 2
    for earlier in (open_store(tiny.path, snapshot=snapshot), open_store(tiny.path, tag="2024-02-11")):
        assert len(earlier.select()) == 3 * 2
        assert earlier.snapshot == snapshot


def test_a_sweep_is_chosen_by_name_study_or_age(filled, make_tiny):
    other = make_tiny(filled.path, study_hash="2")
    assert open_store(filled.path).sweep.name == other.sweep.name
    assert open_store(filled.path, sweep=filled.sweep.name).sweep.name == filled.sweep.name
    assert open_store(filled.path, sweep="tiny study").sweep.name == other.sweep.name
    with pytest.raises(StoreNotFoundError, match="no sweep mall; its sweeps are: tiny-study-"):
        open_store(filled.path, sweep="mall")


def test_what_is_not_there_is_said(results):
    for opening in (results.fits, results.trajectories):
        with pytest.raises(StoreNotFoundError, match="no model mnl; it has investment-mnl, scaled-hill"):
            opening("mnl")
    with pytest.raises(StoreNotFoundError, match="no snapshot"):
        open_store(results._store.location.url, snapshot="0" * 20)


def test_the_summary_counts_right(results):
    summary = results.summary()
    models = dict(zip(summary.models["model"], summary.models.rows(), strict=True))
    assert models[MODEL][1:5] == (7, 7, 1, 7)
    assert models["scaled-hill"][1:5] == (7, 6, 6, 0)
    # scaled-hill has aic = -market, so it wins wherever it was calibrated.
    best = dict(zip(summary.best["market"].tolist(), summary.best["by_aic"], strict=True))
    assert best[8] == MODEL
    assert {best[market] for market in (2, 5, 12, 14, 18, 21)} == {"scaled-hill"}
    assert summary.best["aic_lead"].tolist()[:2] == [4.0, 10.0]
    assert np.isnan(summary.best["aic_lead"][2])
    assert summary.best["starts_agree"].tolist() == [3.0] * 7
    assert [row[:5] for row in summary.failures.rows()] == [
        ("scaled-hill", "all", "no_finite_start", 1, 8),
        ("scaled-hill", "holdout", "no_finite_start", 1, 8),
    ]
    assert "not finite at any" in summary.failures["reason"][0]
    assert list(summary.at_bounds.rows()) == [("scaled-hill", "discount.h", "upper", 6, 6)]


def test_the_summary_holds_estimates_against_the_truth(results):
    rows = list(results.summary().recovered.rows())
    assert [row[:3] for row in rows] == [(MODEL, "discount", 10.0), (MODEL, "deal", 11.0)]
    estimates = results.fits(MODEL).value.sel(window="all", param="discount").values
    assert rows[0][3] == pytest.approx(estimates.mean())
    assert rows[0][5] == pytest.approx(estimates.std(ddof=1))
    assert rows[0][6] == 0.0, "no market lies within 0.196 of the truth"


def test_the_summary_compares_on_held_out_periods(results):
    summary = results.summary()
    rows = {row[:3]: row[3:] for row in summary.validation.rows()}
    labels = np.array([2, 5, 8, 12, 14, 18, 21])
    means = (pytest.approx(labels.mean() + 0.5), pytest.approx(2 * labels.mean() + 0.5))
    assert rows["holdout", "given", "last"] == (7, 7, *means)  # markets, forecasts
    assert summary.comparison["model"].tolist() == [MODEL, "scaled-hill", "last"]
    best = dict(zip(summary.comparison.columns, next(summary.comparison.rows()), strict=True))
    assert (best["against"], best["wins"], best["markets"], best["test"]) == ("last", 7, 7, "markets")
    assert best["difference"] == best["low"] == best["high"] == pytest.approx(-0.5)
    assert best["p"] < 0.001


def test_contenders_are_compared_from_the_store(results):
    table = results.compare()
    assert table["against"].tolist() == ["last"] * 3
    duel = results.duel("investment-mnl", "last")
    assert duel["market"].tolist() == results.tables.labels("market").tolist()
    np.testing.assert_allclose(duel["difference"], -0.5)


def test_tables_show_themselves_in_a_notebook(results):
    table = results.select(sort="aic")
    frame = table.to_pandas()
    assert list(frame.columns) == list(table.columns)
    assert len(frame) == len(table)
    page = table.take(slice(2))._repr_html_()
    assert page.count("<tr>") == 3
    assert "<td>scaled-hill</td>" in page
    many = Table({"name": np.array(["<b>"] * 99, object)})._repr_html_()
    assert "&lt;b&gt;" in many
    assert "99 rows, the first 60 shown" in many


def test_tables_print_themselves_and_become_labelled_arrays(results):
    table = results.table("params", model="investment-*")
    assert repr(table.take(slice(1))).splitlines()[0].split()[:3] == ["model", "market", "window"]
    arrays = table.to_xarray("market", "window", "param")
    expected = results.fits("investment-mnl").value.drop_vars("unit")
    xr.testing.assert_allclose(arrays["value"].reindex_like(expected), expected)
    assert table.to_xarray().sizes == {"row": len(table)}
    with pytest.raises(QueryError, match="Several rows are of market 2"):
        table.to_xarray("market")
    with pytest.raises(KeyError, match=r"No column 'valeu'; there are: model.*Did you mean 'value'"):
        table["valeu"]


@pytest.mark.parametrize("name", ["starts", "validation", "akaike", "forecasts"])
def test_every_table_of_sql_can_be_had_by_its_name(results, name):
    assert list(results.table(name).columns) == list(results.sql(f"select * from {name}").columns)


def test_tables_that_are_not_there_are_refused(results):
    with pytest.raises(QueryError, match=r"No table 'param'; there are fits.*Did you mean 'params'"):
        results.table("param")
    with pytest.raises(QueryError, match="akaike cannot be asked for by model"):
        results.table("akaike", model="investment-mnl")
    with pytest.raises(QueryError, match=r"no market 77; it has 7, e\.g\. 2, 5, 8"):
        results.table("fits", market=[77])


def test_a_store_shows_its_verdict_in_a_notebook(results):
    page = results._repr_html_()
    assert results.sweep.name in page
    assert all(model in page for model in results.models)
    assert str(results.verdict()).splitlines()[0].startswith("Use `")


def test_the_summary_of_an_empty_sweep_is_empty(tiny):
    summary = open_store(tiny.path).summary()
    assert summary.models["fits"].tolist() == [0, 0]
    assert len(summary.best) == len(summary.failures) == len(summary.validation) == 0


def test_export_as_zarr_keeps_everything(results, tmp_path):
    out = results.export(tmp_path / "out.zarr", "zarr")
    tree = xr.open_datatree(out, engine="zarr", consolidated=False)
    ours = xr.open_datatree(results.session.store, engine="zarr", consolidated=False)
    xr.testing.assert_identical(tree.load(), ours.load())


def test_export_as_netcdf_opens_elsewhere(results, tmp_path):
    out = results.export(tmp_path / "out.nc", "netcdf")
    with xr.open_datatree(out, engine="h5netcdf") as tree:
        assert tree["fits/investment-mnl/value"].sel(market=5, window="all", param="deal").item() == 5.25
        assert tree["trajectories/scaled-hill/observed_share"].sum("firm").values == pytest.approx(1.0)
        assert tree["validation/error"].dims == ("market", "window", "model", "future", "metric")
        assert json.loads(tree["panel"].attrs["truth"])["discount"] == 10.0


def test_export_as_parquet_has_the_tables_of_sql(results, tmp_path):
    import pyarrow.parquet as pq

    out = results.export(tmp_path / "tables", "parquet")
    assert {path.stem for path in out.iterdir()} == set(TABLES)
    for name, entry in TABLES.items():
        written, built = pq.read_table(out / f"{name}.parquet"), entry.build(results.tables)
        assert written.num_rows == len(built)
        assert written.column_names == list(built.columns)


def test_export_never_overwrites(results, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(QueryError, match="something at"):
        results.export(tmp_path / "there", "zarr")
    with pytest.raises(QueryError, match="'xlsx'; expected one of zarr, netcdf, parquet"):
        results.export(tmp_path / "new", "xlsx")


def test_half_an_export_is_removed(results, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("pipeline.store.copy._copy", fail)
    with pytest.raises(pipeline.errors.StoreError, match="no space left"):
        results.export(tmp_path / "out", "zarr")
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize(
    ("fit", "gain", "initial"),
    [
        ({}, 0.0, "observed"),
        ({"state": "observed"}, 1.0, "observed"),
        ({"gain": 0.5, "initial": "estimated"}, 0.5, "estimated"),
    ],
)
def test_a_stored_study_means_what_it_meant_when_it_was_stored(fit, gain, initial):
    """Stores of earlier versions leave unsaid what was not yet a choice, or had another default."""
    content = {"study": "s", "models": {"response": "mnl"}, "store": "runs", "fit": fit}
    info = SimpleNamespace(attributes={"study_json": json.dumps(content)}, name="s")
    study = SweepTables(None, info).study
    assert (study.fit.gain, study.fit.initial) == ((gain,), initial)
