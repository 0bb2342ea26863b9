"""Flat tables: what the shell selects, sorts and writes."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest

from pipeline import open_store
from pipeline.errors import QueryError
from pipeline.results.frames.formats import format_table
from pipeline.results.frames.table import Table
from pipeline.results.tables.fits import params
from pipeline.results.tables.registry import TABLES
from pipeline.results.tables.trajectories import trajectories
from pipeline.results.tables.uncertainty import replicates

MODEL = "investment-mnl"


def test_every_table_has_its_rows(results, make_tiny, tmp_path):
    stored = {name: entry for name, entry in TABLES.items() if entry.by != "sweep"}
    sizes = {name: len(entry.build(results.tables)) for name, entry in stored.items()}
    # One market of scaled-hill failed in both windows.
    assert sizes == {
        "fits": 28,
        "params": (14 + 12) * 3,
        "starts": 28 * 4,
        "trajectories": (14 + 12) * 4 * 6,
        "validation": 3 * 7 * 2 * 2,
        "horizons": 0,
        "replicates": 0,
        "intervals": 0,
        "directions": 14 + 12,
        "endogeneity": 0,
        "experiments": 0,
    }
    other = make_tiny(tmp_path / "other", replicates=5)
    other.fill()
    assert len(replicates(open_store(other.path).tables)) == 28 * 5 * 3


def test_rows_carry_the_values_of_the_cubes(results):
    table, fits = params(results.tables), results.fits("scaled-hill")
    for model, market, window, param, _, value, stderr, bound, _ in table.rows():
        if model == "scaled-hill":
            place = {"market": market, "window": window, "param": param}
            assert value == fits.value.sel(place).item()
            assert (stderr, bound) == (0.1, fits.at_bound.sel(place).item())
    table, lazy = trajectories(results.tables, [MODEL]), results.trajectories(MODEL)
    for name in ("share", "sales", "observed_share", "observed_sales"):
        cells = lazy[name].broadcast_like(lazy.share).transpose(*lazy.share.dims).values
        np.testing.assert_array_equal(table[name], cells.ravel(), err_msg=name)
    assert table["time"].dtype.kind == "M"


def test_fits_are_selected(results):
    table = results.select(market=["5", 21], model="investment-*", window="all")
    assert table["market"].tolist() == [5, 21]
    assert set(table["form"]) == {"investment"}
    assert table["status"].tolist() == ["converged"] * 2
    assert results.select(model="scaled-hill", market=[8])["status"].tolist() == ["no_finite_start"] * 2


def test_parameters_are_selected_with_the_criteria_of_their_fit(results):
    table = results.select(param="discount*", window="all", sort="-aic", limit=4)
    assert table["aic"].tolist() == [21.0, 18.0, 14.0, 12.0]
    assert table["value"].tolist() == [21.0, 18.0, 14.0, 12.0]
    exact = results.select(param="discount", window="all", model="scaled-hill")
    assert set(exact["param"]) == {"discount"}
    # What looks like a set of letters in a pattern is a name first.
    assert len(results.select(param="constant.Tropicana")) == 14


def test_sorting_puts_missing_values_last(results):
    table = results.select(window="all", sort="-aic")
    assert np.isnan(table["aic"][-1])
    assert table["aic"][0] == 21.0
    table = results.select(window="all", sort="aic")
    assert table["aic"][0] == -21.0
    assert np.isnan(table["aic"][-1])
    assert results.select(sort="-market", limit=1)["market"].tolist() == [21]
    assert results.select(sort="-model", limit=1)["model"].tolist() == ["scaled-hill"]


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"market": ["99"]}, "no market 99; it has 7, e.g. 2, 5, 8"),
        ({"model": "mnl"}, "No model matches 'mnl'; the sweep tiny-study-"),
        ({"param": "price"}, "No parameter matches 'price'; these models have constant.Tropicana, deal"),
        ({"window": "late"}, "no window 'late'; it has all, holdout"),
        ({"sort": "bci"}, "Cannot sort by 'bci'; the columns are model, "),
    ],
)
def test_what_the_sweep_does_not_have_is_said(results, conditions, says):
    with pytest.raises(QueryError, match=says):
        results.select(**conditions)


def test_only_the_chunks_of_the_markets_are_read(tiny, monkeypatch):
    """Trajectories are never read for a question about fits, other markets neither."""
    import zarr
    from zarr.core.indexing import OIndex

    tiny.fill()
    results = open_store(tiny.path)
    read = []
    for kind, name in ((zarr.Array, "__getitem__"), (OIndex, "__getitem__")):
        original = getattr(kind, name)

        def spy(self, selection, original=original):
            cells = original(self, selection)
            read.append((getattr(self, "array", self).basename, np.asarray(cells).shape))
            return cells

        monkeypatch.setattr(kind, name, spy)
    assert len(results.select(market=[5], param="discount")) == 4
    assert "share" not in {name for name, _ in read}
    assert {shape[0] for name, shape in read if name in ("value", "statistic", "status")} == {1}


@pytest.fixture
def table():
    return Table(
        {
            "name": np.array(["a", None, 'ö, "c"'], dtype=object),
            "number": np.array([1 / 3, np.nan, -1e-9]),
            "count": np.array([1, 2, 3]),
            "day": np.array(["2024-01-01", "NaT", "2024-01-03"], dtype="datetime64[s]"),
        }
    )


def test_json_is_exact_and_has_null(table):
    rows = json.loads(format_table(table, "json"))
    assert rows[0] == {"name": "a", "number": 1 / 3, "count": 1, "day": "2024-01-01"}
    assert rows[1] == {"name": None, "number": None, "count": 2, "day": None}


def test_csv_is_exact(table):
    rows = list(csv.reader(io.StringIO(format_table(table, "csv"))))
    assert rows[0] == ["name", "number", "count", "day"]
    assert rows[2] == ["", "", "2", ""]
    assert rows[3] == ['ö, "c"', "-1e-09", "3", "2024-01-03"]
    assert float(rows[1][1]) == 1 / 3


def test_parquet_keeps_types_and_nulls(table):
    import pyarrow.parquet as pq

    back = pq.read_table(io.BytesIO(format_table(table, "parquet")))
    assert back["number"].to_pylist() == [1 / 3, None, -1e-9]
    assert str(back.schema.field("day").type) == "timestamp[us]"
    assert back["name"].to_pylist()[1] is None


def test_text_is_aligned(table):
    lines = format_table(table).splitlines()
    assert lines[0] == "name      number  count  day"
    assert lines[2] == "a       0.333333      1  2024-01-01"
    assert lines[3].split() == ["-", "-", "2", "-"]
    assert format_table(Table({"x": np.array([])})) == "x\n-"


def test_unknown_formats_are_refused(table):
    with pytest.raises(QueryError, match="'xml'; expected one of table, csv, json, parquet"):
        format_table(table, "xml")


def test_the_shell_waits_for_no_library_it_does_not_need(filled):
    """A point query must answer in two seconds, and these take longer to import than the query itself."""
    code = (
        "import os, sys; from pipeline import open_store; "
        f"assert len(open_store({filled.path!r}).select(market=[5], param='discount')) == 4; "
        "loaded = {'xarray', 'pandas', 'duckdb', 'pyarrow', 'dask', 'numba'} & set(sys.modules); "
        # It leaves as `beed` does: threads of the store can crash an interpreter that ends around them.
        "print(sorted(loaded), flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
