"""How often intervals hold the truth where a price answers to the shocks of shares, without and with a cost.

    python tests/benchmarks/endogenous_coverage.py --markets 100 --forms investment --noise lasting

All is as a study has it by default. Markets come from the simulator of noise_coverage.py (4 firms, 104
periods, constants by firm). Managers set a price of standard deviation 0.3 by the shock of the same period
(5 % in log share, of measurement or lasting), with which it has the correlation asked for, and else by a cost
(64 % of the rest, autocorrelation 0.7) and by whim. The instrument is the cost; `weak`: 4 % of the rest.
"""

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from noise_coverage import FIRMS, GAMMA, PERIODS, perturb, response, step, variant_of

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays

SLOPES = np.array([-1.5, 0.3])
DEVIATION, SHOCK = 0.3, 0.05
NAMES = ("u1", "u2")


def correlated(rng, rho):
    """Standard normal numbers (T, N) with an autocorrelation in time."""
    drawn = rng.normal(size=(PERIODS, FIRMS))
    for t in range(1, PERIODS):
        drawn[t] = rho * drawn[t - 1] + np.sqrt(1.0 - rho**2) * drawn[t]
    return drawn


def simulate(form, half_life, noise, correlation, seed, strength=0.64):
    """One market whose first effort answers to the shocks of its shares, and its true slopes."""
    rng = np.random.default_rng(seed)
    shock, cost = rng.normal(size=(PERIODS, FIRMS)), correlated(rng, 0.7)
    free = np.sqrt(strength) * cost + np.sqrt(1.0 - strength) * rng.normal(size=(PERIODS, FIRMS))
    price = DEVIATION * (correlation * shock + np.sqrt(1.0 - correlation**2) * free)
    efforts = np.stack([price, rng.normal(size=(PERIODS, FIRMS))])
    slopes = SLOPES
    f = response(form, half_life, rng.normal(0.0, 0.2, FIRMS), efforts, slopes)
    if form == "proportional":
        f = f - f.mean(axis=1, keepdims=True)
    state, share = rng.dirichlet(np.full(FIRMS, 8.0)), np.empty((PERIODS, FIRMS))
    everybody = np.ones(FIRMS, bool)
    for t in range(PERIODS):
        share[t] = perturb(step(form, state, f[t]), SHOCK * shock[t], everybody)
        state = share[t] if noise == "lasting" else step(form, state, f[t])
    market = MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(PERIODS),
        share=share,
        total_sales=np.ones(PERIODS),
        duration=np.ones(PERIODS),
        efforts=efforts,
        active=np.ones(share.shape, bool),
        instruments=cost[np.newaxis],
    )
    return market, slopes * (np.log(2.0) / half_life if form == "proportional" else 1.0)


def covered(task):
    """Estimate, whether the interval holds the truth, F and t: without and with the instrument."""
    form, half_life, noise, correlation, strength, seed = task
    market, slopes = simulate(form, half_life, noise, correlation, seed, strength)
    asked, rows = UncertaintySection(levels=(0.95,)), []
    for endogenous in (None, {"u1": {"instruments": ["cost"]}}):
        fit = FitSection(endogenous=endogenous)
        variant = variant_of(form, endogenous=tuple(fit.instrumented))
        record = calibrate_market(
            variant, market, NAMES, fit, np.random.SeedSequence(seed), uncertainty=asked
        )
        if not record.status.usable:
            return None
        ends = record.uncertainty.interval[asked.methods.index("recommended"), 0, 0]
        held = np.nan if np.isnan(ends).any() else float(ends[0] <= slopes[0] <= ends[1])
        f, t = (*record.first_stage_f, np.nan)[0], (*record.uncertainty.hausman_t, np.nan)[0]
        rows.append((record.value[0] / slopes[0], held, np.diff(ends)[0] / abs(slopes[0]), f, t))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=100)
    parser.add_argument("--forms", nargs="+", default=list(GAMMA), choices=list(GAMMA))
    parser.add_argument("--half-lives", nargs="+", type=float, default=[2.0])
    parser.add_argument("--noise", nargs="+", default=["measurement", "lasting"])
    parser.add_argument("--correlations", nargs="+", type=float, default=[0.0, 0.24, 0.45, 0.71])
    parser.add_argument("--strength", type=float, default=0.64)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(f"{'form':13}{'half-life':>10} {'noise':12}{'corr':>6}  without: cover  mean  width", end="")
    print("    with: cover  mean  width  none      F  reject", flush=True)
    with ProcessPoolExecutor(given.workers) as pool:
        for form, half_life, noise, correlation in itertools.product(
            given.forms, given.half_lives, given.noise, given.correlations
        ):
            tasks = [
                (form, half_life, noise, correlation, given.strength, seed) for seed in range(given.markets)
            ]
            found = np.array([one for one in pool.map(covered, tasks, chunksize=5) if one is not None])
            mean = np.nanmean(found[:, :, :3], axis=0)
            unknown = np.isnan(found[:, 1, 1]).mean() + 1.0 - len(found) / given.markets
            reject = np.mean(np.abs(found[:, 1, 4]) > 1.96)
            print(f"{form:13}{half_life:10g} {noise:12}{correlation:6.2f}", end="")
            for row, label in enumerate(("       ", "   ")):
                value, held, width = mean[row]
                print(f"{label:>9}{held:7.1%}{value:6.2f}{width:7.3f}", end="")
            print(f"{unknown:6.0%}{np.median(found[:, 1, 3]):7.1f}{reject:8.0%}", flush=True)


if __name__ == "__main__":
    main()
