"""How often intervals hold the truth in markets with noise that lasts, noise of measurement, and both.

    python tests/benchmarks/noise_coverage.py --markets 200 --half-lives 2 8 --noise measurement lasting both

All is as a study has it by default. Markets come from a simulator
of its own (closed forms written in numpy, Runge-Kutta for the scaled form): 4 firms, 104 periods, two
efforts, constants by firm. Noise is drawn in log shares: 5 % of measurement, 2 % that lasts (5 % where it is
the only one); `ar1`: measurement errors with an autocorrelation of 0.5; `by_firm`: of 2 to 10 %; `outliers`:
1 % of the shares are off by 30 %. `--entrant`: a firm comes in after a third of the time; `--gaps`: 8 periods
of the 104 were not observed, in runs of one to three (efforts were those of the next observed one).
`--numeraire`: f is additive in positive efforts, the first one is money (its coefficient is 1), and M is
asked for. `single`: of 95 % intervals by coefficient, the last one gamma (scaled); with
`--numeraire` u2, M and gamma.
"""

import argparse
import itertools
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays

GAMMA = {"investment": 0.0, "scaled": 0.5, "proportional": 1.0}
NOISE = {  # of measurement, lasting
    "measurement": (0.05, 0.0),
    "lasting": (0.0, 0.05),
    "both": (0.05, 0.02),
    "ar1": (0.05, 0.0),
    "by_firm": (0.05, 0.0),
    "outliers": (0.05, 0.0),
}
LEVELS = (0.5, 0.8, 0.95)
FIT = FitSection()
FIRMS, PERIODS = 4, 104
SLOPES = np.array([0.25, -0.15])
WORTH = np.array([1.0, 0.6])  # of the efforts in money
ENTRY, ENTRANT_SHARE = 35, 0.1
UNSEEN = np.array([20, 21, 50, 51, 52, 70, 90, 91])


def step(form, share, f):
    """Shares (N,) after one period under f (N,), 0 for firms that are not in the market."""
    if form == "proportional":
        moved = share * np.exp(f)
        return moved / moved.sum()
    if form == "investment":
        total = f.sum()
        return f / total + (share - f / total) * np.exp(-total)

    def slope(x):
        gained = f * np.sqrt(np.maximum(x, 0.0))
        return gained - x * gained.sum()

    count = max(20, int(20 * f.sum()))
    for _ in range(count):
        a = slope(share)
        b = slope(share + 0.5 * a / count)
        c = slope(share + 0.5 * b / count)
        d = slope(share + c / count)
        share = share + (a + 2 * b + 2 * c + d) / (6 * count)
    return share


def response(form, half_life, constants, efforts, slopes=SLOPES):
    """f (T, N) with which deviations halve in so many periods."""
    rate = np.log(2.0) / half_life
    index = constants + np.tensordot(slopes, efforts, axes=1)
    if form == "proportional":
        return rate * (index - constants.mean())
    level = rate * FIRMS ** GAMMA[form] / (1.0 - GAMMA[form])
    f = np.exp(index)
    return level * f / (FIRMS * f.mean())


def response_in_money(form, half_life, constants, efforts):
    """Additive f (T, N), and M in periods of the whole market's sales: f/M is what moves shares."""
    index = np.tensordot(WORTH, efforts, axes=1) + constants
    rate = np.log(2.0) / half_life
    if form == "proportional":
        return rate * index / index.std(), index.std() / rate
    level = rate * FIRMS ** GAMMA[form] / (1.0 - GAMMA[form])
    return level * index / (FIRMS * index.mean()), FIRMS * index.mean() / level


def perturb(share, shock, active):
    moved = np.where(active, share * np.exp(shock), 0.0)
    return moved / moved.sum()


def simulate(form, half_life, noise, entrant, seed, change=None, gaps=False, money=False):
    """One market and its true slopes, in money those and M; slopes may change: (first period, factor)."""
    rng = np.random.default_rng(seed)
    efforts, constants = rng.normal(0.0, 1.0, (2, PERIODS, FIRMS)), rng.normal(0.0, 0.2, FIRMS)
    seen = np.setdiff1d(np.arange(PERIODS), UNSEEN if gaps else [])
    if money:
        efforts, constants = np.exp(0.5 * efforts), np.abs(constants)
    if gaps:
        efforts = efforts[:, seen[np.searchsorted(seen, np.arange(PERIODS))]]
    felt = efforts.copy()
    if change is not None:
        felt[:, change[0] :] *= change[1]
    if money:
        f, jump_price = response_in_money(form, half_life, constants, felt)
        truth = np.array([WORTH[1], jump_price])
    else:
        f = response(form, half_life, constants, felt)
        truth = SLOPES * (np.log(2.0) / half_life if form == "proportional" else 1.0)
    active = np.ones((PERIODS, FIRMS), bool)
    active[: ENTRY if entrant else 0, 0] = False
    measured, lasting = NOISE[noise]
    scale = measured * (np.linspace(0.4, 2.0, FIRMS) if noise == "by_firm" else np.ones(FIRMS))
    state, error, observed = (
        rng.dirichlet(np.full(FIRMS, 8.0)),
        np.zeros(FIRMS),
        np.full(active.shape, np.nan),
    )
    for t in range(PERIODS):
        moving = active[t] & (active[t - 1] if t else True)
        state = np.where(moving, state, 0.0)
        state = step(form, state / state.sum(), np.where(moving, f[t], 0.0)) * moving
        state = perturb(state, lasting * rng.normal(size=FIRMS), moving)
        if (active[t] & ~moving).any():
            state = np.where(moving, state * (1.0 - ENTRANT_SHARE), np.where(active[t], ENTRANT_SHARE, 0.0))
        drawn = scale * rng.normal(size=FIRMS)
        error = 0.5 * error + np.sqrt(0.75) * drawn if noise == "ar1" else drawn
        if noise == "outliers":
            error = error + 0.3 * rng.choice([-1.0, 1.0], FIRMS) * (rng.random(FIRMS) < 0.01)
        observed[t] = np.where(active[t], perturb(state, error, active[t]), np.nan)
    market = MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=seen,
        share=observed[seen],
        total_sales=np.ones(seen.size),
        duration=np.diff(seen, prepend=-1).astype(float),
        efforts=np.where(active, efforts, np.nan)[:, seen],
        active=active[seen],
    )
    return market, truth


