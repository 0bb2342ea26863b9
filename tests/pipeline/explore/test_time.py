"""Pages about time: parameters through vintages, drift, and plans against what has happened."""

import re

import pytest
from planned import write_planned

from pipeline.planning.stored import deviations
from pipeline.results.result_store import open_store
from pipeline.store.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_planned(tmp_path_factory.mktemp("planned"))


def test_vintages_are_drawn_and_what_moved_is_said(visitor, folder):
    client = visitor(Store.open(folder / "runs"))
    page = client.get("/drift").text
    assert "2 vintages: 2025-10-06, 2025-10-20." in page
    assert 'aria-label="Parameters of all markets by vintage, as lines"' in page
    assert "Since the vintage of 2025-10-06, " in page
    of_market = client.get("/drift?market=2&param=price").text
    assert 'aria-label="Parameters of market 2 by vintage, as lines"' in of_market
    assert "No vintage has estimates of param nothing" in client.get("/drift?param=nothing").text


def test_a_plan_is_held_against_what_has_happened(visitor, folder):
    client = visitor(Store.open(folder / "runs"))
    page = client.get("/plans").text
    (found,) = deviations(open_store(folder / "runs", sweep="shops"))
    assert "hold-a (live)" in page
    assert f"A in market 1 has {found.observed:.4g} in 2025-10-20, planned {found.planned:.4g}" in page
    assert len(re.findall(r"<svg[^>]*Planned share of A", page)) == 1
