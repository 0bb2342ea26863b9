"""What is known of the uncertainty of fits as tables: replicates, intervals, weak directions, instruments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pipeline.fitting.uncertainty.weak_directions import describe_directions
from pipeline.models.instruments.first_stage import WEAK
from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import long_table, market_axes, model_by_model, read_cells
from pipeline.results.tables.residual_checks import LEVEL, by_chance_text
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables


@model_by_model
def replicates(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every parameter of every bootstrap replicate."""
    arrays, axes, params = tables.arrays(model), market_axes(tables, markets), tables.params_of(model)
    if "replicate_value" in arrays:
        axes |= {"replicate": tables.labels("replicate"), "param": params}
        values = read_cells(arrays["replicate_value"], markets)
    else:
        axes |= {"replicate": np.arange(0), "param": params}
        values = _no_cells(axes)
    return long_table(axes, {"value": values}, keep="value")


@model_by_model
def intervals(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every interval of every parameter: method, level, lower and upper end."""
    arrays, axes = tables.arrays(model), market_axes(tables, markets)
    if "interval" in arrays:
        axes |= {"method": tables.labels("interval_method"), "param": tables.params_of(model)}
        axes["level"] = tables.labels("level")
        ends = read_cells(arrays["interval"], markets)
    else:
        axes |= {name: np.array([], object) for name in ("method", "param")} | {"level": np.empty(0)}
        ends = _no_cells(axes, 2)
    known = np.where(np.isnan(ends).all(axis=-1), np.nan, 1.0)
    table = long_table(axes, {"lower": ends[..., 0], "upper": ends[..., 1], "known": known}, keep="known")
    return table.select([name for name in table.columns if name != "known"])


@model_by_model
def directions(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every direction that the data see badly: its strength, and what it means in words."""
    axes = market_axes(tables, markets)
    found = read_directions(tables, model, markets)
    market, window, direction = found.cells.T
    columns = {"market": axes["market"][market], "window": axes["window"][window], "direction": direction}
    return Table(columns | {"strength": found.strength, "sentence": found.sentences[found.said]})


@dataclass(frozen=True, slots=True)
class Directions:
    """Directions that the data see badly, of the fits of a model.

    Attributes
    ----------
    cells : (direction, 3) array of int
        Places of market, window and direction, market by market.
    strength : (direction,) array
        Relative to the strongest one of the fit.
    sentences : (sentence,) array of str
        All different, in the order in which they first come.
    said : (direction,) array of int
        The sentence of each.
    """

    cells: NDArray[np.intp]
    strength: NDArray[np.float64]
    sentences: NDArray[np.object_]
    said: NDArray[np.intp]


def read_directions(
    tables: SweepTables, model: str, markets: Selection, windows: slice = slice(None)
) -> Directions:
    """Read the directions that the data see badly, in some markets and windows; none in early stores."""
    arrays, names = tables.arrays(model), [str(name) for name in tables.params_of(model)]
    if "direction" not in arrays:
        return Directions(np.empty((0, 3), np.intp), np.empty(0), np.array([], object), np.empty(0, np.intp))
    strength, loading, sensitivity, value = (
        read_cells(arrays[name], markets)[:, windows]
        for name in ("direction_strength", "direction", "sensitivity", "value")
    )
    cells = np.argwhere(~np.isnan(strength))
    market, window, direction = cells.T
    known = strength[market, window, direction]
    sentences, said = describe_directions(
        names, loading[market, window, direction], sensitivity[market, window], value[market, window], known
    )
    return Directions(cells, known, sentences, said)


@model_by_model
def endogeneity(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every endogenous effort of a fit: F of its instruments, Hausman's t, and its p-value.

    Of a first stage that is pooled over markets F is that of all markets together.
    """
    arrays, axes = tables.arrays(model), market_axes(tables, markets)
    if "first_stage_f" in arrays:
        axes["effort"] = tables.labels("endogenous")
        strength, t = (read_cells(arrays[name], markets) for name in ("first_stage_f", "hausman_t"))
    else:
        axes["effort"] = np.array([], object)
        strength = t = _no_cells(axes)
    p = special.erfc(np.abs(t) / np.sqrt(2.0))
    table = long_table(axes, {"first_stage_f": strength, "hausman_t": t, "p": p}, keep="first_stage_f")
    pooled = np.isin(table["effort"], tables.pooled_stages(model))
    return Table(dict(table.columns) | {"first_stage": np.where(pooled, "pooled", "market").astype(object)})


def describe_instruments(
    tables: SweepTables, model: str, markets: Selection = ALL_MARKETS
) -> tuple[str, ...]:
    """Say of a model which efforts were instrumented, how strongly, and whether they are endogenous.

    Returns
    -------
    tuple of str
        A sentence for every endogenous effort; empty where the model takes all efforts as exogenous.
    """
    table = endogeneity(tables, [model], markets)
    table = table.take(table["window"] == tables.first_window)
    used, sentences = tables.instruments(model), []
    for effort in dict.fromkeys(table["effort"].tolist()):
        part = table.take(table["effort"] == effort)
        f, p, of = part["first_stage_f"].astype(float), part["p"].astype(float), len(part)
        weak, rejected, tested = int((f < WEAK).sum()), int((p < LEVEL).sum()), int(np.isfinite(p).sum())
        many, pooled = of > 1, effort in tables.pooled_stages(model)
        strength = f"{'median ' if many and not pooled else ''}F {np.median(f):.3g}"
        strength += " pooled over markets" if pooled else ""
        if weak:
            where = f" in {weak} of {of} markets" if many and not pooled else ""
            strength += f", weak (below {WEAK:g}){where}: there estimates lean to those without instruments"
        if many:
            count = f"in {rejected} of {tested} markets at 5 % ({by_chance_text(LEVEL * tested)} by chance)"
            test = f"Hausman's test finds it endogenous {count}"
        else:
            found = "it is endogenous" if rejected else "it does not show to be endogenous"
            test = f"by Hausman's test {found} (t = {part['hausman_t'][0]:.2f}, p = {p[0]:.2g})"
        by = ", ".join(f"`{text}`" for text in used.get(effort, ()))
        sentences.append(f"`{effort}` is instrumented by {by} ({strength}); {test}.")
    return tuple(sentences)


def _no_cells(axes: dict[str, np.ndarray], *further: int) -> np.ndarray:
    """Give the cells of what a store does not have: an axis of theirs is empty."""
    return np.empty([*(len(labels) for labels in axes.values()), *further])
