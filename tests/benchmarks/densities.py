"""How often densities of validation hold what comes, by periods ahead, efforts given.

    uv run python tests/benchmarks/densities.py --markets 80     # some minutes a line

Simulated markets of `noise_coverage.py`, calibrated with the defaults of a study on their first 88 periods;
share of the firms whose shares came within the middle 50 and 90 % of the density. `bands.py` asks the same of
`beed forecast`. Beside each part stands its standard error over markets.
"""

import argparse

import noise_coverage
import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.predictive import draw_shares
from pipeline.validation.forecasters import model_forecaster

HORIZONS = np.array([1, 2, 4, 8, 16])
LEVELS = (0.05, 0.25, 0.75, 0.95)
FORMS, NOISE = ("investment", "scaled", "proportional"), ("both", "lasting")
CELLS = tuple(f"{form} {noise}" for form in FORMS for noise in NOISE)
DRAWS = 1000


def held(form, half_life, noise, seed, fit):
    """Part of the firms within the middle 50 and 90 % at each horizon, (2, H); None without a forecast."""
    market, _ = noise_coverage.simulate(form, half_life, noise, False, seed)
    known = len(market.times) - int(HORIZONS[-1])
    variant, efforts = noise_coverage.variant_of(form), ("u1", "u2")
    record = calibrate_market(variant, market, efforts, fit, np.random.SeedSequence(seed), n_train=known)
    if not record.status.usable:
        return None
    predicted = model_forecaster(record.model, record.theta, fit.initial, "fitted")(market, known)
    if predicted is None:
        return None
    drawn = draw_shares(predicted, market.active[known:], DRAWS)[:, HORIZONS - 1]
    low90, low50, high50, high90 = np.quantile(drawn, LEVELS, axis=0)
    came = market.share[known + HORIZONS - 1]
    inside = [(low50 <= came) & (came <= high50), (low90 <= came) & (came <= high90)]
    return np.mean(inside, axis=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=80)
    parser.add_argument("--first", type=int, default=0, help="number of the first market")
    parser.add_argument("--half-life", type=float, default=8.0)
    parser.add_argument("--cells", nargs="+", default=list(CELLS), help="form and noise, as 'scaled both'")
    parser.add_argument("--noise", default="homogeneous", choices=["homogeneous", "by_firm", "full"])
    asked = parser.parse_args()
    fit = FitSection(noise=(asked.noise,))
    print(f"{'50 / 90 % hold':24}" + "".join(f"{f'+{h}':>20}" for h in HORIZONS), flush=True)
    for form, noise in map(str.split, asked.cells):
        seeds = range(asked.first, asked.first + asked.markets)
        found = [held(form, asked.half_life, noise, seed, fit) for seed in seeds]
        part = 100.0 * np.array([one for one in found if one is not None])
        error = part.std(axis=0) / np.sqrt(len(part))
        text = [
            f"{f'{a:.0f}/{b:.0f} ±{c:.0f}/{d:.0f}':>20}"
            for (a, b), (c, d) in zip(part.mean(axis=0).T, error.T, strict=True)
        ]
        print(f"{form + ' ' + noise:24}" + "".join(text), flush=True)


if __name__ == "__main__":
    main()
