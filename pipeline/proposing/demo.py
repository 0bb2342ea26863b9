"""A table for first steps: a simulated shopping centre, whose truth is known.

It is made from `configs/mall.yaml`, which the wheel has beside this file; only settings are shipped.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.load import load_study
from pipeline.panel.open import open_study_panel

_STUDY = "mall.yaml"
# Enough to see the truth again, and little enough for a minute of one core.
_SMALLER = ("simulate.markets=2", "simulate.firms=5")


def simulated_study() -> Path:
    """Give the study that the table is simulated by: in the installed package, or in the clone."""
    packed = Path(str(files("pipeline.proposing") / _STUDY))
    return packed if packed.exists() else Path(__file__).parents[2] / "configs" / _STUDY


def demo_table() -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate the table.

    Returns
    -------
    table : DataFrame
        A row for each centre, shop and week: sales, and what the shop spends, in tenge.
    truth : dict of str to float
        Parameters that made it.
    """
    study = load_study(simulated_study(), _SMALLER)
    panel = open_study_panel(study)
    data = panel.load(slice(None))
    panel.close()
    order = ("market", "time", "firm")
    sales = data["sales"].transpose(*order).to_numpy().reshape(-1)
    markets, weeks, shops = (data[axis].to_numpy() for axis in order)
    table = pd.DataFrame(
        {
            "centre": np.repeat(markets, weeks.size * shops.size),
            "week": np.tile(np.repeat(weeks.astype("datetime64[D]").astype(str), shops.size), markets.size),
            "shop": np.tile(shops, markets.size * weeks.size),
            "sales": np.round(sales),
        }
    )
    for name in data["effort"].to_numpy().tolist():
        part = data["efforts"].sel(effort=name).transpose(*order).to_numpy().reshape(-1)
        table[f"{name}_spend"] = np.round(part * sales)
    assert study.simulate is not None
    return table, dict(study.simulate.truth.parameters)