def variant_of(form, **further):
    """The model that made the markets."""
    additive = form == "proportional" or "numeraire" in further
    curves = FrozenMapping({"u1": "linear", "u2": "linear"})
    return Variant(
        name=form,
        form=form,
        response=ResponseChoice("r", "r", "identity" if additive else "exp", curves),
        firm_effects="zero-sum" if form == "proportional" else "free",
        carry_over=FrozenMapping({"u1": "none", "u2": "none"}),
        **further,
    )


def covered(task):
    """Whether intervals of all asked for hold the truth, (L, parameters), and the gain; None: no fit."""
    form, half_life, noise, entrant, gaps, fit_noise, money, seed = task
    market, values = simulate(form, half_life, noise, entrant, seed, gaps=gaps, money=money)
    asked = UncertaintySection(levels=LEVELS)
    record = calibrate_market(
        variant_of(form, **({"numeraire": "u1"} if money else {})),
        market,
        ("u1", "u2"),
        FIT.model_copy(update={"noise": (fit_noise,)}),
        np.random.SeedSequence(seed),
        uncertainty=asked,
    )
    if not record.status.usable:
        return None
    truth = dict(zip(("u2", "jump_price") if money else ("u1", "u2"), values, strict=True))
    truth |= {"returns_to_scale": GAMMA[form]} if form == "scaled" else {}
    rows = [record.names.index(name) for name in truth]
    ends = record.uncertainty.interval[asked.methods.index("recommended")][rows]
    value = np.array(list(truth.values()))[:, None]
    held = np.where(np.isnan(ends).any(axis=-1), np.nan, (ends[..., 0] <= value) & (value <= ends[..., 1]))
    return held.T, record.value[record.names.index("gain")]


def read_kept(path):
    """Read the outcomes of markets that were made before, by task."""
    lines = Path(path).read_text().splitlines() if path and Path(path).exists() else []
    return {
        tuple(task): None if one is None else (np.array(one[0], dtype=float), one[1])
        for task, one in map(json.loads, lines)
    }


def keep(path, task, one):
    """Add the outcome of a market to a file: days of work may be done in pieces."""
    if path:
        plain = None if one is None else [one[0].tolist(), float(one[1])]
        with Path(path).open("a") as file:
            file.write(json.dumps([task, plain]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--forms", nargs="+", default=list(GAMMA), choices=list(GAMMA))
    parser.add_argument("--half-lives", nargs="+", type=float, default=[0.1, 2.0, 8.0, 20.0])
    parser.add_argument("--noise", nargs="+", default=list(NOISE), choices=list(NOISE))
    parser.add_argument("--entrant", action="store_true", help="one firm enters in a third of the way")
    parser.add_argument("--gaps", action="store_true", help="8 periods of the 104 were not observed")
    parser.add_argument("--numeraire", action="store_true", help="f in money, and M is asked for")
    parser.add_argument("--fit-noise", default="homogeneous", choices=["homogeneous", "by_firm", "full"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", metavar="FILE", help="take markets from this file, and add those made")
    given = parser.parse_args()
    kept = read_kept(given.keep)
    print(
        f"{'form':13}{'half-life':>10} {'noise':12}" + "".join(f"{level:>8.0%}" for level in LEVELS), end=""
    )
    print(f"{'+- (95 %)':>11}{'none':>6}{'gain':>7}   single", flush=True)
    with ProcessPoolExecutor(given.workers) as pool:
        for form, half_life, noise in itertools.product(given.forms, given.half_lives, given.noise):
            tasks = [
                (form, half_life, noise, given.entrant, given.gaps, given.fit_noise, given.numeraire, seed)
                for seed in range(given.markets)
            ]
            missing = [task for task in tasks if task not in kept]
            for task, one in zip(missing, pool.map(covered, missing, chunksize=5), strict=True):
                kept[task] = one
                keep(given.keep, task, one)
            found = [kept[task] for task in tasks if kept[task] is not None]
            held = np.array([one[0] for one in found])
            share = np.nanmean(held, axis=(0, 2))
            single = " ".join(f"{x:.1%}" for x in np.nanmean(held[:, -1], axis=0))
            # Coefficients of one market are not independent: the error is that of markets.
            known = held[~np.isnan(held[:, -1]).all(axis=-1), -1]
            error = np.nanmean(known, axis=1).std() / np.sqrt(len(known))
            unknown = np.isnan(held[:, -1]).mean() + 1.0 - len(found) / given.markets
            print(f"{form:13}{half_life:10g} {noise:12}" + "".join(f"{x:8.1%}" for x in share), end="")
            gain = np.median([one[1] for one in found])
            print(f"{error:11.1%}{unknown:6.0%}{gain:7.2f}   {single}", flush=True)


if __name__ == "__main__":
    main()
