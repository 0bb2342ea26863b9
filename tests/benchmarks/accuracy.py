"""Print how far forecasts of shares are from what came, for the models that ship and for simple yardsticks.

    uv run python tests/benchmarks/accuracy.py cars           # seconds
    uv run python tests/benchmarks/accuracy.py orange_juice   # some minutes: 83 stores, two stages

Orange juice: mean over the stores of the root mean square error of share in the last fifth of the weeks.
Cars: the nine makers of all years, origins from 1983 on, root mean square error one, three and five years
ahead. Efforts of the periods forecast are given; nothing else after an origin is seen.
"""

import argparse
import functools
import tempfile
from pathlib import Path

import numpy as np

from pipeline.config.load import load_study
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.one_step import forecast_shares
from pipeline.panel.market import first_periods, iterate_markets
from pipeline.panel.open import open_study_panel
from pipeline.seeds import fit_seed
from pipeline.store.read import open_dataset
from pipeline.store.store import Store
from pipeline.sweep.coordinator import run_study
from pipeline.validation.baselines import predict_shares

CONFIGS = Path(__file__).parents[2] / "configs"
HORIZONS = (1, 3, 5)
FIRST_ORIGIN = 12  # years before 1983


def orange_juice():
    """Held-out errors of the pooled study, from a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        report = run_study(load_study(CONFIGS / "orange_juice_pooled.yaml", (f"store={folder}/store",)))
        session = Store.open(report.store).session()
        table = open_dataset(session, f"sweeps/{report.sweep}/validation")["error"].load()
        sweep = open_dataset(session, f"sweeps/{report.sweep}")
        names = sweep["model"].values
        error = table.isel(window=1, metric=0).values.reshape(len(table), len(names), -1)[:, :, 0]
    print("orange juice: mean over 83 stores of the RMSE of share, last fifth of the weeks")
    for name, column in sorted(zip(names, error.T, strict=True), key=lambda row: row[1].mean()):
        wins = (column < error[:, list(names).index("attraction")]).mean()
        print(f"  {name:28} {column.mean():.4f}   better than attraction in {wins:4.0%} of the stores")


def cars():
    """Errors from rolling origins on the makers that are there in all years."""
    print("cars: RMSE of share over 9 makers, 1 / 3 / 5 years ahead, origins from 1983")
    for name in ("us_autos_step", "us_autos_shrunk"):
        study = load_study(CONFIGS / f"{name}.yaml")
        market, efforts = _makers_of_all_years(study)
        if name == "us_autos_step":
            for baseline in ("last", "mean", "attraction"):
                print(f"  {baseline:36}", *_roll(market, functools.partial(_baseline, baseline)))
        for variant in study.variants():
            predict = _Model(study, variant, market, efforts)
            print(f"  {name}: {variant.name:20}", *_roll(market, predict))


def _makers_of_all_years(study):
    panel = open_study_panel(study)
    data = panel.load(list(panel.markets))
    whole = np.isfinite(data["sales"].values).all(axis=(0, 2))
    market = next(iterate_markets(data.isel(firm=np.flatnonzero(whole))))
    return market, tuple(map(str, data["effort"].values))


class _Model:
    """Forecasts of a model, calibrated once for each origin on the years before it."""

    def __init__(self, study, variant, market, efforts):
        self.study, self.variant, self.market, self.efforts = study, variant, market, efforts
        self.fits = {}

    def __call__(self, seen, origin):
        if origin not in self.fits:
            self.fits[origin] = self._fit(origin)
        return forecast_shares(*self.fits[origin], seen, origin, self.study.fit.initial, "observed")

    def _fit(self, origin):
        fit, variant, efforts = self.study.fit, self.variant, self.efforts
        seed = fit_seed(self.study.seed, variant.name, self.market.market)
        record = calibrate_market(variant, self.market, efforts, fit, seed, n_train=origin)
        return record.model, record.theta


def _baseline(name, market, origin):
    return predict_shares(name, market, origin)[origin:]


def _roll(market, predict):
    n_times = len(market.times)
    for horizon in HORIZONS:
        squares = [
            (
                predict(first_periods(market, origin + horizon), origin)[-1]
                - market.share[origin + horizon - 1]
            )
            ** 2
            for origin in range(FIRST_ORIGIN, n_times - horizon + 1)
        ]
        yield f"{np.sqrt(np.mean(squares)):.4f}"


BENCHMARKS = {"cars": cars, "orange_juice": orange_juice}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="data sets; by default all")
    for chosen in parser.parse_args().names or BENCHMARKS:
        BENCHMARKS[chosen]()
