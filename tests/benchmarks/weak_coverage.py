"""Measure how often intervals cover the truth by how strongly the data determine a parameter.

    uv run python tests/benchmarks/weak_coverage.py                 # 300 markets a case
    uv run python tests/benchmarks/weak_coverage.py --markets 50 --case ridge-1.0
    uv run python tests/benchmarks/weak_coverage.py --gain 0        # as the threshold was chosen

A parameter's strength is 1 where its derivatives are orthogonal to those of all others, and nears 0 where the
others can do the same: sqrt(1 - R²) of its row of the Jacobian on the other rows. The threshold of
`pipeline.fitting.uncertainty.recommended` was chosen on this table. Markets are simulated by exact steps with
4 firms, and noise of measurement on log shares:

- ``ridge-G``: scaled, additive linear f, returns to scale γ = G: the level of f and γ trade off, all the more
  as firms are of like size;
- ``hill``: investment, two efforts of which one saturates (Michaelis-Menten) beyond most of its range;
- ``twins``: investment, two linear efforts with a correlation of 0.995.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays

CASES = {"ridge-0.5": 0.5, "ridge-0.9": 0.9, "ridge-1.0": 1.0, "ridge-1.1": 1.1, "hill": 0.0, "twins": 0.0}
FIRMS, SIGMA = 4, 0.05
PERIODS = 60
EDGES = np.array([0.0, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 1.01])
METHODS = ("covariance", "autoregressive", "profile", "recommended")


def simulate(case, seed):
    """One market, the variant to fit and the true parameters."""
    rng = np.random.default_rng([list(CASES).index(case), seed])
    efforts = np.exp(0.5 * rng.standard_normal((2, PERIODS, FIRMS)))
    if case == "twins":
        efforts[1] = efforts[0] + 0.06 * rng.standard_normal(efforts[0].shape)
    curves = {"u": "linear", "v": "michaelis_menten" if case == "hill" else "linear"}
    truth = {"u": 0.06, "v": 0.3 if case == "hill" else 0.03}
    second = 0.3 * efforts[1] / (3.0 + efforts[1]) if case == "hill" else 0.03 * efforts[1]
    f = 0.05 + 0.06 * efforts[0] + second
    if case == "hill":
        truth["v.h"] = 3.0
    gamma = CASES[case]
    if gamma:
        truth["returns_to_scale"] = gamma
        f = f * FIRMS ** (gamma - 1.0)
        truth["u"], truth["v"] = (truth[name] * FIRMS ** (gamma - 1.0) for name in "uv")
    share = simulate_shares(
        rng.dirichlet(np.full(FIRMS, 8.0)),
        f,
        np.ones(PERIODS),
        np.ones(PERIODS),
        jump_price=1.0,
        reference_sales=1.0,
        returns_to_scale=gamma,
    )
    seen = share * np.exp(SIGMA * rng.standard_normal(share.shape))
    market = MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(PERIODS),
        share=seen / seen.sum(axis=1, keepdims=True),
        total_sales=np.ones(PERIODS),
        duration=np.ones(PERIODS),
        efforts=efforts,
        active=np.ones((PERIODS, FIRMS), dtype=np.bool_),
    )
    response = ResponseChoice("r", "r", "identity", FrozenMapping(curves))
    form = "scaled" if gamma else "investment"
    none = FrozenMapping(dict.fromkeys(curves, "none"))
    return market, Variant("r", form, response, "constant", none), truth


def measure(task):
    """Strength, and whether each method covers (nan: no interval), of every true parameter; None: no fit."""
    case, seed, methods, gain = task
    market, variant, truth = simulate(case, seed)
    record = calibrate_market(
        variant,
        market,
        ("u", "v"),
        FitSection(starts=4, gain=gain),
        np.random.SeedSequence(seed),
        uncertainty=UncertaintySection(intervals=methods, levels=0.95),
    )
    if not record.status.usable:
        return None
    rows = [record.names.index(name) for name in truth]
    spread = np.sqrt(record.statistic["redchi"]) / record.uncertainty.sensitivity[rows]
    strength = spread / np.sqrt(np.diag(record.uncertainty.covariance)[rows])
    ends = record.uncertainty.interval[:, rows, 0]
    value = np.array(list(truth.values()))
    inside = (ends[..., 0] <= value) & (value <= ends[..., 1])
    held = np.where(np.isnan(ends).any(axis=-1), np.nan, inside)
    return strength, held, np.isinf(ends).any(axis=-1), np.array(list(truth))


def show(title, strength, held, methods):
    """Print coverage by strength."""
    print(f"{title}: coverage of 95 % by strength")
    print(f"{'strength':>16}{'intervals':>11}" + "".join(f"{name:>16}" for name in methods))
    bins = np.digitize(strength, EDGES) - 1
    for place in range(len(EDGES) - 1):
        inside = (bins == place) & np.isfinite(strength)
        if inside.sum() >= 20:
            cells = "".join(
                f"{np.mean(held[row, inside][np.isfinite(held[row, inside])]):16.1%}"
                for row in range(len(methods))
            )
            print(f"{EDGES[place]:8.3f}-{EDGES[place + 1]:<7.3f}{inside.sum():11}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markets", type=int, default=300)
    parser.add_argument("--case", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--gain", default="estimated", help="estimated, as studies have it, or a number: 0")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    methods = tuple(given.methods)
    gain = given.gain if given.gain == "estimated" else float(given.gain)
    strengths, covers = [], []
    with ProcessPoolExecutor(given.workers) as pool:
        for case in given.case:
            tasks = [(case, seed, methods, gain) for seed in range(given.markets)]
            found = [one for one in pool.map(measure, tasks, chunksize=5) if one is not None]
            names = np.concatenate([one[3] for one in found])
            strength = np.concatenate([one[0] for one in found])
            held = np.concatenate([one[1] for one in found], axis=1)
            for name in dict.fromkeys(names.tolist()):
                own = names == name
                none = np.isnan(strength[own]).mean()
                cells = "".join(
                    f"{np.mean(held[row, own][np.isfinite(held[row, own])]):16.1%}"
                    for row in range(len(methods))
                )
                print(
                    f"{case:12}{name:18} strength {np.nanmedian(strength[own]):6.3f} none {none:4.0%}{cells}",
                    flush=True,
                )
            strengths.append(strength)
            covers.append(held)
    show("All cases", np.concatenate(strengths), np.concatenate(covers, axis=1), methods)


if __name__ == "__main__":
    main()
