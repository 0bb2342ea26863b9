"""Whether a batch reaches the optimum that lmfit reaches from the same start, and calibrations one record."""

import tempfile
import warnings

import numpy as np
from problems import FORMS, random_markets
from references import fit_lmfit
from sweep import run_standard

from kernels.least_squares.batch import fit_batch
from kernels.least_squares.levenberg_marquardt import KNOWN_OPTIMUM, LEFT_BEHIND
from pipeline import open_store

_TIGHT = {
    "leastsq": {"ftol": 1e-13, "xtol": 1e-13},
    "least_squares": {"ftol": 1e-13, "xtol": 1e-13, "gtol": 1e-13},
}


def reference_costs(markets, method):
    """Costs that lmfit reaches for every market, with tolerances that leave nothing to gain."""
    costs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in range(markets.starts.shape[0]):
            fit = fit_lmfit(markets, index, method, covariance=False, **_TIGHT[method])
            costs.append(0.5 * fit.chisqr)
    return np.array(costs)


def agreement(n_markets=1000):
    """Costs of 1,000 random problems of each form: batch against lmfit's two least-squares methods."""
    print(
        f"cost against lmfit from the same start, {n_markets} random problems of each form (tolerance 1e-8)"
    )
    for form in FORMS:
        markets = random_markets(form, n_markets, seed=7, vary_scale=form == "scaled")
        positional, named = markets.batch_arguments()
        fit = fit_batch(*positional, **named)
        costs = {method: reference_costs(markets, method) for method in _TIGHT}
        costs["better of both"] = np.minimum(*costs.values())
        print(
            f"  {form}: {fit.converged.mean():.2%} converged, {fit.evaluations.mean():.1f} evaluations each"
        )
        for method, cost in costs.items():
            difference = fit.cost / cost - 1.0
            print(
                f"    {method:15s} equal {np.mean(np.abs(difference) <= 1e-8):.2%}, "
                f"batch lower {np.mean(difference < -1e-8):.2%}, "
                f"batch higher {np.mean(difference > 1e-8):.2%}"
            )


def methods(n_markets=200):
    """Whole calibrations with the methods `compiled` and `leastsq`: what a store has of them, by form."""
    print(f"calibrations of {n_markets} markets by the defaults of a study, method compiled against leastsq")
    for form in FORMS:
        stored = []
        for method in ("leastsq", "compiled"):
            with tempfile.TemporaryDirectory() as folder:
                run_standard(folder, n_markets, form, {"kind": "local", "workers": 2}, method=method)
                name = f"store-{form}-local-2"
                stored.append(open_store(f"{folder}/{name}").fits(f"{form}-hill").load())
        lmfit, compiled = stored
        spread = lmfit.stderr.where(lmfit.stderr > 0.0)
        chisqr = [fits.chisqr for fits in stored]
        figures = {
            "chi-square": abs(chisqr[1] / chisqr[0] - 1.0),
            "estimates, standard errors": abs(compiled.value - lmfit.value) / spread,
            "standard errors": abs(compiled.stderr / spread - 1.0),
            "ends of intervals, standard errors": abs(compiled.interval - lmfit.interval) / spread,
        }
        print(f"  {form}: {float((lmfit.status == compiled.status).mean()):.2%} with the same status")
        for name, difference in figures.items():
            values = difference.values[np.isfinite(difference.values)]
            print(
                f"    {name:36s} median {np.median(values):.1e}, "
                f"99 % within {np.quantile(values, 0.99):.1e}, largest {values.max():.1e}"
            )


def early_ends(n_markets=1000, n_starts=8):
    """Starts that end where they lead to a known optimum, or nowhere, against starts that all go on.

    Of the scaled form near lock-in, too, where a start may take hundreds of evaluations to come to nothing.
    """
    print(f"best of {n_starts} starts of {n_markets} problems, 5 firms x 52 weeks: ended early, against all")
    settings = {"max_evaluations": 200}
    for form, scales in (*((form, None) for form in FORMS), ("scaled", (0.85, 1.15))):
        scale = {} if scales is None else {"scales": scales}
        markets = random_markets(
            form, n_markets, seed=11, n_firms=5, n_times=52, n_efforts=2, vary_scale=form == "scaled", **scale
        )
        rng = np.random.default_rng(3)
        starts = np.repeat(markets.starts, n_starts, axis=0)
        wide = markets.vary & (markets.truth[0] > 0.0) & (markets.upper > 2.0)
        starts[:, wide] *= np.exp(rng.normal(0.0, 1.2, (len(starts), wide.sum())))
        if form == "scaled":
            starts[:, markets.vary & ~wide] = rng.uniform(0.05, 1.2, (len(starts), 1))
        starts = np.where(markets.vary, np.clip(starts, markets.lower, markets.upper), starts)
        problem = np.repeat(np.arange(n_markets), n_starts)
        positional, named = markets.batch_arguments()
        arguments = (*positional[:2], starts, *positional[3:])
        found = {
            name: fit_batch(*arguments, **named, **settings, data_index=problem, groups=groups)
            for name, groups in (("all", None), ("early", problem))
        }
        cost = {name: fit.cost.reshape(n_markets, n_starts).min(axis=1) for name, fit in found.items()}
        difference = cost["early"] / cost["all"] - 1.0
        evaluations = {name: fit.evaluations.mean() for name, fit in found.items()}
        ended = [np.mean(found["early"].status == status) for status in (KNOWN_OPTIMUM, LEFT_BEHIND)]
        same, lower, higher = (
            np.mean(chosen) for chosen in (np.abs(difference) <= 1e-7, difference < -1e-7, difference > 1e-7)
        )
        print(
            f"  {form:13s}{'' if scales is None else ' near lock-in'} same optimum (1e-7) "
            f"{same:.2%}, lower {lower:.2%}, higher {higher:.2%}; evaluations a start "
            f"{evaluations['all']:.1f} -> {evaluations['early']:.1f} (longest "
            f"{found['all'].evaluations.max()} -> {found['early'].evaluations.max()}); {ended[0]:.0%} led to "
            f"a known optimum, {ended[1]:.1%} nowhere"
        )
