"""Searching, filtering, sorting and paging of markets, against the same done by pandas on the whole table."""

import re

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import QueryError
from pipeline.explore.market_list import MarketList, Wanted
from pipeline.status import Status

COUNT = 300


class Made:
    """Tables of one model with statistics drawn at random."""

    def __init__(self, labels):
        random = np.random.default_rng(5)
        self._labels = labels
        codes = random.choice(
            [Status.CONVERGED, Status.NO_FINITE_START, Status.PENDING], COUNT, p=(0.7, 0.2, 0.1)
        )
        self.codes = codes[:, np.newaxis]
        usable = codes == Status.CONVERGED
        self.rmse = np.where(usable, random.choice([0.01, 0.02, 0.05, 0.1], COUNT), np.nan)

    def labels(self, axis):
        return self._labels

    def status(self, model):
        return self.codes

    def statistics(self, model):
        return {"rmse": self.rmse, "adjustment_rate": np.full(COUNT, np.log(2.0))}


@pytest.fixture(params=["numbers", "names"])
def made(request):
    numbers = np.random.default_rng(1).permutation(COUNT)
    names = np.array([f"Shop {number:03}" for number in numbers], dtype=object)
    return Made(numbers if request.param == "numbers" else names)


def frame(made):
    names = {int(status): status.reason for status in Status}
    status = [names[int(code)] for code in made.codes[:, 0]]
    return pd.DataFrame({"market": made.labels("market"), "status": status, "rmse": made.rmse})


@pytest.mark.parametrize("sort", ["", "market", "-market", "rmse", "-rmse"])
@pytest.mark.parametrize("status", ["", "converged", "failed"])
def test_the_same_markets_as_pandas_in_the_same_order(made, sort, status):
    found = MarketList(made, "any")
    places = found.find(
        Wanted(search="SHOP 1" if made.labels("").dtype == object else "1", status=status, sort=sort)
    )
    whole = frame(made)
    keep = (
        whole["market"]
        .astype(str)
        .str.contains("Shop 1" if made.labels("").dtype == object else "1", regex=False)
    )
    if status:
        keep &= whole["status"] == {"failed": "no_finite_start"}.get(status, status)
    expected = whole[keep]
    if sort:
        rises = not sort.startswith("-")
        expected = expected.sort_values(
            sort.removeprefix("-"), ascending=rises, kind="stable", na_position="last"
        )
    assert made.labels("")[places].tolist() == expected["market"].tolist()


def test_a_column_within_its_ends(made):
    places = MarketList(made, "any").find(Wanted(column="rmse", low=0.02, high=0.05))
    assert places.tolist() == np.flatnonzero((made.rmse >= 0.02) & (made.rmse <= 0.05)).tolist()


def test_a_rate_of_ln_2_halves_in_one_period(made):
    table = MarketList(made, "any").table(np.array([0, 1]))
    np.testing.assert_allclose(table["half_life"], 1.0)


def test_unknown_columns_and_statuses_are_refused(made):
    found = MarketList(made, "any")
    with pytest.raises(QueryError, match=r"Got the column 'rsme'; expected one of rmse, aicc"):
        found.find(Wanted(column="rsme", low=0.0))
    with pytest.raises(QueryError, match=r"Got the status 'good'; expected one of usable, failed, pending"):
        found.find(Wanted(status="good"))


def test_the_pages_of_the_list_hold_every_market_once(visitor, kept, monkeypatch):
    monkeypatch.setattr("pipeline.explore.pages.markets._ROWS", 3)
    client = visitor(kept.store)
    seen, address = [], "/markets?sort=-market&model=scaled-hill"
    while address:
        page = client.get(address).text
        seen += re.findall(r'<th scope="row"><a href="/market\?market=(\d+)', page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == ["21", "18", "14", "12", "8", "5", "2"]


def test_the_file_holds_what_the_page_shows(visitor, kept):
    client = visitor(kept.store)
    asked = "model=scaled-hill&status=failed"
    assert "1 of 7 markets" in client.get(f"/markets?{asked}").text
    answer = client.get(f"/markets.csv?{asked}")
    assert answer.headers["content-disposition"] == 'attachment; filename="markets-scaled-hill.csv"'
    assert [line.split(",")[:2] for line in answer.text.splitlines()] == [
        ["market", "status"],
        ["8", "no_finite_start"],
    ]
