"""SQL over a sweep: right answers, and no way out."""

import numpy as np
import pytest

from pipeline.errors import QueryError
from pipeline.results.sql import connect
from pipeline.results.tables import fits
from pipeline.results.tables.registry import TableEntry


def test_tables_join(results):
    table = results.sql(
        """with best as (
            select market, arg_min(model, aic) as model from fits where "window" = 'all' group by 1
        )
        select market, model, value from best join params using (market, model)
        where param = 'discount' and "window" = 'all' order by market"""
    )
    assert table["market"].tolist() == [2, 5, 8, 12, 14, 18, 21]
    assert table["model"].tolist()[2] == "investment-mnl"
    assert table["value"].tolist() == [2.0, 5.0, 8.0, 12.0, 14.0, 18.0, 21.0]


def test_missing_numbers_are_null(results):
    table = results.sql("select count(*) as n, count(aic) as known, avg(aic) as mean from fits")
    assert table["n"].tolist() == [28]
    assert table["known"].tolist() == [26]
    assert np.isfinite(table["mean"]).all()
    table = results.sql("select aic, status from fits where aic is null")
    assert table["status"].tolist() == ["no_finite_start"] * 2
    assert np.isnan(table["aic"]).all()


def test_only_tables_that_are_named_are_built(results, monkeypatch):
    built = []
    build = TableEntry.build
    monkeypatch.setattr(
        TableEntry, "build", lambda self, *given: built.append(self.builder) or build(self, *given)
    )
    results.sql("SELECT count(*) FROM Fits")
    assert set(built) == {"pipeline.results.tables.fits:fits"}


READERS = [
    "select model, count(*) n, avg(rmse) from fits group by model order by model",
    "from fits order by all",
    "select f.f.rmse, f.f.status from (select f from fits f) f order by all",
    "select columns('r.*') from fits order by all",
    "select * exclude (aic) from fits where false",
    "select count(*) from fits where aic < 0 and 1 = 0",
    "with one as (select model, rmse from fits) select a.rmse from one a, one b where a.model < b.model "
    "order by 1",
    'select param, sum(value) from params join fits using (model, market, "window") '
    "where bic > (select min(bic) from fits) and param = 'discount' group by 1",
]


@pytest.mark.parametrize("sql", READERS)
def test_answers_are_those_of_the_whole_tables(results, sql):
    whole = connect()
    for name in ("fits", "params"):
        whole.register(name, dict(results.table(name).columns))
    expected, found = whole.execute(sql).fetchall(), list(results.sql(sql).rows())
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, nan_ok=True) or ours == theirs


def test_what_a_query_does_not_read_is_not_read_from_the_store(results, monkeypatch):
    read = []
    reading = fits.read_cells
    monkeypatch.setattr(
        fits, "read_cells", lambda array, markets: read.append(array.basename) or reading(array, markets)
    )
    assert results.sql("select count(*) as n from fits where status like 'conv%'")["n"].tolist() == [26]
    # Of one market everything is read, for the types of the columns.
    assert (read.count("status"), read.count("statistic")) == (4, 2)


def test_dates_and_words_survive(results):
    table = results.sql(
        "select min(time) as first, max(firm) as firm, true as yes, null as no from trajectories"
    )
    assert table["first"].astype("datetime64[D]").tolist()[0].isoformat() == "2024-01-01"
    assert table["firm"].tolist() == ["Tropicana"]
    assert next(table.rows())[2:] == (True, None)


ESCAPES = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('/*')",
    "select * from 'https://example.org/x.parquet'",
    "select * from read_parquet('s3://bucket/x.parquet')",
    "copy (select 1) to '/tmp/leak.csv'",
    "attach '/tmp/other.db'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset enable_external_access",
    "set autoinstall_known_extensions = true",
    "pragma enable_external_access = true",
    "export database '/tmp/leak'",
    "import database '/tmp/leak'",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_the_database_itself_lets_nothing_out(sql):
    """Also without the check of the statement's kind that comes first."""
    import duckdb

    with pytest.raises(duckdb.Error):
        connect().execute(sql).fetchall()


@pytest.mark.parametrize("sql", ESCAPES)
def test_escapes_are_refused_with_a_sentence(results, sql):
    with pytest.raises(QueryError):
        results.sql(sql)


def test_variables_of_python_are_not_seen():
    import duckdb

    secret = {"password": np.array(["x"])}
    with pytest.raises(duckdb.Error, match="secret"):
        connect().execute("select * from secret")
    assert secret


@pytest.mark.parametrize(
    ("sql", "got"),
    [
        ("select 1; select 2", "Got SELECT and SELECT"),
        ("", "Got nothing"),
        ("create table x as select 1", "Got CREATE"),
        ("insert into fits values (1)", "Got INSERT"),
        ("selec 1", "syntax error"),
        ("select nothing from fits", "The tables are fits, params"),
    ],
)
def test_anything_but_one_select_is_refused(results, sql, got):
    with pytest.raises(QueryError, match=got):
        results.sql(sql)


def test_a_query_that_needs_too_much_memory_is_a_sentence(results, monkeypatch):
    monkeypatch.setattr("pipeline.results.sql._PART_OF_MEMORY", 0.0)
    monkeypatch.setattr("pipeline.results.sql._LEAST_MEMORY", 32 * 2**20)
    with pytest.raises(QueryError, match="needs more memory than it may have"):
        results.sql("select list(range) from range(100000000)")
