"""Answers as rows and as labelled arrays: the same numbers, and what xarray derives of them is an answer."""

import numpy as np
import xarray as xr

from pipeline.results.effects.answer import Answer


def test_rows_and_arrays_hold_the_same():
    value = np.arange(6.0).reshape(2, 3)
    value[1, 2] = np.nan
    axes, coords = ("firm", "effort"), {"firm": ["A", "B"], "effort": ["x", "y", "z"], "model": "m"}
    plain = xr.Dataset(
        {"value": (axes, value), "low": (axes, value - 1)}, coords | {"unit": ("effort", [*"abc"])}
    )
    answer = Answer.of(plain)
    rows = answer.to_pandas()
    assert list(rows.columns) == ["firm", "effort", "model", "unit", "value", "low"]
    assert len(rows) == 5, "places without a value are no rows"
    back = rows.set_index(["firm", "effort"])[["value", "low"]].to_xarray()
    xr.testing.assert_equal(back, plain.drop_vars(["model", "unit"]))
    part = answer.sel(firm="B")
    assert isinstance(part, Answer)
    assert part.to_pandas()["unit"].tolist() == ["a", "b"]
    assert type(part.to_xarray()) is xr.Dataset
    xr.testing.assert_identical(answer.to_xarray(), plain)
