"""How often each criterion picks the model that made the data, by market and for all markets together.

    python tests/benchmarks/model_choice.py --panels 5 --markets 8

Candidates are the models on the axes that a study would try: investment and proportional, one slope for all
firms or slopes by firm. Every truth is one of them; its markets come from the simulator of
`noise_coverage.py` (written in numpy, apart from the package): 4 firms, two efforts, noise of measurement and
noise that lasts. Slopes by firm are drawn around the common ones. Criteria: AICc and BIC of the fits to all
periods; rmse and log score of forecasts after rolling origins; stacking, which picks the largest weight; and
the verdict, which picks among models that did not fail. By market each one decides for every market alone;
pooled, AICc and BIC are summed, errors averaged and densities stacked over the markets of a panel.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor

import noise_coverage as outside
import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays
from pipeline.results.recipes import choose
from pipeline.results.tables.choice import stack
from pipeline.validation.forecasters import forecast_errors, model_forecaster
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES, GIVEN

FORMS = ("investment", "proportional")
TRUTHS = tuple(f"{form}{slopes}" for form in FORMS for slopes in ("", "-own"))
EFFORTS = ("u1", "u2")
PRIORS = FrozenMapping({f"{effort}.own": (0.0, 0.5) for effort in EFFORTS})
FIT = FitSection(starts=2, initial="estimated", priors=PRIORS)
CRITERIA = ("aicc", "bic", "rmse", "log_score", "stacking", "verdict")
SPREAD = 0.15  # of slopes between firms
HALF_LIFE = 2.0


def variant(name):
    """The model of a study by its name here."""
    form, _, own = name.partition("-")
    additive = form == "proportional"
    curves = FrozenMapping(dict.fromkeys(EFFORTS, "linear"))
    return Variant(
        name=name,
        form=form,
        response=ResponseChoice(
            name, name, "identity" if additive else "exp", curves, own=EFFORTS if own else ()
        ),
        firm_effects="zero-sum" if additive else "free",
        carry_over=FrozenMapping(dict.fromkeys(EFFORTS, "none")),
    )


def simulate(truth, periods, seed):
    """One market of a truth."""
    form, _, own = truth.partition("-")
    rng = np.random.default_rng(seed)
    firms = outside.FIRMS
    efforts, constants = rng.normal(size=(2, periods, firms)), rng.normal(0.0, 0.2, firms)
    slopes = outside.SLOPES[:, None] + (SPREAD * rng.normal(size=(2, firms)) if own else np.zeros((2, firms)))
    rate = np.log(2.0) / HALF_LIFE
    index = constants + (slopes[:, None] * efforts).sum(axis=0)
    if form == "proportional":
        f = rate * (index - constants.mean())
    else:
        f = rate * firms * np.exp(index) / (firms * np.exp(index).mean())
    state, observed, there = (
        rng.dirichlet(np.full(firms, 8.0)),
        np.empty((periods, firms)),
        np.ones(firms, bool),
    )
    for t in range(periods):
        state = outside.perturb(outside.step(form, state, f[t]), 0.02 * rng.normal(size=firms), there)
        observed[t] = outside.perturb(state, 0.05 * rng.normal(size=firms), there)
    ones = np.ones(periods)
    return MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(periods),
        share=observed,
        total_sales=ones,
        duration=ones,
        efforts=efforts,
        active=np.ones((periods, firms), bool),
    )


def assess(task):
    """Criteria (2, model) and errors (origin, model, step, metric) of all candidates on one market."""
    truth, periods, origins, seed = task
    market = simulate(truth, periods, seed)
    criteria = np.full((2, len(TRUTHS)), np.nan)
    errors = np.full((len(origins), len(TRUTHS), 2, len(METRICS)), np.nan)
    for column, name in enumerate(TRUTHS):
        for row, n_train in enumerate((periods, *origins)):
            record = calibrate_market(
                variant(name),
                market,
                EFFORTS,
                FIT,
                np.random.SeedSequence(seed),
                n_train=n_train,
                uncertainty=UncertaintySection(intervals=()),
            )
            if not record.status.usable:
                continue
            if n_train == periods:
                criteria[:, column] = record.statistic["aicc"], record.statistic["bic"]
            else:
                ahead = model_forecaster(record.model, record.theta, FIT.initial, "fitted")
                errors[row - 1, column] = forecast_errors(ahead, market, n_train, 2)[FUTURES.index(GIVEN)]
    return criteria, errors


def picks(criteria, errors, trained):
    """Which model each criterion takes, from (market, 2, model) and (market, origin, model, step, metric)."""
    names = list(METRICS)
    rmse, density = errors[..., names.index("rmse")], -errors[..., names.index("log_score")]
    found = [
        np.argmin(np.where(np.isnan(total := criteria[:, row].sum(axis=0)), np.inf, total)) for row in (0, 1)
    ]
    losses = (np.sqrt(np.nanmean(rmse**2, axis=(1, 3))), -np.nanmean(density, axis=(1, 3)))
    found += [np.argmin(np.where(np.isnan(loss).any(axis=0), np.inf, loss.mean(axis=0))) for loss in losses]
    weights = stack(np.moveaxis(density, 2, 0), [str(model) for model in range(len(TRUTHS))])
    found.append(int(max((row for row in weights if not np.isnan(row[2])), key=lambda row: row[2])[0]))
    nothing = np.full_like(rmse[:, :1], np.nan)
    found.append(choose(np.concatenate([nothing, rmse], axis=1), trained, 0, everything=True)[0])
    return [int(one) for one in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=25)
    parser.add_argument("--markets", type=int, default=8, help="in a panel")
    parser.add_argument("--periods", type=int, default=52)
    parser.add_argument("--origins", type=int, default=6)
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS), choices=TRUTHS)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    origins = tuple(
        np.linspace(given.periods // 2, given.periods - 2, given.origins).round().astype(int).tolist()
    )
    trained = np.array([(given.periods, *origins)])
    print(f"{'truth':20}{'decided':12}" + "".join(f"{name:>11}" for name in CRITERIA), flush=True)
    seeds = range(given.panels * given.markets)
    with ProcessPoolExecutor(given.workers) as pool:
        for truth in given.truths:
            tasks = [(truth, given.periods, origins, seed) for seed in seeds]
            found = list(pool.map(assess, tasks))
            criteria, errors = (np.stack([one[part] for one in found]) for part in (0, 1))
            right = TRUTHS.index(truth)
            panels = np.arange(len(found)).reshape(given.panels, given.markets)
            for label, groups in (("by market", panels.reshape(-1, 1)), ("pooled", panels)):
                hits = [
                    np.array(picks(criteria[rows], errors[rows], trained.repeat(len(rows), 0))) == right
                    for rows in groups
                ]
                print(
                    f"{truth:20}{label:12}" + "".join(f"{x:11.0%}" for x in np.mean(hits, axis=0)), flush=True
                )


if __name__ == "__main__":
    main()
