"""Print how far forecasts of shares are from what came, for the models that ship and for simple yardsticks.

    uv run python tests/benchmarks/accuracy.py cars           # seconds
    uv run python tests/benchmarks/accuracy.py orange_juice   # some minutes: 83 stores, two stages

Orange juice: mean over the stores of the root mean square error of share in the last fifth of the weeks.
Cars: the nine makers of all years, origins from 1983 on, root mean square error one, three and five years
ahead. Efforts of the periods forecast are given; nothing else after an origin is seen.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.baselines import predict_shares
from pipeline.calibrate import calibrate_market
from pipeline.config import load_study
from pipeline.model import build_model, first_periods
from pipeline.panel_market import iterate_markets
from pipeline.run import open_study_panel, run_study
from pipeline.seeds import fit_seed
from pipeline.shares_ahead import forecast_shares
from pipeline.store import Store
from pipeline.store_read import open_dataset

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
    study = load_study(CONFIGS / "us_autos_shrunk.yaml")
    panel = open_study_panel(study)
    data = panel.load(list(panel.markets))
    whole = np.isfinite(data["sales"].values).all(axis=(0, 2))
    market = next(iterate_markets(data.isel(firm=np.flatnonzero(whole))))
    efforts = tuple(map(str, data["effort"].values))
    print("cars: RMSE of share over 9 makers, 1 / 3 / 5 years ahead, origins from 1983")
    for name in ("last", "mean", "attraction"):
        print(f"  {name:28}", *_roll(market, lambda seen, origin, name=name: _baseline(name, seen, origin)))
    for variant in study.variants():
        fits = {}

        def predict(seen, origin, variant=variant, fits=fits):
            if origin not in fits:
                fits[origin] = _fit(study, variant, market, efforts, origin)
            return forecast_shares(*fits[origin], seen, origin, study.fit.initial, "observed")

        print(f"  {variant.name:28}", *_roll(market, predict))


def _fit(study, variant, market, efforts, origin):
    seed = fit_seed(study.seed, variant.name, market.market)
    record = calibrate_market(variant, market, efforts, study.fit, seed, n_train=origin)
    model = build_model(variant, first_periods(market, origin), efforts, study.fit, {})
    return model, record.value[: len(model.names)]


def _baseline(name, market, origin):
    # The constant in place of maker effects is no input of a yardstick that has constants of its own.
    return predict_shares(name, replace(market, efforts=market.efforts[1:]), origin)[origin:]


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
