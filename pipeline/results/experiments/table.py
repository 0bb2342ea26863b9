"""Experiments against what the models say of them, as a table and in sentences."""

import numpy as np

from pipeline.panel.experiments.experiment import FIELDS
from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import long_table, market_axes, model_by_model, read_cells
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables

FLAGGED = 3.0
"""Standard errors between a measurement and what all other data say, beyond which it is flagged."""


@model_by_model
def experiments(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every experiment that a fit was made with: what was measured, and what the model says.

    ``residual`` is the measured effect less the modelled one, in standard errors of their difference if the
    experiment had not been known: ``(effect - lift) / (stderr sqrt(1 - leverage))``.
    """
    arrays, panel = tables.arrays(model), tables.panel_arrays()
    axes = market_axes(tables, markets)
    if "lift" not in arrays or "experiments" not in panel:
        axes["experiment"] = np.array([], np.int64)
        nothing = np.empty([len(labels) for labels in axes.values()])
        given = dict.fromkeys(FIELDS, nothing)
        return _labelled(tables, long_table(axes, {**given, "lift": nothing, "leverage": nothing}))
    axes["experiment"] = tables.labels("experiment")
    lift, leverage = (read_cells(arrays[name], markets) for name in ("lift", "leverage"))
    table = read_cells(panel["experiments"], markets)
    values = {
        name: np.broadcast_to(table[:, np.newaxis, :, place], lift.shape) for place, name in enumerate(FIELDS)
    }
    return _labelled(tables, long_table(axes, {**values, "lift": lift, "leverage": leverage}, keep="lift"))


def _labelled(tables: SweepTables, cells: Table) -> Table:
    def named(labels: np.ndarray, column: str) -> np.ndarray:
        return labels[cells[column].astype(np.int64)]

    kept = np.clip(1.0 - cells["leverage"], 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = (cells["effect"] - cells["lift"]) / (cells["stderr"] * np.sqrt(kept))
    return Table(
        {
            "market": cells["market"],
            "window": cells["window"],
            "experiment": cells["experiment"],
            "firm": named(tables.labels("firm"), "firm"),
            "effort": named(tables.efforts, "effort"),
            "from": named(tables.labels("time"), "first"),
            "to": named(tables.labels("time"), "last"),
            "baseline": cells["baseline"],
            "changed": cells["changed"],
            "change": cells["change"],
            "outcome": np.where(cells["sales"] == 1.0, "sales", "share").astype(object),
            "effect": cells["effect"],
            "stderr": cells["stderr"],
            "lift": cells["lift"],
            "leverage": cells["leverage"],
            "residual": residual,
            "flagged": np.abs(residual) > FLAGGED,
        }
    )


def describe_experiments(
    tables: SweepTables, model: str, markets: Selection = ALL_MARKETS
) -> tuple[str, ...]:
    """Say of a model whether experiments agree with it, and which do not.

    Returns
    -------
    tuple of str
        Empty where there are no experiments.
    """
    table = experiments(tables, [model], markets)
    table = table.take(table["window"] == tables.first_window)
    if not len(table):
        return ()
    wrong = np.flatnonzero(table["flagged"])
    count, places = len(table), len(dict.fromkeys(table["market"].tolist()))
    one = count == 1
    beside = f"{count} experiment{'' if one else 's'} in {places} market{'' if places == 1 else 's'}"
    agreement = (
        f"{'it agrees' if one else 'all agree'} with what the model says of other data"
        if not wrong.size
        else f"{wrong.size} of {count} {'is' if wrong.size == 1 else 'are'} more than {FLAGGED:g} standard "
        "errors away from what all other data say"
    )
    sentences = [f"{beside} {'was' if one else 'were'} fitted beside the shares; {agreement}."]
    for row in wrong.tolist():
        cell = {name: column[row] for name, column in table.columns.items()}
        sentences.append(
            f"Flagged: market {cell['market']}, firm {cell['firm']}, {cell['effort']} from "
            f"{_label(cell['from'])} to {_label(cell['to'])}: measured {cell['effect']:.3g} ± "
            f"{cell['stderr']:.2g}, the model says {cell['lift']:.3g} ({cell['residual']:+.1f})."
        )
    return tuple(sentences)


def _label(time: object) -> str:
    return str(time).removesuffix("T00:00:00")
