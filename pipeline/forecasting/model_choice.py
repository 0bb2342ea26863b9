"""Which model a forecast, a plan or a game of one market goes by, and why, in words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.forecasting.members import ModelChoice, model_weights, no_usable_fit
from pipeline.names import Label
from pipeline.results.effects.assumption import assumption_of
from pipeline.results.verdict import Verdict, judge
from pipeline.status import is_usable

if TYPE_CHECKING:
    from pipeline.results.results import Results


BEST = "best"
"""In place of the name of a model: the one of smallest AICc in the market."""
VERDICT = "verdict"
"""As a way to choose or weigh models: only the one of the verdict."""
_GROUNDS = {
    "rolling": "by forecasts after rolling origins",
    "holdout": "by forecasts of the periods held out",
    "aicc": "by AICc alone: no forecasts were held out that could tell how well it forecasts",
    "fits": "because it has the most usable fits: there are neither forecasts nor an AICc to go by",
}


def pattern_of(model: str | None) -> str | None:
    """Give the pattern of the models that a setting lets take part: `BEST` is one of all."""
    return None if model == BEST else model


def choose_model(
    results: "Results",
    market: Label,
    models: Sequence[str],
    wanted: str | None,
    verdict: Verdict | None = None,
) -> ModelChoice:
    """Choose the model of a market: of smallest AICc where `BEST` is wanted, else by the verdict.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    models
        Those that may take part.
    wanted
        What was asked for.
    verdict
        On all models of the sweep, where it is known already.

    Raises
    ------
    QueryError
        None of the models has a usable fit.
    """
    if wanted == BEST:
        choice = best_by_aicc(results, market, models)
    else:
        choice = by_verdict(results, verdict or judge(results.tables), market, models)
    return replace(choice, assumption=assumption_of(results))


def best_by_aicc(results: "Results", market: Label, models: Sequence[str]) -> ModelChoice:
    """Choose the model of smallest AICc in a market.

    Raises
    ------
    QueryError
        No model has a usable fit, or they were fitted to different numbers of residuals.
    """
    model = model_weights(results, market, models, BEST)[0].model
    return ModelChoice(model, "aicc", (f"`{model}` is used: it has the smallest AICc in market {market}.",))


def by_verdict(results: "Results", verdict: Verdict, market: Label, models: Sequence[str]) -> ModelChoice:
    """Choose the model of the verdict, or the next best of those that take part and have a usable fit here.

    Parameters
    ----------
    results
        Where the fits are.
    verdict
        On all models of the sweep.
    market
        Label of the market.
    models
        Those that may take part.

    Raises
    ------
    QueryError
        None of them has a usable fit.
    """
    order = [model for model in verdict.ranking if model in models]
    order += [model for model in models if model not in order]
    row = results.tables.row_of(market)
    usable = [m for m in order if is_usable(results.tables.arrays(m)["status"][row : row + 1, 0])[0]]
    if not usable:
        raise no_usable_fit(market, models)
    model = usable[0]
    if len(models) == 1 and len(results.sweep.models) > 1:
        return ModelChoice(model, "asked", (f"`{model}` is used, as asked.", *_against_baseline(verdict)))
    sentences = [_grounds(verdict, order[0], models)]
    if model != order[0]:
        sentences.append(
            f"Market {market} has no usable fit of `{order[0]}`; `{model}`, the next best, is used there."
        )
    return ModelChoice(model, verdict.by, (*sentences, *_against_baseline(verdict)))


def _grounds(verdict: Verdict, first: str, models: Sequence[str]) -> str:
    why = _GROUNDS[verdict.by]
    if verdict.model is None or first == verdict.model:
        return f"`{first}` is used: the model of the verdict, {why}."
    among = "of those that can take part here" if len(models) > 1 else "here"
    return f"`{first}` is used: the best {among}, {why}; the verdict on all models is `{verdict.model}`."


def _against_baseline(verdict: Verdict) -> tuple[str, ...]:
    """Say so when a baseline forecast better than the model of the verdict."""
    if verdict.baseline is None or not verdict.difference > 0.0:
        return ()
    chance = {"worse": ", by more than chance", "chance": ", which may be chance"}.get(verdict.outcome, "")
    return (
        f"The baseline `{verdict.baseline}` forecast better than `{verdict.model}`{chance}: use this model "
        "to compare plans with one another, and the baseline for the shares to expect.",
    )
