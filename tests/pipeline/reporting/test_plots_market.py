"""Plots: the right file, the right lines; the look is checked by eye."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pipeline import open_store
from pipeline.errors import QueryError
from pipeline.reporting.plots.market import draw_market, plot_market
from pipeline.results.curves import ResponseCurve, response_curves

MODEL = "investment-mnl"


def curve(name, points=5):
    level = np.linspace(0.0, 1.0, points)
    return ResponseCurve(name, "1", level, level**2, level**2 - 0.1, level**2 + 0.1)


@pytest.fixture
def results(filled):
    return open_store(filled.path)


def test_every_firm_and_every_effort_has_a_panel(results):
    trajectory = results.trajectories(MODEL).isel(window=0).sel(market=5).load()
    figure = draw_market(trajectory, [curve("discount"), curve("deal")])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Tropicana", "Minute Maid", "Dominick's", "Florida's Natural", "", ""]
    observed, fitted = figure.axes[1].lines
    np.testing.assert_array_equal(observed.get_ydata(), trajectory.observed_share.sel(firm="Minute Maid"))
    assert fitted.get_ydata().tolist() == [0.25] * 6
    assert [axes.get_xlabel() for axes in figure.axes[4:]] == ["discount", "deal"]
    assert figure.axes[4].lines[0].get_ydata().tolist() == [0.0, 0.0625, 0.25, 0.5625, 1.0]
    assert len(figure.axes[4].collections) == 1, "the band"


def test_large_markets_show_their_largest_firms(results):
    trajectory = results.trajectories(MODEL).isel(window=0).sel(market=5).load()
    many = trajectory.isel(firm=np.arange(20) % 4).assign_coords(firm=[f"firm {n}" for n in range(20)])
    many["observed_share"] = many.observed_share * 0 + np.arange(20)[:, None]
    titles = [axes.get_title() for axes in draw_market(many, [curve("deal")]).axes if axes.get_title()]
    assert titles == [f"firm {n}" for n in range(8, 20)]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_files_are_written(results, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("pipeline.reporting.plots.market.known_curves", lambda *_: (curve("deal"),))
    out = plot_market(results, tmp_path / f"market.{suffix}", market="5")
    if suffix == "png":
        assert out.read_bytes().startswith(b"\x89PNG")
    else:
        assert ET.parse(out).getroot().tag.endswith("svg")


def test_the_best_model_of_the_first_market_is_drawn(results, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "pipeline.reporting.plots.market.known_curves",
        lambda _, *what: asked.append(what) or (curve("deal"),),
    )
    plot_market(results, tmp_path / "a.svg")
    plot_market(results, tmp_path / "b.svg", market=8)
    plot_market(results, tmp_path / "c.svg", market=8, model=MODEL)
    assert asked == [(2, "scaled-hill"), (8, MODEL), (8, MODEL)]


@pytest.mark.parametrize(
    ("name", "conditions", "says"),
    [
        ("x.pdf", {}, "ends in .png or .svg"),
        ("x.png", {"market": 99}, "no market 99"),
        ("x.png", {"market": 8, "model": "scaled-hill"}, "no usable fit to draw for market 8"),
    ],
)
def test_what_cannot_be_drawn_is_said(results, tmp_path, name, conditions, says):
    with pytest.raises(QueryError, match=says):
        plot_market(results, tmp_path / name, **conditions)
    assert list(tmp_path.glob("x.*")) == []


def test_a_sweep_without_its_study_has_no_curves(results):
    with pytest.raises(QueryError, match="does not hold its study"):
        response_curves(results, 5, MODEL)
