"""The panel as its users see it: real data, every format the same, blocks, hashes, memory."""

import subprocess
import sys

import fsspec
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from places import CONFIGS
from s3 import s3_bucket
from table_study import EFFORTS, table_study

from pipeline.errors import ConfigError, DataError
from pipeline.panel.dataset import hash_markets
from pipeline.panel.market import iterate_markets, market_arrays
from pipeline.panel.source import open_panel, panel_of_blocks


@pytest.fixture(scope="module")
def table():
    """Three stores with numbers as names, four firms of which one is absent for a while, weeks with a gap."""
    rng = np.random.default_rng(2)
    rows = [
        (store, firm, week)
        for store in (5, 12, 101)
        for firm in ("A", "B", "C", "D")
        for week in (1, 2, 3, 5, 6)
        if not (firm == "D" and week == 3) and not (store == 5 and firm == "B")
    ]
    frame = pd.DataFrame(rows, columns=["store", "firm", "week"])
    for column in ("sales", "price", "feature"):
        frame[column] = rng.lognormal(size=len(frame)).round(6)  # Excel keeps 15 digits
    return frame


@pytest.fixture(scope="module")
def cube(table):
    return table.set_index(["store", "firm", "week"]).to_xarray()


@pytest.fixture
def source(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    return open_panel(table_study(tmp_path / "table.csv"))


def test_cube_holds_the_table(table, source):
    dataset = source.load(source.markets)
    assert dataset.sales.dims == ("market", "firm", "time")
    assert dataset.efforts.dims == ("market", "firm", "effort", "time")
    assert int(dataset.sales.count()) == len(table)
    for row in table.itertuples():
        at = {"market": row.store, "firm": row.firm, "time": row.week}
        assert dataset.sales.sel(at) == row.sales
        assert dataset.efforts.sel(**at, effort="feature") == row.feature
        rivals = table[(table.store == row.store) & (table.week == row.week)]
        expected = np.log(rivals.price.mean() / row.price)
        assert dataset.efforts.sel(**at, effort="discount").item() == pytest.approx(expected, rel=1e-13)
    assert (dataset.efforts.isnull() == dataset.sales.isnull()).all()  # noqa: PD003


def test_labels_units_and_kinds(source):
    dataset = source.load([12])
    assert dataset.market.dtype == dataset.time.dtype == np.int64
    assert source.markets.tolist() == [5, 12, 101]
    assert dataset.firm.dtype.kind == dataset.kind.dtype.kind == "U"
    assert dataset.effort.to_numpy().tolist() == list(source.efforts) == ["discount", "feature"]
    assert dataset.sel(effort="feature").unit == "%"
    assert dataset.sel(effort="feature").kind == "amount"
    assert dataset.sales.attrs["units"] == "currency / period"
    assert dataset.period.to_numpy().tolist() == [0, 1, 2, 4, 5]
    assert market_arrays(dataset, 12).duration.tolist() == [1, 1, 1, 2, 1]


def test_blocks_are_the_markets_in_order(source):
    whole = source.load(slice(None))
    parts = list(source.blocks(2))
    assert [part.sizes["market"] for part in parts] == [2, 1]
    xr.testing.assert_identical(xr.concat(parts, "market"), whole)
    xr.testing.assert_identical(source.load([101, 5]), whole.sel(market=[101, 5]))


def test_unknown_market_is_refused(source):
    with pytest.raises(KeyError, match="Got the market 7; expected one of the 3 markets from 5 to 101"):
        source.load([5, 7])


def test_panel_survives_a_file(source, tmp_path):
    dataset = source.load(source.markets)
    dataset.to_netcdf(tmp_path / "panel.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "panel.nc", engine="h5netcdf") as back:
        for one, other in zip(iterate_markets(dataset), iterate_markets(back), strict=True):
            np.testing.assert_array_equal(one.efforts, other.efforts)
            np.testing.assert_array_equal(one.duration, other.duration)


def write_csv(table, cube, folder):
    table.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def write_gzip(table, cube, folder):
    table.to_csv(folder / "t.csv.gz", index=False)
    return folder / "t.csv.gz"


def write_parquet(table, cube, folder):
    table.astype({"firm": "category", "week": "int16"}).to_parquet(folder / "t.parquet", row_group_size=7)
    return folder / "t.parquet"


def write_excel(table, cube, folder):
    table.to_excel(folder / "t.xlsx", index=False)
    return folder / "t.xlsx"


def write_netcdf(table, cube, folder):
    cube.transpose("week", "firm", "store").to_netcdf(folder / "t.nc", engine="h5netcdf")
    return folder / "t.nc"


def write_zarr(table, cube, folder):
    cube.chunk({}).to_zarr(folder / "t.zarr", consolidated=False)
    return folder / "t.zarr"


def write_memory_csv(table, cube, folder):
    with fsspec.open("memory://beed/t.csv", "w") as file:
        table.to_csv(file, index=False)
    return "memory://beed/t.csv"


def write_memory_parquet(table, cube, folder):
    with fsspec.open("memory://beed/t.parquet", "wb") as file:
        table.to_parquet(file)
    return "memory://beed/t.parquet"


def write_memory_netcdf(table, cube, folder):
    cube.to_netcdf(folder / "t.nc", engine="h5netcdf")
    with fsspec.open("memory://beed/t.nc", "wb") as file:
        file.write((folder / "t.nc").read_bytes())
    return "memory://beed/t.nc"


def write_memory_zarr(table, cube, folder):
    cube.to_zarr("memory://beed/t.zarr", consolidated=False)
    return "memory://beed/t.zarr"


@pytest.mark.parametrize(
    "write",
    [
        write_csv,
        write_gzip,
        write_parquet,
        write_excel,
        write_netcdf,
        write_zarr,
        write_memory_csv,
        write_memory_parquet,
        write_memory_netcdf,
        write_memory_zarr,
    ],
)
def test_every_format_gives_the_same_panel(table, cube, source, tmp_path, write):
    found = open_panel(table_study(write(table, cube, tmp_path)))
    assert found.content_hash == source.content_hash
    xr.testing.assert_identical(found.load(found.markets), source.load(source.markets))


def test_blocks_of_datasets_give_the_same_panel(source):
    found = panel_of_blocks(source.blocks(1))
    xr.testing.assert_equal(found.load(found.markets), source.load(source.markets))
    assert found.content_hash == source.content_hash
    assert found.load([5]).unit.to_numpy().tolist() == ["1", "%"]
    scaled = panel_of_blocks(source.blocks(1), reference_sales=250)
    assert scaled.content_hash != source.content_hash, "the scale decides what M is"
    assert scaled.load([5]).attrs == {"reference_sales": 250.0}


def test_problems_of_a_cube_are_placed_without_rows(cube, tmp_path):
    wrong = cube.copy(deep=True)
    wrong["price"].loc[{"store": 12, "firm": "C", "week": 2}] = np.nan
    wrong["sales"].loc[{"store": 12, "firm": "C", "week": 3}] = -1
    wrong.to_netcdf(tmp_path / "wrong.nc", engine="h5netcdf")
    with pytest.raises(DataError) as caught:
        open_panel(table_study(tmp_path / "wrong.nc"))
    found = [str(problem) for problem in caught.value.problems]
    assert len(found) == 2
    assert any("wrong.nc: market 12, firm C, period 3, column sales: got -1" in text for text in found)
    assert any("wrong.nc: market 12, firm C, period 2, column price: got no value" in text for text in found)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda cube: cube.rename(firm="company"), "the column firm"),
        (lambda cube: cube.drop_vars("firm"), "the column firm"),
        (lambda cube: cube.assign(sales=cube.sales.isel(store=0, drop=True)), "sales over firm, week"),
        (lambda cube: cube.assign(feature=cube.feature.expand_dims(copy=[1, 2])), "over copy as well"),
        (lambda cube: cube.assign(feature=cube.feature.astype(str)), "a variable of type"),
    ],
)
def test_cubes_of_another_shape_are_refused(cube, tmp_path, change, got):
    change(cube).to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=got):
        open_panel(table_study(tmp_path / "odd.nc"))


