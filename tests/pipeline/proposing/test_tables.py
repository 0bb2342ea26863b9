"""Tables as strangers bring them: what their columns are taken for, and that the proposed study passes."""

import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.open import open_study_panel
from pipeline.proposing import scale
from pipeline.proposing.propose import propose
from pipeline.proposing.reading import read_table
from pipeline.proposing.wishes import Wishes

FIRMS = ("Nord", "Süd", "West")


def shares_and_efforts(periods=28, firms=FIRMS, seed=1):
    """Make a tidy table of English words: a logit of prices, a promotion and advertising."""
    random = np.random.default_rng(seed)
    shape = (periods, len(firms))
    price = random.uniform(1.5, 2.5, shape).round(2)
    promo = (random.random(shape) < 0.3).astype(int)
    advertising = random.gamma(2, 200, shape).round(2)
    pull = np.exp(-2 * np.log(price) + 0.4 * promo + random.normal(0, 0.05, shape))
    sales = (pull / pull.sum(1, keepdims=True) * 20_000).round(2)
    weeks = pd.date_range("2024-01-01", periods=periods, freq="W-MON")
    index = pd.MultiIndex.from_product([weeks, firms], names=["week", "brand"])
    columns = {"sales": sales, "price": price, "promo": promo, "advertising": advertising}
    return pd.DataFrame({key: value.reshape(-1) for key, value in columns.items()}, index).reset_index()


def week_of(table):
    return table["week"].dt.isocalendar().week


def german(folder):
    table = shares_and_efforts()
    table["week"] = table["week"].dt.strftime("%d.%m.%Y")
    for name in ("sales", "price", "advertising"):
        table[name] = [f"{x:,.2f}".translate(str.maketrans(",.", ".,")) for x in table[name]]
    table.columns = ["Woche", "Filiale", "Umsatz (EUR)", "Ø-Preis", "Aktion", "Werbeausgaben"]
    table.to_csv(folder / "Läden.csv", sep=";", index=False)
    return "Läden.csv"


def russian(folder):
    table = shares_and_efforts()
    table.columns = ["Неделя", "Магазин", "Выручка", "Цена", "Акция", "Расходы на рекламу"]
    table.to_csv(folder / "магазины.csv", sep="\t", index=False)
    return "магазины.csv"


def two_sheets(folder):
    with pd.ExcelWriter(folder / "book.xlsx") as book:
        pd.DataFrame({"from": ["the sales department"]}).to_excel(book, sheet_name="Read me", index=False)
        shares_and_efforts().to_excel(book, sheet_name="Panel", index=False)
    return "book.xlsx"


def wide(folder):
    table = shares_and_efforts().pivot_table(index="week", columns="brand")
    table.columns = [f"{name}_{firm}" for name, firm in table.columns]
    table.to_csv(folder / "wide.csv")
    return "wide.csv"


def units_in_stores(folder):
    """Two stores that have numbers, quantities instead of sales, a store closed for weeks, no promotion."""
    parts = [shares_and_efforts(seed=store).assign(store=store) for store in (7, 12)]
    table = pd.concat(parts).rename(columns={"sales": "units sold"}).drop(columns="promo")
    table.loc[
        (table["store"] == 7) & (table["brand"] == "Nord") & (table["week"] < "2024-02-01"), "units sold"
    ] = None
    table.to_parquet(folder / "stores.parquet", index=False)
    return "stores.parquet"


def unnamed(folder):
    table = shares_and_efforts().drop(columns=["advertising", "promo"])
    table["week"] = table["week"].rank(method="dense").astype(int)
    table.columns = ["t", "who", "turnover", "x"]
    table.to_csv(folder / "plain.csv", index=False)
    return "plain.csv"


