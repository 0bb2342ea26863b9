"""What has to be true for coefficients to be read as causes, in a sentence."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.errors import QueryError

if TYPE_CHECKING:
    from pipeline.config.study import Study
    from pipeline.results.results import Results


def assumption_of(results: "Results") -> str | None:
    """Give the sentence for a sweep; without its study no effort is known to have instruments."""
    try:
        instrumented = instrumented_efforts(results.study)
    except QueryError:
        instrumented = ()
    return exogeneity_sentence(list(map(str, results.tables.efforts)), instrumented)


def instrumented_efforts(study: "Study") -> tuple[str, ...]:
    """Name the efforts of a study whose answer to the market instruments take out, in all of its models."""
    return tuple(study.fit.instrumented) if all(study.fit.endogenous) else ()


def exogeneity_sentence(efforts: Sequence[str], instrumented: Sequence[str] = ()) -> str | None:
    """Say what it takes to read coefficients as causes; None where every effort has instruments.

    Parameters
    ----------
    efforts
        Names of the efforts of a study.
    instrumented
        Those whose answer to the market is taken out by instruments.
    """
    left = [name for name in efforts if name not in set(instrumented)]
    if not left:
        return None
    which = "efforts" if len(left) == len(efforts) else " and ".join(left)
    verb = "do" if len(left) != 1 or len(left) == len(efforts) else "does"
    return (
        f"Coefficients are read as causes: that assumes that {which} {verb} not answer to what moves shares "
        "besides the efforts known here (no instruments)."
    )
