"""How far estimates can be trusted, in counts of fits: weak directions, correlated errors."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from pipeline.config.parameters import of_errors, of_firm
from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE
from pipeline.results.frames.table import Table
from pipeline.results.intervals import Z95
from pipeline.results.tables.cubes import read_cells
from pipeline.results.tables.fits import read_estimates
from pipeline.results.tables.residual_checks import is_more_than_chance
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables, is_all
from pipeline.results.tables.uncertainty import Directions, read_directions
from pipeline.status import NoForecast, is_usable

EDGE = "f ≥ 0"
"""The bound of parameters that would make the market function negative."""

Counted = tuple[str, int, int, float]
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
    labels = tables.labels("market")[markets]
    for model, count in zip(tables.info.models if models is None else models, usable.tolist(), strict=True):
        count_them = partial(_count, tables, model, markets)
        counts = tables.kept.once(("directions", model), count_them) if is_all(markets) else count_them()
        for of_kind, into in zip(counts, rows, strict=True):
            for sentence, first, fits, strength in of_kind:
                into.append((model, sentence, fits, count, labels[first], strength))
    undetermined, weak = (
        Table.from_rows(names, sorted(part, key=lambda row: -row[2] / max(row[3], 1))) for part in rows
    )
    return undetermined.select(names[:-1]), weak


def any_direction(tables: SweepTables) -> bool:
    """Tell whether the data see some direction badly, in a fit of the first window of any model."""
    strengths = (tables.arrays(model).get("direction_strength") for model in tables.info.models)
    return any(not np.isnan(strength[:, 0]).all() for strength in strengths if strength is not None)


def _count(tables: SweepTables, model: str, markets: Selection) -> tuple[tuple[Counted, ...], ...]:
    """Count by sentence the directions that the data do not see, and those that they see badly."""
    found = read_directions(tables, model, markets, slice(1))
    unseen = found.strength <= RANK_TOLERANCE
    return tuple(tuple(_counted(found, np.flatnonzero(chosen))) for chosen in (unseen, ~unseen))


def _counted(found: Directions, chosen: np.ndarray) -> Iterator[Counted]:
    """Give each sentence of some directions: its first market, number of markets, median strength."""
    if not chosen.size:
        return
    market, said, strength = found.cells[chosen, 0], found.said[chosen], found.strength[chosen]
    order = np.lexsort((strength, said))
    begins = np.flatnonzero(np.diff(said[order], prepend=-1))
    count = np.diff(begins, append=len(order))
    ranked = strength[order]
    median = 0.5 * (ranked[begins + (count - 1) // 2] + ranked[begins + count // 2])
    pairs = np.unique(said * (market.max() + 1) + market) // (market.max() + 1)
    fits = np.unique(pairs, return_counts=True)[1]
    sentences, first = np.unique(said, return_index=True)
    for place in np.argsort(first).tolist():
        yield (
            str(found.sentences[sentences[place]]),
            int(market[first[place]]),
            int(fits[place]),
            float(median[place]),
        )


def any_at_bound(tables: SweepTables) -> bool:
    """Tell whether a parameter is at a bound, in a fit of the first window of any model."""
    return any(np.any(tables.arrays(model)["at_bound"][:, 0] != 0) for model in tables.info.models)


def at_bounds(tables: SweepTables, models: Sequence[str], markets: Selection = ALL_MARKETS) -> Table:
    """Count the fits of the first window with a parameter at a bound: one row a model, parameter and side."""
    rows = []
    for model in models:
        arrays = tables.arrays(model)
        value, bound = (read_cells(arrays[name], markets)[:, 0] for name in ("value", "at_bound"))
        known = ~np.isnan(value)
        for column, param in enumerate(tables.params_of(model).tolist()):
            sides = bound[known[:, column], column]
            for side, word in ((-1, "lower"), (1, "upper"), (2, EDGE)):
                if count := int(np.sum(sides == side)):
                    rows.append((model, param, word, count, len(sides)))
    return Table.from_rows(("model", "param", "bound", "fits", "of"), rows)


def describe_open(tables: SweepTables, model: str, part: float) -> Iterator[str]:
    """Say which coefficients the data leave open by themselves, in so large a part of the fits or more.

    Those are without a number wherever estimates are shown, though what efforts move may be known well.
    """
    estimates = read_estimates(tables, model)
    of = estimates.known.sum(axis=0)
    fits = (estimates.known & np.isnan(estimates.value)).sum(axis=0)
    names = [
        f"`{param}`"
        for param, open_, all_ in zip(tables.params_of(model).tolist(), fits, of, strict=True)
        if open_ and open_ >= part * all_ and not of_errors(param) and not of_firm(param)
    ]
    if names:
        alone = "itself" if len(names) == 1 else "themselves"
        yield (
            f"The data tell no value of {', '.join(names)} by {alone}; read what efforts move instead "
            "(`beed effects`)."
        )


def missing_forecasts(tables: SweepTables, models: Sequence[str]) -> Table:
    """Count usable fits without a forecast, by reason: one row a model, window and reason."""
    rows = []
    markets, windows = tables.labels("market"), tables.labels("window")
    for model in models:
        arrays = tables.arrays(model)
        if "no_forecast" not in arrays:
            continue
        codes, usable = np.asarray(arrays["no_forecast"][...]), is_usable(tables.status(model))
        for column, window in enumerate(windows):
            of_window = np.where(usable[:, column], codes[:, column], 0)
            for code in np.unique(of_window[of_window != 0]).tolist():
                same = of_window == code
                known = code in set(map(int, NoForecast))
                reason = NoForecast(code).sentence if known else "A code of a newer version of beed."
                count = int(usable[:, column].sum())
                rows.append((model, window, int(same.sum()), count, markets[same][0], reason))
    return Table.from_rows(("model", "window", "fits", "of", "example", "reason"), rows)


def summarise_correlation(statistics: Mapping[str, Mapping[str, np.ndarray]]) -> Table:
    """Name the models whose errors are correlated from one period to the next.

    Parameters
    ----------
    statistics
        By model and name, (market,) each; stores of early versions lack the autocorrelation.

    Returns
    -------
    Table
        Model, median correlation of errors one period apart, fits in which it differs from 0, of how many;
        of models in which twice as many fits do so as by chance, and more than chance explains.
    """
    rows = []
    for model, statistic in statistics.items():
        if "autocorrelation" not in statistic:
            continue
        degrees = statistic["n_residual"] - statistic["n_free"]
        known = np.isfinite(statistic["autocorrelation"]) & (degrees > 0)
        correlation = statistic["autocorrelation"][known]
        fits = int(np.sum(np.abs(correlation) > Z95 / np.sqrt(degrees[known])))
        if fits > 2 * _CHANCE * correlation.size and is_more_than_chance(fits, correlation.size):
            rows.append((model, float(np.median(correlation)), fits, correlation.size))
    return Table.from_rows(("model", "correlation", "fits", "of"), rows)