def dataset_of_stores():
    """Two stores, with names that say nothing and attributes that do; a store closed for weeks."""
    parts = [shares_and_efforts(seed=store).assign(store=store) for store in (7, 12)]
    cube = pd.concat(parts).set_index(["store", "brand", "week"]).to_xarray()
    cube["sales"].loc[{"store": 7, "brand": "Nord", "week": slice(None, "2024-01-30")}] = np.nan
    cube["promo"] = 100 * cube["promo"] * cube["price"] / cube["price"].max()
    cube["weather"] = ("week", np.linspace(2, 9, 28))
    cube["quantiles"] = (("store", "quantile"), np.ones((2, 5)))
    cube["owner"] = ("brand", np.array(["Ltd", "AG", "GmbH"]))
    for name, attributes in {
        "sales": {"units": "EUR", "long_name": "sales of the week"},
        "price": {"standard_name": "price", "units": "EUR/kg"},
        "promo": {"long_name": "mean discount", "units": "%"},
        "advertising": {"long_name": "advertising", "units": "EUR"},
    }.items():
        cube[name].attrs = attributes
    cube = cube.rename(sales="v1", price="v2", promo="v3", advertising="v4", week="t", store="s", brand="b")
    for name, title in {"t": "time", "s": "store", "b": "brand"}.items():
        cube[name].attrs["long_name"] = title
    return cube.transpose("t", "s", "b", ...)


def netcdf(folder):
    dataset_of_stores().to_netcdf(folder / "stores.nc", engine="h5netcdf")
    return "stores.nc"


def zarr_of_one_market(folder):
    """Firms and weeks alone; sales with a name that no formula can use; whole numbers name the firms."""
    cube = dataset_of_stores().isel(s=1, drop=True).rename(v1="Sales (EUR)")
    cube.assign_coords(b=[3, 8, 9]).drop_vars("owner").chunk({}).to_zarr(
        folder / "one.zarr", consolidated=False
    )
    return "one.zarr"


@pytest.mark.parametrize(
    ("make", "roles", "efforts"),
    [
        (german, (None, "Filiale", "Woche", "umsatz_eur"), "preis:price aktion: werbeausgaben:ratio"),
        (russian, (None, "Магазин", "Неделя", "Выручка"), "tsena:price aktsiya: raskhody_na_reklamu:ratio"),
        (two_sheets, (None, "brand", "week", "sales"), "price:price promo: advertising:ratio"),
        (wide, (None, "firm", "week", "sales"), "price:price promo: advertising:ratio"),
        (units_in_stores, ("store", "brand", "week", "units_sold"), "price:price advertising:"),
        (unnamed, (None, "who", "t", "turnover"), "x:"),
        (netcdf, ("s", "b", "t", "v1"), "v2:price v3: v4:ratio"),
        (zarr_of_one_market, (None, "b", "t", "sales_eur"), "v2:price v3: v4:ratio"),
    ],
)
def test_the_proposed_study_passes_and_says_what_the_table_means(tmp_path, make, roles, efforts):
    file = make(tmp_path)
    output = tmp_path / "study.yaml"
    proposal = propose(str(tmp_path / file), output)
    assert proposal.text.count("\n") < 60
    output.write_text(proposal.text, encoding="utf-8")
    study = load_study(output)
    assert (study.data.market, study.data.firm, study.data.time, study.data.sales) == roles
    kinds = {name: effort.role or effort.kind for name, effort in study.data.efforts.items()}
    assert " ".join(f"{name}:{kind.removeprefix('index')}" for name, kind in kinds.items()) == efforts
    panel = open_study_panel(study)
    data = panel.load(slice(None))
    assert data["sales"].shape == (2 if roles[0] else 1, 3, 28)
    assert panel.frequency == ("1" if make is unnamed else "1 week")
    truth = shares_and_efforts(seed=7 if roles[0] else 12 if make is zarr_of_one_market else 1)
    first = data["sales"].isel(market=0).sel(firm=9 if make is zarr_of_one_market else "West").to_numpy()
    np.testing.assert_allclose(first, truth.loc[truth["brand"] == "West", "sales"])
    assert study.validation.origins >= 2


