"""Pictures of what is to come show the numbers of the forecast and of the plan."""

import numpy as np
import pytest
from shops import run_shops

from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import Scenario
from pipeline.errors import QueryError
from pipeline.forecasting.scenario import forecast
from pipeline.panel.market import market_arrays
from pipeline.planning.flight import flight_plan
from pipeline.reporting.plots.ahead import draw_forecast, draw_plan, plot_forecast, plot_plan


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return run_shops(tmp_path_factory.mktemp("shops"))


def line(axes, label):
    return next(one for one in axes.get_lines() if one.get_label() == label).get_ydata()


def test_a_forecast(shops, tmp_path):
    text = {"scenario": "push", "horizon": 4, "uncertainty": {"draws": 30}}
    made = forecast(shops, Scenario.model_validate(text | {"firms": {"C": {"place": {"factor": 1.5}}}}))
    one = made.market(2)
    past = market_arrays(shops.panel(), 2)
    figure = draw_forecast(made, one, past)
    assert figure.axes[0].get_title() == "C (plan)", "firms with a plan come first"
    assert len(figure.axes) == 4
    np.testing.assert_array_equal(line(figure.axes[0], "at the estimates"), one.share[:, 2])
    np.testing.assert_array_equal(line(figure.axes[0], "observed"), past.share[-12:, 2])
    bands = figure.axes[0].collections
    assert [band.get_label() for band in bands] == ["5% to 95%", "25% to 75%"]
    heights = bands[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == one.share_quantile[0][:, 2].min()
    assert heights.max() == one.share_quantile[-1][:, 2].max()
    assert plot_forecast(shops, made, tmp_path / "f.png", market=2).stat().st_size > 10_000
    with pytest.raises(QueryError, match="expected a name that ends in"):
        plot_forecast(shops, made, tmp_path / "f.pdf")


def test_a_plan(shops, tmp_path):
    settings = PlanSettings(firm="B", market=1, by="+6", target=0.3, uncertainty={"draws": 0})
    found = flight_plan(shops, settings)
    figure = draw_plan(found, market_arrays(shops.panel(), 1))
    assert [axes.get_title() for axes in figure.axes] == ["share", "expenses per period", "discount", "place"]
    np.testing.assert_array_equal(line(figure.axes[0], "cheapest"), found.plan.course.share[:, 1])
    np.testing.assert_array_equal(line(figure.axes[0], "target"), [0.3])
    assert plot_plan(shops, found, tmp_path / "p.svg").read_text().startswith("<?xml")
