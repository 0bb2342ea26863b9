"""Models that take part in a forecast: their weights, and why it is one of them if it is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.status import Status

if TYPE_CHECKING:
    from pipeline.results.results import Results


# A model with less weight than this would not get one draw in a thousand.
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class Member:
    """A model that takes part in a forecast, and its weight."""

    model: str
    weight: float


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model for one market.

    Attributes
    ----------
    model
        Its name.
    by
        Grounds of the choice: ``rolling`` or ``holdout`` forecasts, ``aicc``, ``fits``, or ``asked`` for by
        name.
    sentences
        In words: what it is and why, whether a baseline forecast better, what was passed over.
    assumption
        What has to be true for its coefficients to be read as causes; None where nothing has.
    """

    model: str
    by: str
    sentences: tuple[str, ...]
    assumption: str | None = None


def model_weights(
    results: "Results", market: Label, models: Sequence[str], criterion: str
) -> tuple[Member, ...]:
    """Weigh the models of a market, the heaviest first.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    models
        Candidates; those without a usable fit are left out.
    criterion
        ``aic``, ``aicc``, ``bic``: weights ``exp(-difference / 2)`` (Akaike 1978; Burnham & Anderson 2002);
        ``equal``; ``best``: all weight on the one with the smallest AICc.

    Returns
    -------
    tuple of Member
        Weights sum to 1; models of less than 0.001 are left out.

    Raises
    ------
    QueryError
        No model has a usable fit, or they were fitted to different numbers of residuals.
    """
    names, values, residuals = [], [], []
    for model in models:
        fit = results.fits(model).sel(market=market).isel(window=0)
        if not Status(int(fit["status"])).usable:
            continue
        value = float(fit[criterion if criterion in ("aic", "bic") else "aicc"])
        names.append(model)
        values.append(value if np.isfinite(value) else float(fit["aic"]))
        residuals.append(int(fit["n_residual"]))
    if not names:
        raise no_usable_fit(market, models)
    if len(set(residuals)) > 1 and criterion != "equal":
        raise QueryError(
            f"The models of market {market} were fitted to different numbers of residuals "
            f"({', '.join(map(str, residuals))}), so {criterion} cannot compare them; name one model, or "
            "weigh them equally."
        )
    weight = _weights(np.array(values), criterion)
    heaviest_first = np.argsort(-weight, kind="stable").tolist()
    return tuple(Member(names[number], float(weight[number])) for number in heaviest_first if weight[number])


def no_usable_fit(market: Label, models: Sequence[str]) -> QueryError:
    """Make the error that says that none of these models can be used in a market."""
    return QueryError(f"Market {market} has no usable fit of {', '.join(models)}; `beed show` says why.")


def _weights(values: Floats, criterion: str) -> Floats:
    """Weights of models with these values of a criterion; 0 for those that are negligible."""
    if criterion == "equal":
        weight = np.ones(values.size)
    elif criterion == "best":
        weight = (np.arange(values.size) == np.argmin(values)).astype(float)
    else:
        weight = np.exp(-0.5 * (values - values.min()))
    weight = np.where(weight >= _NEGLIGIBLE * weight.sum(), weight, 0.0)
    return np.asarray(weight / weight.sum())


def share_out(members: Sequence[Member], count: int) -> list[int]:
    """Divide draws among models in proportion to their weights, by largest remainders."""
    exact = np.array([member.weight for member in members]) * count
    counts = np.floor(exact).astype(int)
    left = count - int(counts.sum())
    counts[np.argsort(-(exact - counts), kind="stable")[:left]] += 1
    return [int(number) for number in counts]
