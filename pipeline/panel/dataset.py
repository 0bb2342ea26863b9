"""Markets of a panel as a labelled dataset."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from pipeline.panel.efforts import Effort


def panel_dataset(
    axes: dict[str, np.ndarray],
    inputs: Sequence[Effort],
    sales: np.ndarray,
    efforts: np.ndarray,
    currency: str,
) -> xr.Dataset:
    """Label the data of some markets.

    Parameters
    ----------
    axes : dict of str to array
        Labels of ``market`` (L), ``firm`` (N) and ``time`` (T).
    inputs : sequence of Effort
        The K efforts.
    sales : (L, N, T) array
        Sales, currency per period; nan for an absent firm.
    efforts : (L, N, K, T) array
        Efforts; nan likewise.
    currency : str
        Unit of money.

    Returns
    -------
    Dataset
        `sales` and `efforts` over the axes `market`, `firm`, `effort` and `time`; `kind`, `unit` and
        `description` of each effort.
    """
    of_efforts = {
        "effort": ("name", "effort"),
        "kind": ("kind", "kind of effort"),
        "unit": ("unit", "unit of the effort"),
        "description": ("long_name", "what the effort is"),
    }
    return xr.Dataset(
        {
            "sales": (
                ("market", "firm", "time"),
                sales,
                {"units": f"{currency} / period", "long_name": "sales"},
            ),
            "efforts": (
                ("market", "firm", "effort", "time"),
                efforts,
                {"units": "see unit(effort)", "long_name": "input of the market function"},
            ),
        },
        coords={
            "market": ("market", axes["market"], {"long_name": "market"}),
            "firm": ("firm", axes["firm"], {"long_name": "firm"}),
            "time": ("time", axes["time"], {"long_name": "period", "axis": "T"}),
            **{
                name: ("effort", np.array([getattr(one, field) for one in inputs]), {"long_name": long_name})
                for name, (field, long_name) in of_efforts.items()
            },
        },
    )
