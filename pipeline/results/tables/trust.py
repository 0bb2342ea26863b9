"""What `beed show` says of how far estimates can be trusted: weak directions, correlated errors."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.results.tables.fits import SweepTables
from pipeline.results.tables.frame import Table

# Correlations this many standard errors from zero are counted; chance makes one of 20 fits look so.
_SIGNIFICANT = 1.96
_CHANCE = 0.05


def summarise_directions(tables: SweepTables, usable: np.ndarray) -> tuple[Table, Table]:
    """Count the fits of the first window in which the same parameters move together.

    Parameters
    ----------
    tables
        Of a sweep.
    usable
        (model,) fits of the first window that can be used.

    Returns
    -------
    undetermined, weak : Table
        Directions that the data do not see, and that they see badly: one row a model and sentence, with the
        number of fits, a market for example, and the median strength; the commonest first.
    """
    from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE

    names = ("model", "what", "fits", "of", "example", "strength")
    rows: tuple[list, list] = ([], [])
    for place, model in enumerate(tables.info.models):
        table = tables.directions([model])
        table = table.take(table["window"] == tables.labels("window")[0])
        blind = table["strength"] <= RANK_TOLERANCE
        for chosen, into in ((blind, rows[0]), (~blind, rows[1])):
            part = table.take(chosen)
            for sentence in dict.fromkeys(part["sentence"].tolist()):
                here = part.take(part["sentence"] == sentence)
                strength = float(np.median(here["strength"]))
                fits = len(set(here["market"].tolist()))
                into.append((model, sentence, fits, int(usable[place]), here["market"][0], strength))
    undetermined, weak = (
        Table.from_rows(names, sorted(found, key=lambda row: -row[2] / max(row[3], 1))) for found in rows
    )
    return Table({name: undetermined[name] for name in names[:-1]}), weak


def summarise_correlation(models: Sequence[str], statistic: Mapping[str, np.ndarray]) -> Table:
    """Name the models whose errors hang together over time.

    Parameters
    ----------
    models
        Names.
    statistic
        (model, market) of every statistic; stores of early versions lack the autocorrelation.

    Returns
    -------
    Table
        Model, median correlation of errors one period apart, fits in which it differs from 0, of how many.
    """
    rows = []
    if "autocorrelation" in statistic:
        degrees = statistic["n_residual"] - statistic["n_free"]
        for place, model in enumerate(models):
            known = np.isfinite(statistic["autocorrelation"][place]) & (degrees[place] > 0)
            found = statistic["autocorrelation"][place][known]
            fits = int(np.sum(np.abs(found) > _SIGNIFICANT / np.sqrt(degrees[place][known])))
            if fits > max(2 * _CHANCE * found.size, 0):
                rows.append((model, float(np.median(found)), fits, found.size))
    return Table.from_rows(("model", "correlation", "fits", "of"), rows)
