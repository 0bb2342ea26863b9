"""Every table that a sweep can be asked for by name: SQL, `beed export`, the help and the site list these.

A new table is a file with its builder, and a line here. Builders are named by strings and imported when their
table is wanted, so that ``beed --help`` lists the tables without importing any of what builds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pipeline.results.frames.table import Table
    from pipeline.results.tables.sweep_tables import SweepTables


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table that can be asked for.

    Attributes
    ----------
    sentence
        What a row is, for people.
    builder
        ``module:function``; the function takes `SweepTables` and, as ``by`` says, more.
    by
        How it can be built piece by piece, which keeps large tables out of memory: ``model`` takes models and
        markets (a selection), ``market`` the same but its pieces hold all models, ``sweep`` nothing more.
        Tables by sweep follow from what is stored, the others are what is stored.
    """

    sentence: str
    builder: str
    by: Literal["model", "market", "sweep"] = "sweep"

    def build(self, tables: "SweepTables", *selection: Any) -> "Table":
        """Build the table, or the piece of it that is selected by models and markets."""
        module, _, function = self.builder.partition(":")
        table: Table = getattr(import_module(module), function)(tables, *selection)
        return table


TABLES: Mapping[str, TableEntry] = {
    "fits": TableEntry(
        "a fit: model, market, window, status, information criteria and all other statistics",
        "pipeline.results.tables.fits:fits",
        "model",
    ),
    "params": TableEntry(
        "a parameter of a usable fit: unit, value, standard error, whether it is at a bound",
        "pipeline.results.tables.fits:params",
        "model",
    ),
    "starts": TableEntry(
        "a start of a fit, and the cost it reached", "pipeline.results.tables.fits:starts", "model"
    ),
    "trajectories": TableEntry(
        "a firm and period of a fit: share and sales, calibrated and observed",
        "pipeline.results.tables.trajectories:trajectories",
        "model",
    ),
    "validation": TableEntry(
        "an error of forecasts: market, window, model or baseline, future, metric",
        "pipeline.results.tables.forecast_errors:validation",
        "market",
    ),
    "horizons": TableEntry(
        "an error of forecasts so many periods ahead",
        "pipeline.results.tables.forecast_errors:horizons",
        "market",
    ),
    "replicates": TableEntry(
        "a parameter of a bootstrap replicate", "pipeline.results.tables.uncertainty:replicates", "model"
    ),
    "intervals": TableEntry(
        "an interval of a parameter: method, level, lower and upper end",
        "pipeline.results.tables.uncertainty:intervals",
        "model",
    ),
    "directions": TableEntry(
        "parameters that the data cannot tell apart well, in words, and how well",
        "pipeline.results.tables.uncertainty:directions",
        "model",
    ),
    "endogeneity": TableEntry(
        "an endogenous effort of a fit: first stage, F of its instruments, Hausman's test of exogeneity",
        "pipeline.results.tables.uncertainty:endogeneity",
        "model",
    ),
    "experiments": TableEntry(
        "an experiment of a fit: what was measured, what the model says, residual, whether it is flagged",
        "pipeline.results.experiments.table:experiments",
        "model",
    ),
    "comparison": TableEntry(
        "a model or baseline: mean error, difference to the best baseline, significance",
        "pipeline.results.tables.comparison:comparisons",
    ),
    "akaike": TableEntry(
        "a model and market: criteria against the best model, Akaike weights",
        "pipeline.results.tables.choice:akaike",
    ),
    "stacking": TableEntry(
        "a model or baseline and market: weight by the density of its forecasts",
        "pipeline.results.tables.choice:stacking",
    ),
    "recipes": TableEntry(
        "an origin: the model that the contender auto chose there, by forecasts before it",
        "pipeline.results.recipes:recipes",
    ),
    "regimes": TableEntry(
        "a model and market: γ, the regime it means, half-life of adjustments",
        "pipeline.results.tables.regimes:regimes",
    ),
    "elasticities": TableEntry(
        "an effort of a firm and a share that it moves: elasticity by the model of the verdict, interval",
        "pipeline.results.effects.tables:elasticities",
    ),
    "contributions": TableEntry(
        "a cause of what became of a firm's share or sales from the first period to the last, interval",
        "pipeline.results.effects.tables:contributions",
    ),
    "totals": TableEntry(
        "a model of total sales and market: error of the logarithm in held-out periods, whether the smallest",
        "pipeline.results.totals.tables:totals",
    ),
    "drift": TableEntry(
        "a parameter of a vintage: value then and now, change; errors of the forecasts made then",
        "pipeline.results.tables.drift:drift",
    ),
    "forecasts": TableEntry(
        "a firm and period of a stored forecast: share, sales, expense",
        "pipeline.results.tables.forecasts:forecasts",
    ),
    "forecast_takings": TableEntry(
        "a firm and period of a stored forecast in which firms enter: what they take from it",
        "pipeline.results.tables.forecasts:forecast_takings",
    ),
    "forecast_bands": TableEntry(
        "a quantile of a share and of sales in a stored forecast",
        "pipeline.results.tables.forecasts:forecast_bands",
    ),
    "columns": TableEntry(
        "a column of one of these tables: unit, meaning",
        "pipeline.results.tables.dictionary.columns:columns",
    ),
}
