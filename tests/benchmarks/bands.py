"""How often bands of forecasts hold what comes, by periods ahead, efforts given and carried forward.

    uv run python tests/benchmarks/bands.py simulated        # about a minute a line on a quiet machine
    uv run python tests/benchmarks/bands.py orange_juice     # about half a minute an origin

Both go through the front door: data in a file, a study, `run_study`, `forecast`. Studies are their defaults;
`--set` changes them. Simulated: the slow markets of `noise_coverage.py`, calibrated without their last
periods.
Orange juice: every so-manieth store in the order of their numbers, chosen so before anything was looked at,
one model, and origins some weeks apart: stores share their weeks, so one origin tells of one week at each
horizon, however many stores there are.
Stands beside each part its standard error over markets, of orange juice that over origins.
"""

import argparse
import tempfile
from pathlib import Path

import noise_coverage
import numpy as np
import pandas as pd

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.config.sections.scenario import Scenario
from pipeline.forecasting.scenario import forecast
from pipeline.panel.open import open_study_panel
from pipeline.sweep.coordinator import run_study

CONFIGS = Path(__file__).parents[2] / "configs"
QUANTILES = (0.05, 0.25, 0.75, 0.95)
FUTURES = ("given", "carried")
FAMILY = {"investment": "mnl", "scaled": "mnl", "proportional": "linear"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=["simulated", "orange_juice"])
    parser.add_argument("--markets", type=int, help="by default 60 simulated ones, 6 stores")
    parser.add_argument("--horizons", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--forms", nargs="+", default=list(FAMILY), choices=list(FAMILY))
    parser.add_argument("--half-lives", nargs="+", type=float, default=[8.0])
    parser.add_argument("--noise", nargs="+", default=["measurement", "lasting", "both"])
    parser.add_argument("--origins", type=int, default=12, help="of orange juice")
    parser.add_argument("--apart", type=int, default=4, help="periods between the origins")
    parser.add_argument("--start", default="calibrated", choices=["observed", "calibrated"])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--set", nargs="+", default=[], dest="overrides", help="of the study: fit.gain=0")
    asked = parser.parse_args()
    asked.markets = asked.markets or (60 if asked.data == "simulated" else 6)
    print(f"{'':34}" + "".join(f"{f'+{h}':>20}" for h in asked.horizons))
    print(f"{'':34}" + f"{'50 %':>10}{'90 %':>10}" * len(asked.horizons))
    if asked.data == "orange_juice":
        report("orange juice", asked, orange_juice(asked))
        return
    for form in asked.forms:
        for half_life in asked.half_lives:
            for noise in asked.noise:
                report(f"{form} {half_life:g} {noise}", asked, simulated(asked, form, half_life, noise))


def report(title, asked, cells):
    """Print one line for each future, from cells (future, market or origin, horizon, held)."""
    for future in FUTURES:
        text = f"{title} {future}"
        for horizon in asked.horizons:
            found = [(m, held) for f, m, h, held in cells if (f, h) == (future, horizon)]
            markets = sorted({m for m, _ in found})
            part = np.array([np.mean([held for m, held in found if m == one], axis=0) for one in markets])
            error = part.std(axis=0) / np.sqrt(len(part))
            text = f"{text:34}" if horizon == asked.horizons[0] else text
            text += "".join(
                f"{f'{100 * mean:.1f}±{100 * e:.1f}':>10}"
                for mean, e in zip(part.mean(axis=0), error, strict=True)
            )
        print(text, flush=True)


def simulated(asked, form, half_life, noise):
    """Calibrate simulated markets without their last periods, and forecast these."""
    rows = []
    for seed in range(asked.markets):
        market, _ = noise_coverage.simulate(form, half_life, noise, False, seed)
        for t, i in np.ndindex(market.share.shape):
            rows.append([seed, market.firms[i], t, market.share[t, i], *market.efforts[:, t, i]])
    table = pd.DataFrame(rows, columns=["market", "firm", "time", "sales", "u1", "u2"])
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(f"{folder}/sales.csv", index=False)
        last = noise_coverage.PERIODS - max(asked.horizons)
        Path(f"{folder}/study.yaml").write_text(f"""
study: bands
data: {{file: sales.csv, market: market, firm: firm, time: time, sales: sales, efforts: [u1, u2]}}
models: {{form: {form}, response: {FAMILY[form]}, firm_effects: true}}
cluster: {{kind: serial}}
store: store
""")
        study = f"{folder}/study.yaml"
        whole = open_study_panel(load_study(study)).load(list(range(asked.markets)))
        return forecast_all(asked, study, (f"data.filter=time < {last}",), whole, folder)


def orange_juice(asked):
    """Calibrate some stores up to each origin, and forecast the weeks after it."""
    path, cells = CONFIGS / "orange_juice.yaml", []
    panel = open_study_panel(load_study(path))
    stores = np.asarray(panel.markets).tolist()
    stores = stores[:: max(len(stores) // asked.markets, 1)][: asked.markets]
    whole = panel.load(stores)
    weeks = whole["time"].to_numpy()
    model = ("models={form: investment, response: mnl, firm_effects: true}", "fit.starts=2")
    for origin in range(asked.origins):
        last = weeks[-1 - max(asked.horizons) - origin * asked.apart]
        with tempfile.TemporaryDirectory() as folder:
            of_origin = (f"data.filter=week <= {last}", f"data.markets={stores}", "cluster.kind=serial")
            found = forecast_all(asked, path, (*model, *of_origin), whole, folder)
            cells += [(future, last, *rest) for future, _, *rest in found]
    return cells


def forecast_all(asked, study, overrides, whole, folder):
    """Run a study on the periods before an origin; forecast every market in both ways."""
    store = run_study(load_study(study, (*overrides, f"store={folder}/runs", *asked.overrides))).store
    results = open_store(store)
    cells = []
    for label in results.tables.labels("market").tolist():
        for future in FUTURES:
            scenario = scenario_of(asked, future, label, whole.sel(market=label), results)
            made = forecast(results, scenario).markets[0]
            cells += held_in_bands(asked, future, made, scenario, whole.sel(market=label), results)
    return cells


def ahead_of(asked, market, results):
    """The periods after the data of a sweep, of the whole data; nan where there are no sales."""
    first = results.tables.labels("time")[-1] + 1
    return market.reindex(time=np.arange(first, first + max(asked.horizons)))


def scenario_of(asked, future, label, market, results):
    ahead = ahead_of(asked, market, results)
    content = {
        "scenario": future,
        "markets": [label],
        "horizon": max(asked.horizons),
        "start": asked.start,
        "quantiles": QUANTILES,
        "uncertainty": {"draws": asked.draws},
    }
    if future == "given":
        efforts = filled(set_by_firms(ahead).transpose("time", "firm", "effort").to_numpy())
        total = filled(ahead["sales"].sum("firm", min_count=1).to_numpy())
        names = [str(name) for name in ahead["effort"].to_numpy()]
        content["total_sales"] = {"model": "given", "values": total.tolist()}
        content["firms"] = {
            str(firm): {name: efforts[:, i, k].tolist() for k, name in enumerate(names)}
            for i, firm in enumerate(ahead["firm"].to_numpy())
            if np.isfinite(efforts[:, i]).all()
        }
    return Scenario.model_validate(content)


def set_by_firms(market):
    """Efforts as firms set them: prices in place of their indices."""
    chosen = market["efforts"].copy(deep=True)
    for name in market["priced"].to_numpy() if "prices" in market else ():
        chosen.loc[{"effort": name}] = market["prices"].sel(priced=name)
    return chosen


def filled(values):
    """Fill what is missing along the first axis from the period before, else from the one after."""
    table = pd.DataFrame(values.reshape(len(values), -1)).ffill().bfill()
    return table.to_numpy().reshape(values.shape)


def held_in_bands(asked, future, made, scenario, market, results):
    """Whether shares of firms that are there came within the bands, (50 %, 90 %)."""
    ahead = ahead_of(asked, market, results)["sales"].sel(firm=made.firms)
    ahead = ahead.transpose("time", "firm").to_numpy()
    share = ahead / np.nansum(ahead, axis=1, keepdims=True)
    low90, low50, high50, high90 = made.share_quantile
    cells = []
    for horizon in asked.horizons:
        for i in np.flatnonzero(np.isfinite(share[horizon - 1])):
            at, y = (horizon - 1, i), share[horizon - 1, i]
            held = (low50[at] <= y <= high50[at], low90[at] <= y <= high90[at])
            cells.append((future, scenario.markets[0], horizon, held))
    return cells


if __name__ == "__main__":
    main()
