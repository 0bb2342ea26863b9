"""How often intervals hold the truth where a price answers to the shocks of shares, without and with a cost.

    python tests/benchmarks/endogenous_coverage.py --markets 100 --forms investment --noise lasting
    python tests/benchmarks/endogenous_coverage.py --periods 26 --strength 0.06 --gain 1 --pooled

All is as a study has it by default. Markets come from the simulator of noise_coverage.py (4 firms, 104
periods, constants by firm). Managers set a price of standard deviation 0.3 by the shock of the same period
(5 % in log share, of measurement or lasting), with which it has the correlation asked for, and else by a cost
(64 % of the rest, autocorrelation 0.7) and by whim. The instrument is the cost. `--pooled` also
fits with a first stage pooled over the markets of a cell.
"""

import argparse
import functools
import itertools
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from noise_coverage import FIRMS, GAMMA, PERIODS, perturb, response, step, variant_of

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.all_markets import AllMarkets
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays
from pipeline.sweep.first_stages import add_market

SLOPES = np.array([-1.5, 0.3])
DEVIATION, SHOCK = 0.3, 0.05
NAMES = ("u1", "u2")
POOLED = {"instruments": ["cost"], "first_stage": "pooled"}


def correlated(rng, rho, periods):
    """Standard normal numbers (T, N) with an autocorrelation in time."""
    drawn = rng.normal(size=(periods, FIRMS))
    for t in range(1, periods):
        drawn[t] = rho * drawn[t - 1] + np.sqrt(1.0 - rho**2) * drawn[t]
    return drawn


def simulate(form, half_life, noise, correlation, seed, strength=0.64, periods=PERIODS):
    """One market whose first effort answers to the shocks of its shares, and its true slopes."""
    rng = np.random.default_rng(seed)
    shock, cost = rng.normal(size=(periods, FIRMS)), correlated(rng, 0.7, periods)
    free = np.sqrt(strength) * cost + np.sqrt(1.0 - strength) * rng.normal(size=(periods, FIRMS))
    price = DEVIATION * (correlation * shock + np.sqrt(1.0 - correlation**2) * free)
    efforts = np.stack([price, rng.normal(size=(periods, FIRMS))])
    slopes = SLOPES
    f = response(form, half_life, rng.normal(0.0, 0.2, FIRMS), efforts, slopes)
    if form == "proportional":
        f = f - f.mean(axis=1, keepdims=True)
    state, share = rng.dirichlet(np.full(FIRMS, 8.0)), np.empty((periods, FIRMS))
    everybody = np.ones(FIRMS, bool)
    for t in range(periods):
        share[t] = perturb(step(form, state, f[t]), SHOCK * shock[t], everybody)
        state = share[t] if noise == "lasting" else step(form, state, f[t])
    market = MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(periods),
        share=share,
        total_sales=np.ones(periods),
        duration=np.ones(periods),
        efforts=efforts,
        active=np.ones(share.shape, bool),
        instruments=cost[np.newaxis],
    )
    return market, slopes * (np.log(2.0) / half_life if form == "proportional" else 1.0)


def pool(tasks, periods=PERIODS):
    """Pool the first stages of the markets of some tasks."""
    pools, fit = {}, FitSection(endogenous={"u1": POOLED})
    for form, half_life, noise, correlation, strength, seed in tasks:
        market, _ = simulate(form, half_life, noise, correlation, seed, strength, periods)
        add_market(pools, variant_of(form, endogenous=("u1",)), market, NAMES, fit)
    return pools["u1"].estimate()


def covered(task, periods=PERIODS, slopes_of_all=None, gain="estimated"):
    """Estimate, whether the interval holds the truth, F and t: without and with the instrument; pooled."""
    form, half_life, noise, correlation, strength, seed = task
    market, slopes = simulate(form, half_life, noise, correlation, seed, strength, periods)
    asked, rows = UncertaintySection(levels=(0.95,)), []
    entries = [None, {"u1": {"instruments": ["cost"]}}]
    for endogenous in entries if slopes_of_all is None else [*entries, {"u1": POOLED}]:
        fit = FitSection(endogenous=endogenous, gain=gain)
        variant = variant_of(form, endogenous=tuple(fit.instrumented))
        record = calibrate_market(
            variant,
            market,
            NAMES,
            fit,
            np.random.SeedSequence(seed),
            uncertainty=asked,
            all_markets=AllMarkets(first_stages={"u1": slopes_of_all}),
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
    parser.add_argument("--periods", type=int, default=PERIODS)
    parser.add_argument("--gain", default="estimated")
    parser.add_argument("--pooled", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    kinds = ("without", "with", "pooled")[: 2 + given.pooled]
    print(f"{'form':13}{'half-life':>10} {'noise':12}{'corr':>6}", end="")
    for kind in kinds:
        print(f"{kind:>9}: cover median  width  none", end="")
    print("      F  reject", flush=True)
    with ProcessPoolExecutor(given.workers) as workers:
        for form, half_life, noise, correlation in itertools.product(
            given.forms, given.half_lives, given.noise, given.correlations
        ):
            tasks = [
                (form, half_life, noise, correlation, given.strength, seed) for seed in range(given.markets)
            ]
            slopes = pool(tasks, given.periods) if given.pooled else None
            of_cell = {
                "periods": given.periods,
                "slopes_of_all": slopes,
                "gain": given.gain if given.gain == "estimated" else float(given.gain),
            }
            made = workers.map(functools.partial(covered, **of_cell), tasks, chunksize=5)
            found = np.array([one for one in made if one is not None])
            unknown = np.isnan(found[:, :, 1]).mean(axis=0) + 1.0 - len(found) / given.markets
            reject = np.mean(np.abs(found[:, 1, 4]) > 1.96)
            print(f"{form:13}{half_life:10g} {noise:12}{correlation:6.2f}", end="")
            for row in range(len(kinds)):
                value, width = np.nanmedian(found[:, row, 0]), np.nanmedian(found[:, row, 2])
                held = np.nanmean(found[:, row, 1])
                print(f"{held:17.1%}{value:7.2f}{width:7.3f}{unknown[row]:6.0%}", end="")
            strength = [np.median(found[:, row, 3]) for row in range(1, len(kinds))]
            print("".join(f"{one:7.1f}" for one in strength), f"{reject:7.0%}", flush=True)


if __name__ == "__main__":
    main()
