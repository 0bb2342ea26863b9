"""Which market and which model of a store a plan or a game is made on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.config.variants import Variant
from pipeline.errors import QueryError
from pipeline.forecasting.draws import model_weights
from pipeline.results.select import select_markets, select_models

if TYPE_CHECKING:
    from pipeline.results.results import Results


def one_market(results: "Results", wanted: Any) -> Any:
    """Give the label of the market asked for; the only one when none is.

    Raises
    ------
    QueryError
        No such market, or none named although there are several.
    """
    labels = results.tables.labels("market").tolist()
    if wanted is None and len(labels) > 1:
        shown = ", ".join(str(label) for label in labels[:8]) + (", ..." if len(labels) > 8 else "")
        raise QueryError(f"This sweep has {len(labels)} markets; say which one with --market: {shown}.")
    chosen = results.tables.labels("market")[
        select_markets(results.tables, None if wanted is None else [wanted])
    ].tolist()
    return chosen[0]


def best_model(
    results: "Results",
    market: Any,
    pattern: str | None,
    suits: Callable[[Variant], bool] = lambda _: True,
) -> str:
    """Give the model of a market with the smallest AICc, among those that match a pattern and suit.

    Raises
    ------
    QueryError
        None does.
    """
    names = select_models(results.sweep, pattern)
    suitable = {name for name, variant in results.variants.items() if suits(variant)}
    chosen = [name for name in names if name in suitable]
    if not chosen:
        raise QueryError(
            f"No flight plan can be made with {', '.join(names)}: what a firm does acts on the f of its "
            "rivals, or on later periods other than by carry-over. Choose a model without lag and cross."
        )
    return model_weights(results, market, chosen, "best")[0].model


def can_plan(variant: Variant) -> bool:
    """Tell whether f of a firm depends on its own efforts alone, of the period or carried over."""
    choice = variant.response
    carries = any(kind != "none" for kind in variant.carry_over.values())
    return not (choice.lag or choice.cross or (choice.own and carries))
