"""What all pictures have in common, and pictures of what a model leaves."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pipeline.reporting.plots.files import save_figure
from pipeline.reporting.plots.residuals import draw_residuals
from pipeline.reporting.plots.style import COLOURS, broken, decades_axis, head
from pipeline.reporting.plots.validation import draw_coverage


def test_lines_break_where_periods_are_missing():
    months = np.array(["2025-01", "2025-02", "2025-03", "2025-07", "2025-08"], dtype="datetime64[M]")
    time, value = broken(months.astype("datetime64[D]"), np.arange(5.0))
    assert np.isnan(value).tolist() == [False, False, False, True, False, False]
    assert np.datetime64("2025-03-01") < time[3] < np.datetime64("2025-07-01")
    whole = np.arange("2025-01", "2025-12", dtype="datetime64[M]").astype("datetime64[s]")
    assert broken(whole, np.arange(11.0))[0] is whole, "months differ in length, and none is missing"
    assert len(broken(np.array([1, 2, 3, 7]), np.zeros(4))[0]) == 5


@pytest.mark.parametrize(("values", "scale"), [([1, 30], "log"), ([1, 5], "linear"), ([-1, 30], "linear")])
def test_what_spans_decades_is_logarithmic(values, scale):
    axes = Figure().subplots()
    decades_axis(axes, "y", np.array([*values, np.nan]))
    assert axes.get_yscale() == scale


def test_long_titles_go_on_beside_the_legend():
    figure = Figure(figsize=(6.0, 2.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], label="a name of some length")
    head(figure, "a title " * 12, axes)
    figure.draw_without_rendering()
    title = figure._suptitle.get_window_extent()
    (legend,) = (one.get_window_extent() for one in figure.legends)
    assert title.x1 < legend.x0
    assert title.x0 >= 0.0


def test_areas_have_the_colours_of_lines(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    (bar,) = axes.bar([0], [1], color="C3")
    save_figure(figure, tmp_path / "bar.png")
    assert to_hex(bar.get_facecolor()) == COLOURS.by_key()["color"][3]


def test_residuals_and_coverage_are_the_numbers():
    time = np.arange(6)
    share = np.full((2, 6), 0.5)
    observed = share + np.array([[0.1], [-0.1]]) * np.sin(time)
    one = xr.Dataset(
        {"share": (("firm", "time"), share), "observed_share": (("firm", "time"), observed)},
        coords={"firm": ["A", "B"], "time": time},
    )
    over_time, against = draw_residuals(one).axes
    drawn = {line.get_label(): line.get_ydata() for line in over_time.get_lines()}
    np.testing.assert_allclose(drawn["A"], 0.1 * np.sin(time))
    assert len(against.get_lines()) == 3
    counts = np.array([10, 20, 40, 30])
    axes = draw_coverage([("model", counts)], [False]).axes[0]
    line = axes.get_lines()[1]
    np.testing.assert_allclose(line.get_xdata(), [0.0, 0.5, 1.0])
    np.testing.assert_allclose(line.get_ydata(), [0.0, 0.6, 1.0])