def test_what_cannot_be_an_effort_is_left_out_with_its_reason(tmp_path):
    table = shares_and_efforts()
    table["temperature"] = table.groupby("week")["price"].transform("sum")
    table["floor"] = table["brand"].map({"Nord": 120, "Süd": 80, "West": 95})
    table["margin"] = 0.3 * table["sales"]
    table["echo"] = 3 * table["sales"]
    table.loc[3, "advertising"] = None
    table["line"] = range(len(table))
    table["list"] = "$" + table["price"].astype(str)
    table.to_csv(tmp_path / "table.csv", index=False)
    said = " ".join(propose(str(tmp_path / "table.csv"), tmp_path / "study.yaml").sentences)
    assert "not temperature: the same for all firms of a period" in said
    assert "not floor: it never changes for a firm" in said
    assert "not margin: a result" in said
    assert "not line: it numbers the rows" in said
    assert "not list: no numbers, but '$" in said
    assert "not echo: it goes with sales nearly one to one" in said
    assert "not advertising: values are missing in 1 row" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="sales"), r"the sales: .*--sales COLUMN"),
        (lambda t: t.assign(a=t["brand"], b=t["brand"]).drop(columns="brand"), "--firm with one of a, b"),
        (lambda t: t[["week", "brand", "sales"]], "the efforts: got nothing beside sales"),
        (lambda t: pd.concat([t, t]), "several rows with the same brand and week"),
        (
            lambda t: t.assign(week=week_of(t) % 14, year=2023 + week_of(t) // 14),
            "in two columns, year and week",
        ),
        (lambda t: t.assign(week="soon"), "the time: got no column that is clearly a period"),
        (lambda t: t.assign(debit=1.5, credit=2.5), "accounting postings"),
        (lambda t: t.assign(sales=-t["sales"]), "sales above 0"),
    ],
)
def test_what_cannot_be_guessed_is_refused_with_a_remedy(tmp_path, change, said):
    change(shares_and_efforts()).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(DataError, match=said):
        propose(str(tmp_path / "table.csv"), tmp_path / "study.yaml")


def test_all_that_is_open_is_said_at_once(tmp_path):
    table = shares_and_efforts().drop(columns=["sales", "promo"])
    table = table.assign(week="soon", a=table["brand"], b=table["brand"]).drop(columns="brand")
    table.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(DataError) as refused:
        propose(str(tmp_path / "table.csv"), tmp_path / "study.yaml")
    assert {problem.key for problem in refused.value.problems} == {"the time", "the sales", "the firm"}


def test_wrong_columns_are_refused_with_the_right_one(tmp_path):
    shares_and_efforts().to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(
        DataError, match=r"(?s)--firm: got the column brnd.*'brand'.*--sales: got the column sale"
    ):
        propose(str(tmp_path / "table.csv"), tmp_path / "study.yaml", Wishes(firm="brnd", sales="sale"))


def test_answers_count_as_options_do(tmp_path):
    asked = []

    def ask(question, choices):
        asked.append(question)
        return "x2"

    table = shares_and_efforts().rename(columns={"sales": "x1", "advertising": "x2"})
    table.to_csv(tmp_path / "table.csv", index=False)
    proposal = propose(str(tmp_path / "table.csv"), tmp_path / "study.yaml", Wishes(ask=ask))
    assert asked == ["Which column holds the firm's sales in the period?"]
    assert yaml.safe_load(proposal.text)["data"]["sales"] == "x2"


def test_of_many_markets_so_many_are_taken_as_fit_into_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "SECONDS", 1e-6)
    monkeypatch.setattr(scale, "_SERIAL", 0.0)
    parts = [shares_and_efforts(seed=town).assign(town=f"town {town}") for town in range(7)]
    pd.concat(parts).to_csv(tmp_path / "towns.csv", index=False)
    proposal = propose(str(tmp_path / "towns.csv"), tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_text(proposal.text)
    study = load_study(tmp_path / "study.yaml")
    assert study.data.markets == ("town 0", "town 3", "town 6")
    assert "3 of 7, spread evenly" in proposal.text
    assert (study.models.form, study.fit.starts) == (("investment",), 1)


@pytest.mark.parametrize(
    ("make", "encoding", "written"),
    [
        (german, "cp1252", "cp1252"),
        (russian, "cp1251", "cp1251"),
        (russian, "utf-16", "utf-16"),
        (german, "utf-16-be", "utf-16"),
        (german, "utf-8-sig", None),
    ],
)
def test_letters_of_any_windows_are_read(tmp_path, make, encoding, written):
    path = tmp_path / make(tmp_path)
    text = path.read_text(encoding="utf-8")
    text = text.replace("Süd", "Юг") if encoding == "cp1251" else text
    path.write_text(text, encoding="utf-8")
    source, roles = read_table(str(path), path.name, tmp_path / "study.yaml", Wishes())
    assert "encoding" not in source.keys
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + text).encode(encoding))
    again, found = read_table(str(path), path.name, tmp_path / "study.yaml", Wishes())
    assert again.keys == source.keys | ({"encoding": written} if written else {})
    assert found.columns == roles.columns
    for name, column in roles.sample.columns.items():
        assert found.sample.columns[name].texts.equals(column.texts)


