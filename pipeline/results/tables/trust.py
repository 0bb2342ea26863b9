"""How far estimates can be trusted, in counts of fits: weak directions, correlated errors."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE
from pipeline.results.frames.table import Table
from pipeline.results.intervals import Z95
from pipeline.results.tables.fits import params
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables
from pipeline.results.tables.uncertainty import directions
from pipeline.status import NoForecast, is_usable

EDGE = "f ≥ 0"
"""The bound of parameters that would make the market function negative."""

# Correlations more than `Z95` standard errors from zero are counted; chance makes one of 20 fits look so.
_CHANCE = 0.05


def summarise_directions(
    tables: SweepTables,
    usable: np.ndarray,
    models: Sequence[str] | None = None,
    markets: Selection = ALL_MARKETS,
) -> tuple[Table, Table]:
    """Count the fits of the first window in which the same parameters move together.

    Parameters
    ----------
    tables
        Of a sweep.
    usable
        (model,) fits of the first window that can be used.
    models
        Names; None for all.
    markets
        Those that are counted.

    Returns
    -------
    undetermined, weak : Table
        Directions that the data do not see, and that they see badly: one row a model and sentence, with the
        number of fits, a market for example, and the median strength; the commonest first.
    """
    names = ("model", "what", "fits", "of", "example", "strength")
    rows: tuple[list, list] = ([], [])
    for model, count in zip(tables.info.models if models is None else models, usable.tolist(), strict=True):
        table = directions(tables, [model], markets)
        table = table.take(table["window"] == tables.first_window)
        unseen = table["strength"] <= RANK_TOLERANCE
        for chosen, into in ((unseen, rows[0]), (~unseen, rows[1])):
            part = table.take(chosen)
            for sentence, places in _by_text(part["sentence"]).items():
                same = part.take(places)
                strength = float(np.median(same["strength"]))
                fits = len(set(same["market"].tolist()))
                into.append((model, sentence, fits, count, same["market"][0], strength))
    undetermined, weak = (
        Table.from_rows(names, sorted(part, key=lambda row: -row[2] / max(row[3], 1))) for part in rows
    )
    return undetermined.select(names[:-1]), weak


def _by_text(texts: np.ndarray) -> dict[str, np.ndarray]:
    """Give the places of each text, in the order of their first ones; there may be millions of both."""
    found: dict[str, list[int]] = {}
    for place, text in enumerate(texts.tolist()):
        found.setdefault(text, []).append(place)
    return {text: np.array(places) for text, places in found.items()}


def at_bounds(tables: SweepTables, models: Sequence[str], markets: Selection = ALL_MARKETS) -> Table:
    """Count the fits of the first window with a parameter at a bound: one row a model, parameter and side."""
    rows = []
    for model in models:
        table = params(tables, [model], markets)
        table = table.take(table["window"] == tables.first_window)
        for param in dict.fromkeys(table["param"].tolist()):
            sides = table["at_bound"][table["param"] == param]
            for side, word in ((-1, "lower"), (1, "upper"), (2, EDGE)):
                if count := int(np.sum(sides == side)):
                    rows.append((model, param, word, count, len(sides)))
    return Table.from_rows(("model", "param", "bound", "fits", "of"), rows)


def missing_forecasts(tables: SweepTables, models: Sequence[str]) -> Table:
    """Count usable fits without a forecast, by reason: one row a model, window and reason."""
    rows = []
    markets, windows = tables.labels("market"), tables.labels("window")
    for model in models:
        arrays = tables.arrays(model)
        if "no_forecast" not in arrays:
            continue
        codes, usable = np.asarray(arrays["no_forecast"][...]), is_usable(arrays["status"][...])
        for column, window in enumerate(windows):
            of_window = np.where(usable[:, column], codes[:, column], 0)
            for code in np.unique(of_window[of_window != 0]).tolist():
                same = of_window == code
                known = code in set(map(int, NoForecast))
                reason = NoForecast(code).sentence if known else "A code of a newer version of beed."
                count = int(usable[:, column].sum())
                rows.append((model, window, int(same.sum()), count, markets[same][0], reason))
    return Table.from_rows(("model", "window", "fits", "of", "example", "reason"), rows)


def summarise_correlation(models: Sequence[str], statistic: Mapping[str, np.ndarray]) -> Table:
    """Name the models whose errors are correlated from one period to the next.

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
        for row, model in enumerate(models):
            known = np.isfinite(statistic["autocorrelation"][row]) & (degrees[row] > 0)
            correlation = statistic["autocorrelation"][row][known]
            fits = int(np.sum(np.abs(correlation) > Z95 / np.sqrt(degrees[row][known])))
            if fits > 2 * _CHANCE * correlation.size:
                rows.append((model, float(np.median(correlation)), fits, correlation.size))
    return Table.from_rows(("model", "correlation", "fits", "of"), rows)
