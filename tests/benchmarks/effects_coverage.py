"""How often intervals of elasticities hold the true ones.

    python tests/benchmarks/effects_coverage.py --markets 100 --half-lives 2 8

Markets are those of `noise_coverage.py`, with errors of measurement, fitted with the defaults of a study. The
true elasticity is a difference quotient of its simulator: an effort of a firm is raised from the last period
on, from the true state before it, and the share is looked at after one and after four periods; the estimated
one is that of `beed effects --date` at that period.
"""

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor

import noise_coverage as simulator
import numpy as np

from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.composing.build import build_model
from pipeline.models.effects.delta import principal_directions
from pipeline.models.parameter_spread import trusted_covariance
from pipeline.models.priors import prior_of, with_weak_beliefs
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.effects.elasticities import effects_of_market
from pipeline.results.stored_fit import StoredFit

HORIZONS, AHEAD, STEP = (1, 4), 4, 1e-3
EFFORTS, KINDS = ("u1", "u2"), ("index", "index")


def true_effects(form, half_life, constants, efforts, state):
    """Elasticities (H, K, N, N) of a market that goes on from a state (N,) under efforts (K, T, N)."""

    def after(change):
        f = simulator.response(form, half_life, constants, efforts)
        index = np.tensordot(simulator.SLOPES, change, axes=1)
        rate = np.log(2.0) / half_life
        last = f[-AHEAD:] + rate * index if form == "proportional" else f[-AHEAD:] * np.exp(index)
        share, found = state, []
        for row in last:
            share = simulator.step(form, share, row)
            found.append(np.log(share))
        return np.array(found)[np.array(HORIZONS) - 1]

    result = np.empty((len(HORIZONS), 2, simulator.FIRMS, simulator.FIRMS))
    for effort, firm in itertools.product(range(2), range(simulator.FIRMS)):
        unit = np.zeros((2, AHEAD, simulator.FIRMS))
        unit[effort, :, firm] = STEP
        result[:, effort, firm] = (after(unit) - after(-unit)) / (2 * STEP)
    return result


def replayed(form, half_life, seed):
    """Constants, efforts (K, T, N) and the true state before the last periods of a simulated market."""
    rng = np.random.default_rng(seed)
    n = simulator.FIRMS
    efforts, constants = rng.normal(0.0, 1.0, (2, simulator.PERIODS, n)), rng.normal(0.0, 0.2, n)
    f = simulator.response(form, half_life, constants, efforts)
    state = rng.dirichlet(np.full(n, 8.0))
    for row in f[:-AHEAD]:
        state = simulator.step(form, state, row)
    return constants, efforts, state


def covered(task):
    """Whether intervals hold the truth, (H, K, N, N) of own and cross effects; None without a fit."""
    form, half_life, noise, seed = task
    market, _ = simulator.simulate(form, half_life, noise, False, seed)
    variant, fit, asked = simulator.variant_of(form), simulator.FIT, UncertaintySection()
    record = calibrate_market(variant, market, EFFORTS, fit, np.random.SeedSequence(seed), uncertainty=asked)
    if not record.status.usable:
        return None
    model = build_model(variant, market, EFFORTS, fit, {})
    order = [record.names.index(name) for name in model.names]
    stderr = record.stderr[order]
    covariance = record.correlation[np.ix_(order, order)] * np.outer(stderr, stderr)
    covariance[~model.vary] = 0.0
    covariance[:, ~model.vary] = 0.0
    ends = record.uncertainty.interval[asked.methods.index("recommended")][order][:, -1]
    covariance = trusted_covariance(covariance, ends, asked.levels[-1])
    prior = with_weak_beliefs(prior_of(model.names, {}), model.names, model.start, model.vary)
    theta = record.value[order]
    unknown = principal_directions(model, theta, covariance, prior)
    stored = StoredFit(None, market, EFFORTS, model, theta, covariance)
    none = np.empty((0, theta.size))
    one = CausalMarket(seed, form, stored, KINDS, ("1", "1"), fit.initial, unknown, none)
    found = effects_of_market(one, HORIZONS, len(market.times) - AHEAD)
    truth = true_effects(form, half_life, *replayed(form, half_life, seed))
    held = (found.low <= truth) & (truth <= found.high)
    return np.where(np.isnan(found.stderr), np.nan, held)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=100)
    parser.add_argument("--forms", nargs="+", default=list(simulator.GAMMA), choices=list(simulator.GAMMA))
    parser.add_argument("--half-lives", nargs="+", type=float, default=[2.0, 8.0])
    parser.add_argument("--noise", nargs="+", default=["measurement"], choices=list(simulator.NOISE))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(
        f"{'form':13}{'half-life':>10} {'noise':12}{'own 1':>8}{'own 4':>8}{'cross 1':>8}{'cross 4':>8}   +-"
    )
    own = np.eye(simulator.FIRMS, dtype=bool)
    with ProcessPoolExecutor(given.workers) as pool:
        for form, half_life, noise in itertools.product(given.forms, given.half_lives, given.noise):
            tasks = [(form, half_life, noise, seed) for seed in range(given.markets)]
            found = [one for one in pool.map(covered, tasks, chunksize=5) if one is not None]
            held = np.array(found)
            cells = [np.nanmean(held[:, h][..., part]) for part in (own, ~own) for h in (0, 1)]
            # Effects in one market are not independent: the error is that of markets.
            error = np.nanstd(np.nanmean(held[..., own], axis=(1, 2, 3))) / np.sqrt(len(found))
            print(f"{form:13}{half_life:10g} {noise:12}" + "".join(f"{x:8.1%}" for x in cells), end="")
            print(f"{error:7.1%}", flush=True)


if __name__ == "__main__":
    main()
