"""A model of a sweep composed again from its study, and its parameters as the store has them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config.catalogue import own_curves
from pipeline.errors import QueryError
from pipeline.panel.market import MarketArrays
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.shared.first_stages import read_first_stages
from pipeline.validation.windows import ALL

if TYPE_CHECKING:
    from pipeline.models.market_model import MarketModel


def compose(
    tables: SweepTables, model: str, market: MarketArrays, efforts: tuple[str, ...], window: str = ALL
) -> "MarketModel":
    """Compose a model of a sweep for some periods of one of its markets, as it was calibrated.

    Parameters
    ----------
    tables
        Of the sweep.
    model
        One of its models.
    market
        The periods that the window has.
    efforts
        Names along its effort axis.
    window
        Whose first stages to take, where they are pooled over markets.

    Raises
    ------
    QueryError
        The sweep has no such model, or does not hold its study.
    """
    from pipeline.models.composing.build import build_model

    study = tables.study
    if model not in tables.variants:
        known = ", ".join(tables.variants)
        raise QueryError(f"The study of the sweep {tables.info.name} has no model {model}; it has {known}.")
    variant, pooled = tables.variants[model], None
    if variant.pooled_stages_under(study.fit):
        pooled = read_first_stages(tables.session, tables.info.name, model)[window]
    return build_model(variant, market, efforts, study.fit, own_curves(study.curves), pooled)


def places_of(
    problem: "MarketModel", params: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find the parameters of a composed model along the axis ``param``.

    A store from before the gain does not name it: its studies hold it at 0 or 1; nor an autocorrelation of
    the errors, which was 0.

    Returns
    -------
    places : (P,) array of int
        0 for one that the store does not name.
    named : (P,) array of bool
    """
    names = [str(name) for name in params]
    named = np.isin(problem.names, names)
    places = [names.index(name) if known else 0 for name, known in zip(problem.names, named, strict=True)]
    return np.array(places, dtype=np.intp), named
