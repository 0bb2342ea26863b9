"""What the fits of one model say of its parameters, over all markets."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.parameters import of_errors, of_firm
from pipeline.results.estimates import trusted_ends
from pipeline.results.frames.table import Table
from pipeline.results.intervals import normal_interval
from pipeline.results.tables.fits import Estimated, read_estimates
from pipeline.results.tables.sweep_tables import SweepTables


def summarise_parameters(tables: SweepTables, model: str) -> Table:
    """Sum up the estimates of a model in the first window; constants and shares of firms are left out.

    Parameters
    ----------
    tables
        Of the sweep.
    model
        Its name.

    Returns
    -------
    Table
        One row a parameter that is not fixed. Of a single market: param, unit, value, low, high (the 95 %
        interval to trust). Of several: param, unit, median, lower and upper quartile of the estimates over
        markets, above and below (markets where the whole interval is above or below 0), undetermined, of.
    """
    estimates = read_estimates(tables, model)
    low, high = _intervals(tables, model, estimates)
    single = tables.info.n_markets == 1
    rows = []
    units = tables.units_of(model).tolist()
    for column, param in enumerate(tables.params_of(model).tolist()):
        here = estimates.known[:, column] & ~estimates.fixed[:, column]
        if of_errors(param) or of_firm(param) or not here.any():
            continue
        value, unit = estimates.value[here, column], str(units[column])
        if single:
            rows.append((param, unit, *map(float, (value[0], low[here, column][0], high[here, column][0]))))
            continue
        known = value[~np.isnan(value)]
        quartiles = np.quantile(known, (0.5, 0.25, 0.75)) if len(known) else np.full(3, np.nan)
        signs = int(np.sum(low[here, column] > 0.0)), int(np.sum(high[here, column] < 0.0))
        rows.append((param, unit, *map(float, quartiles), *signs, len(value) - len(known), len(value)))
    several = (
        "param",
        "unit",
        "median",
        "quartile_1",
        "quartile_3",
        "above_0",
        "below_0",
        "undetermined",
        "of",
    )
    table = Table.from_rows(("param", "unit", "value", "low", "high") if single else several, rows)
    kept = [name for name in table.columns if name != "undetermined" or np.any(table[name] > 0)]
    return table.select(kept)


def _intervals(tables: SweepTables, model: str, estimates: Estimated) -> tuple[Floats, Floats]:
    """Give both ends (market, param) of the interval to trust; of standard errors where none is stored."""
    arrays = tables.arrays(model)
    if "interval" not in arrays:
        return normal_interval(estimates.value, estimates.stderr)
    ends, _ = trusted_ends(tables, arrays)
    return ends[..., 0], ends[..., 1]
