"""Prices of a calibrated market, as its study says that firms set them."""

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.formula.expression import parse
from pipeline.config.sections.data import EFFORT_FUNCTIONS, DataSection
from pipeline.config.study import Study
from pipeline.errors import QueryError
from pipeline.panel.market import MarketArrays
from pipeline.results.prices.index import PriceIndex

if TYPE_CHECKING:
    import xarray as xr

_PRICE = re.compile(r"price", re.IGNORECASE)


def read_prices(
    study: Study, panel: "xr.Dataset", arrays: MarketArrays, present: NDArray[np.bool_]
) -> tuple[PriceIndex, ...]:
    """Read the prices of the firms present (N,) in the periods known of a market.

    Raises
    ------
    QueryError
        The store does not have them.
    """
    data = study.data
    roles = {} if data is None else {name: one for name, one in data.efforts.items() if one.role is not None}
    if not roles:
        return ()
    if "prices" not in panel:
        raise QueryError(
            f"The study says that firms set {', '.join(roles)}, but the data in the store have no prices. "
            "Run the study again."
        )
    efforts = [str(name) for name in panel["effort"].values]
    labels = {"market": arrays.market, "firm": arrays.firms[present], "time": arrays.times}
    cells = panel["prices"].sel(labels).transpose("priced", "time", "firm")
    found = []
    for name, values in zip(cells["priced"].values.tolist(), cells.values, strict=True):
        section = roles[str(name)]
        formula = section.formula
        expression = None if formula is None else parse(formula, functions=EFFORT_FUNCTIONS)
        history = np.where(arrays.active[:, present], values, 0.0)
        found.append(PriceIndex(efforts.index(str(name)), str(section.column), expression, history))
    return tuple(found)


def unpriced_efforts(study: Study) -> tuple[str, ...]:
    """Name the efforts of kind index that seem to be made of prices without the study saying so."""
    if not isinstance(study.data, DataSection):
        return ()
    found = []
    for name, effort in study.data.efforts.items():
        formula = effort.formula
        columns = () if formula is None else parse(formula, functions=EFFORT_FUNCTIONS).names
        words = (name, effort.column or "", *columns)
        if effort.kind == "index" and effort.role is None and any(map(_PRICE.search, words)):
            found.append(name)
    return tuple(found)