def test_the_study_says_how_its_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[propose.__module__], "fit_into_time", lambda scale, *_: scale)
    path = tmp_path / russian(tmp_path)
    path.write_bytes(path.read_text(encoding="utf-8").replace("Süd", "Юг").encode("cp1251"))
    proposal = propose(str(path), tmp_path / "study.yaml")
    assert any("encoding cp1251: it is no UTF-8, and its letters make" in said for said in proposal.sentences)
    (tmp_path / "study.yaml").write_text(proposal.text, encoding="utf-8")
    study = load_study(tmp_path / "study.yaml")
    panel = open_study_panel(study)
    assert "Юг" in panel.firms
    panel.close()
    assert "encoding" in study.model_dump(mode="json")["data"]
    tidy = study.model_copy(update={"data": study.data.model_copy(update={"encoding": None})})
    assert "encoding" not in tidy.model_dump(mode="json")["data"], "studies without it keep their hash"


def test_the_user_knows_the_encoding_better(tmp_path):
    path = tmp_path / russian(tmp_path)
    path.write_bytes(path.read_text(encoding="utf-8").replace("Süd", "Юг").encode("cp866"))
    source, roles = read_table(str(path), path.name, tmp_path / "study.yaml", Wishes(encoding="cp866"))
    assert roles.columns["sales"] == "Выручка"
    assert source.reasons["encoding"] == "you said so"
    with pytest.raises(DataError, match="--encoding: got the encoding cp866 of a file that is no text"):
        propose(str(tmp_path / two_sheets(tmp_path)), tmp_path / "study.yaml", Wishes(encoding="cp866"))


@pytest.mark.parametrize(
    ("change", "wishes", "said"),
    [
        (lambda cube: cube.drop_vars("b"), Wishes(), "b: got an axis without labels; expected a coordinate"),
        (
            lambda cube: cube.isel(t=0, s=0),
            Wishes(),
            "got the variables v1 over b, .*expected variables over",
        ),
        (lambda cube: cube, Wishes(sales="v9"), "--sales: got the variable v9; expected one of v1, v2"),
        (lambda cube: cube, Wishes(firm="v1"), r"--firm: got the column v1; expected one of t, s, b"),
        (
            lambda cube: cube.drop_attrs(),
            Wishes(),
            r"(?s)the sales: .*--sales with one of.*the firm: .*one of s, b",
        ),
    ],
)
def test_a_dataset_that_cannot_be_guessed_is_refused_with_a_remedy(tmp_path, change, wishes, said):
    change(dataset_of_stores()).to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=said):
        propose(str(tmp_path / "odd.nc"), tmp_path / "study.yaml", wishes)


def gzip(folder):
    shares_and_efforts().to_csv(folder / "t.csv.gz", index=False)
    return folder / "t.csv.gz"


def bars(folder):
    shares_and_efforts().to_csv(folder / "t.txt", sep="|", index=False)
    return folder / "t.txt"


def parquet_in_parts(folder):
    parts = [shares_and_efforts(seed=store).assign(store=store) for store in (7, 12)]
    pd.concat(parts).to_parquet(folder / "parts", partition_cols=["store"])
    return folder / "parts"


def wide_sheet(folder):
    table = shares_and_efforts().pivot_table(index="week", columns="brand")
    table.columns = [f"{firm} {name}" for name, firm in table.columns]
    table.reset_index().to_excel(folder / "wide.xlsx", index=False)
    return folder / "wide.xlsx"


def classic_netcdf(folder):
    dataset_of_stores().drop_vars("owner").to_netcdf(folder / "t.cdf", engine="scipy")
    return folder / "t.cdf"


def by_url(folder):
    shares_and_efforts().to_csv("memory://beed/init.csv", index=False)
    return "memory://beed/init.csv"


@pytest.mark.parametrize("make", [gzip, bars, parquet_in_parts, wide_sheet, classic_netcdf, by_url])
def test_every_kind_of_file_that_is_read_gets_a_study(tmp_path, monkeypatch, make):
    monkeypatch.setattr(sys.modules[propose.__module__], "fit_into_time", lambda scale, *_: scale)
    proposal = propose(str(make(tmp_path)), tmp_path / "study.yaml")
    (tmp_path / "study.yaml").write_text(proposal.text, encoding="utf-8")
    panel = open_study_panel(load_study(tmp_path / "study.yaml"))
    assert set(panel.firms) == set(FIRMS)
    assert panel.frequency == "1 week"
    assert len(panel.efforts) == 3
    panel.close()
