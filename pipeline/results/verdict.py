"""The verdict on a sweep: which model to use, on what grounds, whether inertia matters, what not to trust."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.parameters import OF_ERRORS
from pipeline.results.difference import describe_difference
from pipeline.results.frames.table import Table
from pipeline.results.recipes import AUTO, recipe_now
from pipeline.results.tables import trust
from pipeline.results.tables.choice import POOLED, akaike
from pipeline.results.tables.comparison import LEVEL, METRIC, compare_pair, comparisons, read_losses
from pipeline.results.tables.regimes import adjustment_rates, short_intervals, typical_half_life
from pipeline.results.tables.residual_checks import describe_checks, summarise_checks
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.status import is_usable
from pipeline.validation.windows import CARRIED, GIVEN, HOLDOUT, ROLLING

Grounds = Literal["rolling", "holdout", "aicc", "fits"]
Outcome = Literal["better", "chance", "worse", "unknown"]
Inertia = Literal["none", "some", "strong", "no long run", "unknown"]

# A contender that failed in more than this part of the cases is not recommended.
_MISSING = 0.05
# Shares have adjusted when this part of the way, or less, is left after one period.
_LEFT = 0.05
# Part of the fits from which correlated errors are a finding, and not a few fits' bad luck.
_MANY = 0.25


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which model of a sweep to use, and how far to trust it.

    Attributes
    ----------
    model
        The model to use; None when no model has a usable fit.
    by
        What it was chosen by: forecasts after ``rolling`` origins or of the ``holdout``; ``aicc`` where there
        are no forecasts; ``fits``, the number of usable fits, where there is no AICc either.
    baseline
        The best baseline, of the same forecasts; None without any.
    outcome
        The model's forecasts against the baseline's: ``better`` or ``worse`` by more than chance,
        ``chance``, or ``unknown``.
    error, difference, p
        Root mean square error of share of the model's forecasts; by how much it differs from the
        baseline's on the cases that both forecast (negative: smaller); p-value of that difference. nan where
        unknown.
    cases, of
        Forecasts that the model made, of those that anybody made.
    half_life
        Median over markets of the half-life of share adjustments, in periods; nan when unknown.
    inertia
        ``none``: shares adjust within a period, so this is the static attraction model; ``some``: half of
        the way within a period; ``strong``; ``no long run``: γ is 1 or above.
    sentences
        The verdict in words, without the cautions.
    cautions
        What not to trust, in words.
    ranking
        All models, the one to use first; those that failed too often, or have no forecasts, come last.
    """

    model: str | None
    by: Grounds
    baseline: str | None = None
    outcome: Outcome = "unknown"
    error: float = np.nan
    difference: float = np.nan
    p: float = np.nan
    cases: int = 0
    of: int = 0
    half_life: float = np.nan
    inertia: Inertia = "unknown"
    sentences: tuple[str, ...] = ()
    cautions: tuple[str, ...] = field(default=())
    ranking: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return "\n".join([*self.sentences, *(f"Caution: {sentence}" for sentence in self.cautions)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return "".join(f"<p>{escape(sentence)}</p>" for sentence in str(self).splitlines())


def judge(tables: SweepTables, comparison: Table | None = None) -> Verdict:
    """Reach a verdict on a sweep.

    Parameters
    ----------
    tables
        Of the sweep.
    comparison
        `pipeline.results.tables.comparison.comparisons` of it; by default made, and the verdict kept.

    Notes
    -----
    Models are chosen by the root mean square error of share of forecasts with their efforts given: after
    rolling origins where the study has them, else of the holdout. One that failed in more than 5 % of the
    cases is not chosen. Beside rolling origins a holdout lies later, so it tests a choice that it had no
    part in. Where the contender `auto` is among them, the verdict is on it: each of its forecasts is of the
    model that had been best until then, and the model to use is the one it comes to with all periods.
    """
    if comparison is None:
        return tables.kept.once("verdict", lambda: judge(tables, comparisons(tables, (METRIC,))))
    recipe = recipe_now(tables)
    ours = [AUTO] if recipe is not None else tables.info.models
    for kind in (ROLLING, HOLDOUT):
        case = _case(comparison, kind, GIVEN)
        ranked = case.take(_qualified(case) & np.isin(case["model"], ours))
        if len(ranked):
            ranked = ranked.sorted("difference")
            return _by_forecasts(tables, comparison, case, ranked, recipe)
    return _by_fits(tables)


def _case(comparison: Table, kind: str, future: str) -> Table:
    """Take the comparison of one kind of windows under one future."""
    same = (comparison["window"] == kind) & (comparison["future"] == future)
    return comparison.take(same & (comparison["metric"] == METRIC))


def _qualified(case: Table) -> NDArray[np.bool_]:
    """Mark the contenders that forecast nearly every case."""
    return case["cases"].astype(float) >= (1.0 - _MISSING) * case["of"].astype(float)


def _by_forecasts(
    tables: SweepTables, comparison: Table, case: Table, ranked: Table, recipe: str | None
) -> Verdict:
    """Judge by the forecasts of one case; ``ranked`` are the models that qualify, the best first.

    With a ``recipe``, the model that `auto` comes to, it is `auto` alone.
    """
    kind, model, against = (str(ranked[name][0]) for name in ("window", "model", "against"))
    baseline = against if against in tables.info.baselines else None
    error, difference, p = (float(ranked[name][0]) for name in ("error", "difference", "p"))
    outcome: Outcome = "unknown"
    if baseline is not None and not np.isnan(p):
        outcome = "chance" if p >= LEVEL else "better" if difference < 0.0 else "worse"
    used = model if recipe is None else recipe
    sentences = [
        _choice_sentence(ranked, baseline, outcome),
        "" if recipe is None else _recipe_sentence(tables, recipe),
        _runner_up(tables, ranked),
        _confirmation(comparison, model, kind, len(ranked)),
    ]
    cautions = [*_missing_forecasts(case, tables), _carried(comparison, kind, model, tables)]
    half_life, inertia, sentence = _inertia(tables, used)
    return Verdict(
        model=used,
        by="rolling" if kind == ROLLING else "holdout",
        baseline=baseline,
        outcome=outcome,
        error=error,
        difference=difference if baseline is not None else np.nan,
        p=p if baseline is not None else np.nan,
        cases=int(ranked["cases"][0]),
        of=int(ranked["of"][0]),
        half_life=half_life,
        inertia=inertia,
        sentences=tuple(filter(None, [*sentences, sentence])),
        cautions=tuple(filter(None, [*cautions, *_cautions(tables, used)])),
        ranking=_all_after(tables, [used, *ranked["model"], *case.sorted("difference")["model"]]),
    )


def _recipe_sentence(tables: SweepTables, recipe: str) -> str:
    return (
        f"`{AUTO}` is at every origin the one of {len(tables.info.models)} models with the best forecasts "
        f"before it, so its errors had no part in the choice; with all periods it is `{recipe}`."
    )


def _by_fits(tables: SweepTables) -> Verdict:
    """Judge by AICc, where no forecasts of models are to be had, or else by the number of usable fits."""
    table = akaike(tables)
    pooled = table.take((table["market"] == POOLED) & ~np.isnan(table["delta_aicc"].astype(float)))
    by: Grounds = "aicc"
    if len(pooled):
        order = pooled.sorted("delta_aicc")["model"].tolist()
        why = "by AICc alone"
    else:
        counts = [int(is_usable(tables.status(name)[:, 0]).sum()) for name in tables.info.models]
        if not any(counts):
            return Verdict(None, "fits", sentences=("No model has a usable fit, so there is none to use.",))
        order = [tables.info.models[place] for place in np.argsort(-np.array(counts), kind="stable")]
        by = "fits"
        why = (
            "because it has the most usable fits (no market has a fit of every model to compare them by AICc)"
        )
    model = str(order[0])
    first = (
        f"Use `{model}`, {why}: no forecasts were held out that could tell whether it forecasts well, or "
        "better than no change. The key `validation` asks for them."
    )
    half_life, inertia, sentence = _inertia(tables, model)
    return Verdict(
        model=model,
        by=by,
        half_life=half_life,
        inertia=inertia,
        sentences=tuple(filter(None, (first, sentence))),
        cautions=tuple(_cautions(tables, model)),
        ranking=_all_after(tables, order),
    )


def _all_after(tables: SweepTables, order: Sequence[object]) -> tuple[str, ...]:
    """Order all models: those of ``order`` first (baselines left out), the others as the study lists them."""
    models = tables.info.models
    first = [str(name) for name in order if name in models]
    return tuple(dict.fromkeys([*first, *models]))


def _choice_sentence(ranked: Table, baseline: str | None, outcome: Outcome) -> str:
    kind, model = str(ranked["window"][0]), str(ranked["model"][0])
    error, difference, p = (float(ranked[name][0]) for name in ("error", "difference", "p"))
    where = "after rolling origins" if kind == ROLLING else "of the periods held out"
    size = f"the forecasts {where} have a typical error of {error:.2g} in share (rmse, efforts given)"
    if baseline is None:
        return (
            f"Use `{model}`: of all models it forecasts best; {size}. The study names no baselines, so "
            "whether it beats no change is not known."
        )
    against = describe_difference(difference, error, p, f"the best baseline, `{baseline}`")
    if np.isnan(p):
        better, worse = int(ranked["better_in"][0]), int(ranked["worse_in"][0])
        against += (
            f"; too few markets or periods for one test (over time better in {better}, worse in {worse} of "
            f"{ranked['markets'][0]})"
        )
    else:
        against += f" (p = {p:.2g})"
    if outcome == "worse":
        return (
            f"No model beats the baseline `{baseline}`. The best one is `{model}`: {size}, {against}. "
            "Use it to compare plans with one another, and the baseline for the shares to expect."
        )
    if outcome == "chance" or (outcome == "unknown" and difference > 0.0):
        return f"Use `{model}`, but it is not shown to beat simple rules: {size}, {against}."
    return f"Use `{model}`: {size}, {against}."


def _runner_up(tables: SweepTables, ranked: Table) -> str:
    """Say how far behind the second model is."""
    if len(ranked) < 2:
        return ""
    best, second = str(ranked["model"][0]), str(ranked["model"][1])
    losses = read_losses(tables, str(ranked["window"][0]), GIVEN, METRIC)
    pair = compare_pair(losses, second, best)
    words = describe_difference(pair.difference, pair.error, pair.p, "that")
    if pair.difference == 0.0:
        words = "the same"
    return f"The second of {len(ranked)} models is `{second}`: its error is {words}."


def _confirmation(comparison: Table, model: str, kind: str, models: int) -> str:
    """Say what periods without a part in the choice say of it, or that there are none."""
    row = _case(comparison, HOLDOUT, GIVEN)
    row = row.take(row["model"] == model)
    if kind == ROLLING and len(row) and not np.isnan(float(row["error"][0])):
        error, difference, p = (float(row[name][0]) for name in ("error", "difference", "p"))
        words = describe_difference(
            difference, error, p, f"that of the best baseline there, `{row['against'][0]}`"
        )
        if words == "the reference":
            return ""
        cases, of = int(row["cases"][0]), int(row["of"][0])
        some = f", in the {cases} of {of} cases that it could forecast" if cases < of else ""
        return f"In the later periods held out, which had no part in this choice, its error is {words}{some}."
    if models < 2:
        return ""
    return (
        "It was chosen by the same forecasts that it is judged by, and the best of several is also the "
        "luckiest."
    )


def _missing_forecasts(case: Table, tables: SweepTables) -> list[str]:
    """Name the models that failed to forecast some cases."""
    failed = case.take((case["cases"] < case["of"]) & np.isin(case["model"], tables.info.models))
    if not len(failed):
        return []
    counts = ", ".join(
        f"`{model}` in {of - cases} of {of}"
        for model, cases, of in zip(failed["model"], failed["cases"], failed["of"], strict=True)
    )
    return [f"Forecasts failed: {counts}. Each is compared on the cases that it shares with the baseline."]


def _carried(comparison: Table, kind: str, model: str, tables: SweepTables) -> str:
    """Warn where a baseline forecasts better as soon as the efforts ahead are not known."""
    row = _case(comparison, kind, CARRIED)
    row = row.take(row["model"] == model)
    if not len(row) or str(row["against"][0]) not in tables.info.baselines:
        return ""
    error, difference, p = (float(row[name][0]) for name in ("error", "difference", "p"))
    if not (difference > 0.0 and p < LEVEL):
        return ""
    words = describe_difference(difference, error, p, f"that of `{row['against'][0]}`")
    return f"When the efforts ahead are not known but carried forward, its error is {words}."


def _inertia(tables: SweepTables, model: str) -> tuple[float, Inertia, str]:
    """Compare the half-life of share adjustments with the period."""
    rate = adjustment_rates(tables, model)
    if not rate.size:
        return np.nan, "unknown", ""
    if np.mean(rate <= 0.0) > 0.5:
        sentence = (
            "Shares have no long run to adjust to (γ is 1 or above): a firm that is stronger goes on gaining."
        )
        return (np.inf if np.any(rate == 0.0) else np.nan), "no long run", sentence
    typical = typical_half_life(tables, model)
    one, unit = _period(tables)
    count = f"{typical:.2g} {unit}"
    left = 0.5 ** (1.0 / typical) if typical > 0.0 else 0.0
    if left <= _LEFT:
        sentence = (
            f"Shares adjust within {one} (half of the way in {count}): this is the static attraction model, "
            "and inertia does not matter here."
        )
        return typical, "none", sentence
    if typical > len(tables.labels("time")):
        sentence = (
            f"Half of an adjustment takes {count}, longer than the data: the data hardly show where shares "
            "are heading in the long run."
        )
        return typical, "strong", sentence
    if typical < 1.0:
        sentence = (
            f"Half of an adjustment takes {count}; {left:.0%} of it is left after {one}: "
            "there is some inertia."
        )
        return typical, "some", sentence
    sentence = (
        f"Half of an adjustment takes {count}: inertia matters, and efforts work long after they are made."
    )
    return typical, "strong", sentence


def _period(tables: SweepTables) -> tuple[str, str]:
    """Name one period and several of them: ``a week``, ``weeks``."""
    arrays = tables.panel_arrays()
    described = str(arrays["time"].attrs.get("frequency", "")) if "time" in arrays else ""
    count, _, unit = described.partition(" ")
    if count != "1" or not unit:
        return "a period", "periods"
    return f"{'an' if unit[0] in 'aeio' else 'a'} {unit}", f"{unit}s"


def _cautions(tables: SweepTables, model: str) -> list[str]:
    """Say which results of a model are not to be trusted."""
    statistics = tables.statistics(model)
    usable = is_usable(tables.status(model)[:, 0])
    sentences = list(short_intervals(tables, model))
    if not usable.all():
        sentences.append(f"{np.sum(~usable)} of {usable.size} markets have no usable fit of `{model}`.")
    undetermined, weak = trust.summarise_directions(tables, np.array([usable.sum()]), [model])
    if len(undetermined):
        what, fits, of = (undetermined[name][0] for name in ("what", "fits", "of"))
        sentences.append(
            f"Do not read single parameters that the data leave open: {what} ({fits} of {of} fits)."
        )
    elif len(weak):
        what, fits, of = (weak[name][0] for name in ("what", "fits", "of"))
        sentences.append(f"Determined only weakly: {what} ({fits} of {of} fits).")
    if not len(undetermined):
        sentences.extend(trust.describe_open(tables, model, _MANY))
    bounds = trust.at_bounds(tables, [model])
    bounds = bounds.take(~np.isin(bounds["param"], list(OF_ERRORS)))  # how errors go on is no trouble
    if len(bounds):
        places = ", ".join(
            f"`{param}` at {bound if bound == trust.EDGE else f'its {bound} one'} in {fits} of {of} fits"
            for param, bound, fits, of in zip(
                *(bounds[name] for name in ("param", "bound", "fits", "of")), strict=True
            )
        )
        sentences.append(f"Parameters that stopped at a bound have no standard error to go by: {places}.")
    serial = trust.summarise_correlation({model: statistics})
    if len(serial) and serial["fits"][0] >= _MANY * serial["of"][0]:
        sentences.append(
            f"Errors are correlated from one period to the next in {serial['fits'][0]} of {serial['of'][0]} "
            f"fits (median {serial['correlation'][0]:.2g}): standard errors and the intervals of the method "
            "covariance are too narrow there."
        )
    checks = summarise_checks({model: statistics})
    return [*sentences, *describe_checks(checks.take(checks["flagged"] >= _MANY * checks["of"]), model)]
