"""Calibrated and observed shares and sales as a table, and how they follow from what is stored."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import long_table, market_axes, model_by_model, read_cells
from pipeline.results.tables.sweep_tables import Selection, SweepTables


def observed_shares(sales: Floats, axis: int) -> Floats:
    """Divide sales by their sum over the axis of the firms; nan where a firm is absent."""
    with np.errstate(invalid="ignore"):  # periods in which nobody sells
        return sales / _market_sales(sales, axis)


def calibrated_sales(share: Floats, sales: Floats, axis: int) -> Floats:
    """Multiply calibrated shares by the observed sales of all firms of the market.

    Parameters
    ----------
    share, sales
        Arrays that broadcast against each other.
    axis
        That of the firms.
    """
    return share * _market_sales(sales, axis)


def _market_sales(sales: Floats, axis: int) -> Floats:
    total: Floats = np.nansum(sales, axis=axis, keepdims=True)
    return total


@model_by_model
def trajectories(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every firm and period of every fit: share and sales as calibrated, and as observed."""
    # What computes shares composes models, which take a second to import: SQL asks for other tables as well.
    from pipeline.results.fitted_shares.computed import fitted_shares

    share = fitted_shares(tables, model, markets)
    sales = np.broadcast_to(read_cells(tables.panel_arrays()["sales"], markets)[:, None], share.shape)
    values = {
        "share": share,
        "sales": calibrated_sales(share, sales, axis=2),
        "observed_share": observed_shares(sales, axis=2),
        "observed_sales": sales,
    }
    axes = {**market_axes(tables, markets), "firm": tables.labels("firm"), "time": tables.labels("time")}
    return long_table(axes, values, keep="share")