def test_hash_changes_with_a_value_a_label_or_a_period_only(table, source, tmp_path):
    def hash_of(frame, **options):
        frame.to_csv(tmp_path / "other.csv", index=False)
        return open_panel(table_study(tmp_path / "other.csv", **options))

    assert hash_of(table.sample(frac=1, random_state=3)).content_hash == source.content_hash
    nudged = table.assign(sales=table.sales * np.where(table.index == 30, 1 + 1e-15, 1.0))
    changed = hash_of(nudged)
    assert changed.content_hash != source.content_hash
    differing = {
        market
        for market in source.market_hashes
        if source.market_hashes[market] != changed.market_hashes[market]
    }
    assert differing == {table.store[30]}
    renamed = table.assign(firm=table.firm.replace("A", "AA"))
    assert hash_of(renamed).content_hash != source.content_hash
    assert hash_of(table.assign(week=table.week + 1)).content_hash != source.content_hash
    efforts = {"discount": EFFORTS["discount"], "fee": "feature"}
    assert hash_of(table, efforts=efforts).content_hash != source.content_hash


def test_hash_of_a_market_does_not_depend_on_the_others(table, source, tmp_path):
    table[table.store != 12].to_csv(tmp_path / "fewer.csv", index=False)
    fewer = open_panel(table_study(tmp_path / "fewer.csv"))
    assert fewer.market_hashes[101] == source.market_hashes[101]
    assert fewer.content_hash != source.content_hash


