"""How often a market that has not changed is reported as drifted, and one that has.

    python tests/benchmarks/drift_alarms.py --markets 200

Markets are those of `noise_coverage.py`, with both kinds of noise and a half-life of 2 periods: a vintage on
the first periods, and one with the new ones too. Once nothing happens; once the coefficients are others from
the first new period on. Threshold: ``change: 3`` of `recalibration.thresholds`, and 2, where chance shows.
"""

import argparse
import functools
from concurrent.futures import ProcessPoolExecutor

import noise_coverage
import numpy as np

from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.results.intervals import Z95
from pipeline.vintages.change import Periods, beyond, measure_changes

THRESHOLDS = (2.0, 3.0)
ASKED = UncertaintySection(levels=(0.95,))


class Estimated:
    """The fit of one market, read as the estimates of a vintage are."""

    def __init__(self, record):
        self.markets = np.array(["m"])
        ends = record.uncertainty.interval[ASKED.methods.index("recommended"), :, 0]
        self.names = record.names
        self.arrays = {
            "value": record.value[None],
            "stderr": record.stderr[None],
            "half": (ends[:, 1] - ends[:, 0])[None] / (2.0 * Z95),
            "redchi": np.array([record.statistic["redchi"]]),
        }

    def params(self, model):
        return self.names

    def read(self, model):
        return self.arrays

    def along(self, model, name, markets, params):
        return self.arrays[name]


def drifted(form, periods, new, factor, seed):
    """Whether a market is beyond each threshold, and whether by standard errors of then; None: no fit."""
    noise_coverage.PERIODS = periods + new
    change = None if factor == 1.0 else (periods, factor)
    market, _ = noise_coverage.simulate(form, 2.0, "both", False, seed, change)
    records = [
        calibrate_market(
            noise_coverage.variant_of(form),
            market,
            ("u1", "u2"),
            noise_coverage.FIT,
            np.random.SeedSequence(seed),
            n_train=count,
            uncertainty=ASKED,
        )
        for count in (periods, periods + new)
    ]
    if not all(record.status.usable for record in records):
        return None
    before, now = map(Estimated, records)
    moved = measure_changes(before, now, "", Periods(periods, periods + new, periods))
    return [bool(beyond(moved.change, threshold).any()) for threshold in THRESHOLDS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=200)
    parser.add_argument("--forms", nargs="+", default=list(noise_coverage.GAMMA))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(
        f"{'form':13}{'periods':>8}{'new':>5}{'factor':>8}" + "".join(f"{f'> {t:g}':>8}" for t in THRESHOLDS)
    )
    with ProcessPoolExecutor(given.workers) as pool:
        for form in given.forms:
            for periods, new, factor in (
                (30, 1, 1.0),
                (30, 4, 1.0),
                (104, 1, 1.0),
                (104, 8, 1.0),
                (104, 8, 3.0),
            ):
                task = functools.partial(drifted, form, periods, new, factor)
                found = [one for one in pool.map(task, range(given.markets), chunksize=10) if one is not None]
                rates = "".join(f"{rate:8.1%}" for rate in np.mean(found, axis=0))
                print(f"{form:13}{periods:8}{new:5}{factor:8g}{rates}", flush=True)


if __name__ == "__main__":
    main()
