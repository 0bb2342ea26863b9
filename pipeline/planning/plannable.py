"""Which models of a sweep a flight plan can be made with."""

from typing import TYPE_CHECKING

from pipeline.config.variants import Variant
from pipeline.errors import QueryError
from pipeline.results.select import select_models

if TYPE_CHECKING:
    from pipeline.results.results import Results


def plannable_models(results: "Results", pattern: str | None) -> list[str]:
    """List the models that match a pattern and can be planned with.

    Raises
    ------
    QueryError
        There are none.
    """
    names = select_models(results.sweep, pattern)
    suitable = {variant.name for variant in results.study.variants() if can_plan(variant)}
    chosen = [name for name in names if name in suitable]
    if not chosen:
        raise QueryError(
            f"No flight plan can be made with {', '.join(names)}: what a firm does acts on the f of its "
            "rivals, or on later periods other than by carry-over. Choose a model without lag and cross."
        )
    return chosen


def can_plan(variant: Variant) -> bool:
    """Tell whether f of a firm depends on its own efforts alone, of the period or carried over."""
    choice = variant.response
    carries = any(kind != "none" for kind in variant.carry_over.values())
    return not (choice.lag or choice.cross or (choice.own and carries))