def test_some_markets_only(source, table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    found = open_panel(table_study(tmp_path / "table.csv", markets=[101, 5]))
    assert found.markets.tolist() == [5, 101]


def test_dates_are_a_time_axis(table, tmp_path):
    dated = table.assign(week=pd.Timestamp("2025-12-29") + pd.to_timedelta(7 * table.week, unit="D"))
    dated.to_parquet(tmp_path / "dated.parquet")
    found = open_panel(table_study(tmp_path / "dated.parquet"))
    dataset = found.load([12]).sel(time="2026-01")
    assert found.frequency == "1 week"
    assert dataset.time.dtype == np.dtype("datetime64[s]")
    assert dataset.sizes["time"] == 3
    assert market_arrays(found.load([12]), 12).duration.tolist() == [1, 1, 1, 2, 1]


def test_study_that_simulates_has_no_data(tmp_path):
    study = table_study("x.csv").model_copy(update={"data": None})
    with pytest.raises(ConfigError, match="simulates its data"):
        open_panel(study)


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "prices.csv").write_text("a\n")
    with pytest.raises(DataError, match=r"no such file.*Did you mean 'prices\.csv'\?"):
        open_panel(table_study(tmp_path / "price.csv"))


def test_unknown_extension_asks_for_the_format(tmp_path):
    (tmp_path / "prices.dat").write_text("a\n")
    with pytest.raises(DataError, match=r"data\.format"):
        open_panel(table_study(tmp_path / "prices.dat"))


def test_unknown_file_system_is_explained():
    with pytest.raises(DataError, match="nowhere"):
        open_panel(table_study("nowhere://bucket/prices.csv"))


def test_orange_juice():
    efforts = {
        "product": {"formula": "product_cost / sales", "kind": "ratio"},
        "discount": {"formula": "log(market_mean(price) / price)"},
        "feature": None,
        "deal": None,
    }
    source = open_panel(table_study("data/orange_juice.parquet", firm="brand", efforts=efforts))
    assert (source.markets.size, source.firms.size, source.times.size) == (83, 11, 121)
    assert [note.kind for note in source.notes] == ["gap"]
    frame = pd.read_parquet(CONFIGS / "data" / "orange_juice.parquet")
    markets = list(iterate_markets(source.load(source.markets)))
    assert sum(int(market.active.sum()) for market in markets) == len(frame)
    assert {market.times.size for market in markets} <= set(range(87, 122))
    five = frame[frame.store == 5]
    np.testing.assert_allclose(
        next(market for market in markets if market.market == 5).total_sales,
        five.groupby("week").sales.sum().to_numpy(),
        rtol=1e-14,
    )


