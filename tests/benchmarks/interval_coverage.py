"""Measure how often intervals cover the truth: synthetic markets, three forms, three kinds of noise.

    uv run python tests/benchmarks/interval_coverage.py        # 2000 markets per form and noise
    uv run python tests/benchmarks/interval_coverage.py --markets 200 --form investment
    uv run python tests/benchmarks/interval_coverage.py --methods covariance hac autoregressive profile

Each market has 4 firms, 104 weeks, campaigns of 8 weeks on 3 expenses and free firm constants; the initial
shares and the gain are estimated as in any study, or (--initial observed) taken as they are seen, or
(--gain 0) none. Noise is added to log shares: white;
AR(1) with correlation 0.5; or heteroscedastic, its standard deviation differing by firm (a factor of 2) and
changing slowly over time (a factor of 4). What is done is kept in the folder --out: run the same command
again to go on. The table gives the part of intervals of effort coefficients (and of the scale exponent) that
cover the truth, and its standard error over markets.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays

FORMS = {"investment": 0.0, "scaled": 0.6, "proportional": 1.0}
NOISES = ("white", "ar1", "heteroscedastic")
METHODS = ("covariance", "hac", "autoregressive", "profile", "bootstrap")
LEVELS = (0.5, 0.8, 0.95)
EFFORTS = ("promotion", "discount", "place")
TRUTH = np.array([0.10, 0.06, 0.03])
FIRMS, PERIODS, SIGMA, RHO, BURN_IN = 4, 104, 0.05, 0.5, 50
#: Markets in one file of results.
BATCH = 20


def variant(form):
    """Additive linear response with free constants of firms."""
    effects = "zero-sum" if form == "proportional" else "free"
    linear = FrozenMapping(dict.fromkeys(EFFORTS, "linear"))
    none = FrozenMapping(dict.fromkeys(EFFORTS, "none"))
    return Variant(
        f"{form}-linear", form, ResponseChoice("linear", "linear", "identity", linear), effects, none
    )


def simulate(form, noise, market):
    """Simulate a market as it is observed."""
    rng = np.random.default_rng([list(FORMS).index(form), NOISES.index(noise), market])
    efforts = np.exp(0.6 * _campaigns(rng, (len(EFFORTS), PERIODS, FIRMS)))
    constants = 0.02 * rng.standard_normal(FIRMS)
    constants = constants - constants.mean() + (0.0 if form == "proportional" else 0.1)
    response = constants + np.tensordot(TRUTH, efforts, axes=1)
    if form == "proportional":
        # Without this, one firm takes the market; a firm that grows is met by its rivals.
        response -= response.mean(axis=0) - response.mean()
    initial = rng.dirichlet(np.full(FIRMS, 20.0))
    total = np.exp(0.1 * rng.standard_normal(PERIODS))
    share = simulate_shares(
        initial,
        response,
        total,
        np.ones(PERIODS),
        jump_price=total.mean(),
        reference_sales=total.mean(),
        returns_to_scale=FORMS[form],
    )
    seen = share * np.exp(draw_noise(rng, noise))
    return MarketArrays(
        market=market,
        firms=np.array([f"firm {number}" for number in range(1, FIRMS + 1)]),
        times=np.arange(PERIODS),
        share=seen / seen.sum(axis=1, keepdims=True),
        total_sales=total,
        duration=np.ones(PERIODS),
        efforts=efforts,
        active=np.ones((PERIODS, FIRMS), dtype=np.bool_),
    )


def _campaigns(rng, shape):
    """Standard normal levels that stay for 8 periods on average."""
    level = rng.standard_normal(shape)
    anew = rng.random(shape) < 1.0 / 8.0
    anew[:, 0] = True
    since = np.maximum.accumulate(np.where(anew, np.arange(shape[1])[:, None], 0), axis=1)
    return np.take_along_axis(level, since, axis=1)


def draw_noise(rng, noise):
    """Draw errors of log shares, shape (T, N)."""
    white = rng.standard_normal((PERIODS + BURN_IN, FIRMS))
    if noise == "ar1":
        for period in range(1, len(white)):
            white[period] = RHO * white[period - 1] + np.sqrt(1.0 - RHO**2) * white[period]
    white = SIGMA * white[BURN_IN:]
    if noise == "heteroscedastic":
        firm = np.geomspace(1.0, 2.0, FIRMS)
        phase = rng.uniform(0.0, 2.0 * np.pi)
        period = np.exp(np.log(2.0) * np.sin(2.0 * np.pi * np.arange(PERIODS) / 52.0 + phase))
        white *= firm * period[:, None] / np.sqrt(np.mean(firm**2) * np.mean(period**2))
    return white


def measure(form, noise, market, settings, initial, gain):
    """Calibrate one market: whether each interval covers, shape (method, parameter, level); -1: none."""
    record = calibrate_market(
        variant(form),
        simulate(form, noise, market),
        EFFORTS,
        FitSection(starts=4, initial=initial, gain=gain),
        np.random.SeedSequence(market),
        uncertainty=settings,
    )
    names = [*EFFORTS, "returns_to_scale"]
    truth = np.append(TRUTH, FORMS[form])
    if not record.status.usable:
        return np.full((len(settings.intervals), len(names), len(LEVELS)), -1, dtype=np.int8)
    at = [record.names.index(name) for name in names]
    ends = record.uncertainty.interval[:, at]
    inside = (ends[..., 0] <= truth[:, None]) & (truth[:, None] <= ends[..., 1])
    return np.where(np.isnan(ends).any(axis=-1), -1, inside).astype(np.int8)


def run(out, form, noise, markets, settings, initial, gain):
    """Do the batches of a case that are not on disk; return all, (market, method, parameter, level)."""
    found = []
    for first in range(0, markets, BATCH):
        kind = "all" if settings.intervals == METHODS else "+".join(settings.intervals)
        name = f"{form}-{noise}-{initial}-gain-{gain}-{kind}-{settings.scheme}-{settings.bootstrap}"
        file = out / f"{name}-{first:06d}.npy"
        if not file.exists():
            began = time.perf_counter()
            batch = np.stack(
                [
                    measure(form, noise, market, settings, initial, gain)
                    for market in range(first, first + BATCH)
                ]
            )
            part = file.with_suffix(".part.npy")
            np.save(part, batch)
            part.replace(file)
            print(f"{file.name}: {(time.perf_counter() - began) / BATCH:.3f} s per market", flush=True)
        found.append(np.load(file))
    return np.concatenate(found)[:markets]


def rates(found):
    """Part of intervals that cover, and its standard error over markets, both (method, level)."""
    known = np.where(found < 0, np.nan, found.astype(float))
    by_market = np.nanmean(known, axis=2)
    count = np.isfinite(by_market).sum(axis=0)
    return np.nanmean(by_market, axis=0), np.nanstd(by_market, axis=0) / np.sqrt(np.maximum(count, 1))


def show(cases, methods):
    """Print the table."""
    heading = "".join(f"{level:>14.0%}" for level in LEVELS)
    print(f"\n{'form':13} {'noise':16} {'markets':>7} {'method':15}{heading}")
    for (form, noise), found in cases.items():
        rate, error = rates(found[:, :, : len(EFFORTS)])
        _show_case(f"{form:13} {noise:16} {len(found):7d}", methods, rate, error)
        if form == "scaled":
            exponent = rates(found[:, :, len(EFFORTS) :])
            _show_case(f"{'':13} {'(exponent)':16} {len(found):7d}", methods, *exponent)


def _show_case(title, methods, rate, error):
    for place, method in enumerate(methods):
        cells = [f"{100 * r:.1f} ± {100 * e:.1f}" for r, e in zip(rate[place], error[place], strict=True)]
        print(f"{title} {method:15}", *(f"{cell:>13}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markets", type=int, default=2000)
    parser.add_argument("--form", choices=FORMS, action="append")
    parser.add_argument("--noise", choices=NOISES, action="append")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--replicates", type=int, default=199)
    parser.add_argument(
        "--scheme", choices=("autoregressive", "blocks", "residual"), default="autoregressive"
    )
    parser.add_argument("--initial", choices=("estimated", "observed"), default="estimated")
    parser.add_argument("--gain", default="estimated", help="estimated, as studies have it, or a number: 0")
    parser.add_argument("--out", type=Path, default=Path("coverage-results"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    methods = tuple(options.methods)
    gain = options.gain if options.gain == "estimated" else float(options.gain)
    replicates = options.replicates if "bootstrap" in methods else 0
    settings = UncertaintySection(
        intervals=methods, levels=LEVELS, bootstrap=replicates, scheme=options.scheme
    )
    cases = {
        (form, noise): run(options.out, form, noise, options.markets, settings, options.initial, gain)
        for form in options.form or FORMS
        for noise in options.noise or NOISES
    }
    show(cases, methods)


if __name__ == "__main__":
    main()
