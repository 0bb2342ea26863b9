"""Whether a batch reaches the optimum that lmfit reaches from the same start, and calibrations one record."""

import tempfile
import warnings

import numpy as np
from problems import FORMS, random_markets
from references import fit_lmfit
from sweep import run_standard

from kernels.least_squares.batch import fit_batch
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