def test_us_cars_are_one_market_with_entries_and_exits():
    study = table_study(
        "data/us_autos.csv", market=None, time="year", frequency="year", efforts=["price", "models"]
    )
    source = open_panel(study)
    assert (source.markets.size, source.firms.size, source.times.size) == (1, 26, 20)
    assert {note.kind for note in source.notes} == {"entry", "exit", "return"}
    market = next(iterate_markets(source.load(source.markets)))
    assert market.active.sum() == 384
    assert market.active.all(axis=0).sum() == 9
    np.testing.assert_allclose(np.nansum(market.share, axis=1), 1, rtol=1e-14)


MEMORY = """
import resource, sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from pipeline.config.study import Study
from pipeline.panel.market import iterate_markets
from pipeline.panel.source import open_panel

path, markets, firms, weeks = sys.argv[1], int(sys.argv[2]), 10, 52
names = ("store", "firm", "week", "sales", "price")
rng = np.random.default_rng(0)
# In order of time, so that the rows of a market lie far apart.
with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in names])) as out:
    market, firm = (axis.ravel().astype(float) for axis in np.meshgrid(range(markets), range(firms)))
    for week in range(weeks):
        values = [market, firm, np.full(market.size, float(week)), *rng.lognormal(size=(2, market.size))]
        out.write_table(pa.table(values, names=names))
data = dict(file=path, market="store", firm="firm", time="week", sales="sales", efforts=["price"])
models = dict(form="investment", response="mnl")
study = Study.model_validate(dict(study="t", data=data, store="x", models=models))
source = open_panel(study)
seen = sum(market.share.size for block in source.blocks(100) for market in iterate_markets(block))
assert seen == markets * firms * weeks, seen
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs")
def test_memory_does_not_grow_with_the_markets(tmp_path):
    def peak(markets):
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "big.parquet"), str(markets)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    few, many = peak(300), peak(3000)
    extra_rows = 2700 * 10 * 52
    # The rows are 56 MB; with all markets in one bucket, 200 MB more were measured; in buckets, 30 MB.
    assert many - few < 60 * extra_rows, (few, many)


@pytest.fixture
def bucket(monkeypatch):
    with s3_bucket(monkeypatch, "market-data") as client:
        yield client


@pytest.mark.parametrize("write", [write_csv, write_gzip, write_parquet, write_netcdf])
def test_files_on_s3(table, cube, source, tmp_path, bucket, write):
    path = write(table, cube, tmp_path)
    bucket.upload_file(str(path), "market-data", f"2026/{path.name}")
    found = open_panel(table_study(f"s3://market-data/2026/{path.name}"))
    assert found.content_hash == source.content_hash
    with pytest.raises(DataError, match="no such file"):
        open_panel(table_study("s3://market-data/2026/other.csv"))


def test_prices_that_firms_set_are_kept(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    role = {"column": "price", "role": "price", "formula": "log(price / market_mean(price))"}
    source = open_panel(table_study(tmp_path / "table.csv", efforts={"price": role, "feature": {}}))
    plain = open_panel(
        table_study(tmp_path / "table.csv", efforts={"price": {"formula": role["formula"]}, "feature": {}})
    )
    dataset = source.load(source.markets)
    assert source.efforts == plain.efforts == ("price", "feature")
    assert dataset.priced.to_numpy().tolist() == ["price"]
    for row in table.itertuples():
        at = {"market": row.store, "firm": row.firm, "time": row.week}
        assert dataset.prices.sel(**at, priced="price") == row.price
    xr.testing.assert_equal(dataset.efforts, plain.load(plain.markets).efforts)
    # Prices are part of what is hashed, and of what a stored panel is held against.
    assert source.content_hash != plain.content_hash
    assert hash_markets(dataset) == list(source.market_hashes.values())
    assert hash_markets(plain.load(plain.markets)) == list(plain.market_hashes.values())


def test_prices_that_firms_set_are_above_0(table, tmp_path):
    table.assign(price=np.where(table.week == 5, 0.0, table.price)).to_csv(
        tmp_path / "table.csv", index=False
    )
    with pytest.raises(DataError, match=r"a price of 0; expected a price above 0"):
        open_panel(table_study(tmp_path / "table.csv", efforts={"price": {"role": "price"}, "feature": {}}))
