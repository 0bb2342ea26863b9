"""Every car maker that entered, hidden and predicted: against a mean entrant that draws in proportion.

    uv run python tests/benchmarks/entries.py                       # two studies, about three minutes
    uv run python tests/benchmarks/entries.py --first known         # the share of the first year given

For every year in which makers entered and of which at least ten years lie before it, a study is calibrated on
those years, and `forecast` lets the makers enter with the efforts that they had (those of the others are
given, too), their constants and first shares drawn. The yardstick knows no efforts: an entrant has the mean
share of those that entered before at the same age (or with a known first share, its mean growth since), its
band goes from the smallest to the largest of these; the others keep their last shares, scaled to make room.
What is between the two scales what the calibrated model forecasts without entrants. Shares are those among
the makers that are still there. Makers that entered in 1972 and 1973 have no past to calibrate on.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from pipeline import open_store
from pipeline.config.load import load_study
from pipeline.config.sections.scenario import Scenario
from pipeline.forecasting.scenario import forecast
from pipeline.panel.market import market_arrays
from pipeline.panel.open import open_study_panel
from pipeline.sweep.coordinator import run_study

CONFIGS = Path(__file__).parents[2] / "configs"
STUDIES = {
    "us_autos": ("models={form: [investment], response: [mnl], firm_effects: true}",),
    "us_autos_step": (),
}
FEWEST_YEARS = 10
CONTENDERS = ("calibrated", "in proportion", "mean entrant")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="+", default=list(STUDIES), choices=list(STUDIES))
    parser.add_argument("--first", default="drawn", choices=["drawn", "known"])
    parser.add_argument("--horizon", type=int, default=5)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--quiet", action="store_true", help="no line for every entrant and year")
    asked = parser.parse_args()
    for study in asked.studies:
        panel = open_study_panel(load_study(CONFIGS / f"{study}.yaml")).load(["all"])
        data, names = market_arrays(panel, "all"), [str(name) for name in panel["effort"].values]
        first = np.argmax(data.active, axis=0)
        cases = []
        for origin in sorted({at for at in first.tolist() if at >= FEWEST_YEARS}):
            cases += predict(asked, study, data, names, first, origin)
        report(asked, study, cases)


def predict(asked, study, data, names, first, origin):
    """Calibrate on the years before an entry and predict it; one record for every entrant and year."""
    horizon = min(asked.horizon, data.times.size - origin)
    new = np.flatnonzero(first == origin)
    with tempfile.TemporaryDirectory() as folder:
        year = str(data.times[origin])[:4]
        chosen = (f"data.filter=year < {year}", f"store={folder}/store", "cluster.kind=serial")
        text = load_study(CONFIGS / f"{study}.yaml", (*STUDIES[study], "validation={}", *chosen))
        results = open_store(run_study(text).store)
        made = forecast(results, scenario_of(asked, data, names, origin, horizon, new)).markets[0]
    labels = [str(label) for label in data.firms.tolist()]
    firms = np.array([labels.index(str(label)) for label in made.firms.tolist()])
    entering = np.isin(firms, new)
    before = np.flatnonzero((first > 0) & (first < origin))
    last = np.where(entering, 0.0, data.share[origin - 1, firms])
    cases = []
    for age in range(horizon):
        observed = data.share[origin + age, firms]
        there = np.isfinite(observed)
        mean, low, high = mean_entrant(asked, data, first, before, new, origin, age)
        without = np.append(made.share_without[age], np.zeros(entering.sum()))
        room = 1.0 - np.nansum(np.where(entering, made.share[age], 0.0))
        expected = {
            "calibrated": made.share[age],
            "in proportion": np.where(entering, made.share[age], room * without),
            "mean entrant": np.where(entering, 0.0, last * (1.0 - mean.sum())),
        }
        expected["mean entrant"][entering] = mean
        expected = {name: closed(share, there) for name, share in expected.items()}
        observed = closed(observed, there)
        known = there & ~entering
        of_others = {name: np.mean((share - observed)[known] ** 2) for name, share in expected.items()}
        for number in np.flatnonzero(there & entering):
            bands = made.share_quantile[:, age, number]
            place = number - np.flatnonzero(entering)[0]
            cases.append(
                {
                    "firm": made.firms[number],
                    "year": str(data.times[origin + age])[:4],
                    "age": age,
                    "observed": observed[number],
                    "expected": {name: share[number] for name, share in expected.items()},
                    "held": [
                        bands[1] <= observed[number] <= bands[2],
                        bands[0] <= observed[number] <= bands[3],
                    ],
                    "held_by_past": low[place] <= observed[number] <= high[place],
                    "others": of_others,
                }
            )
    return cases


def closed(share, there):
    return np.where(there, share, 0.0) / np.where(there, share, 0.0).sum()


def mean_entrant(asked, data, first, before, new, origin, age):
    """Share of each new firm as a mean of those that entered before, at the same age, with their range."""
    at = first[before] + age
    seen = data.share[np.minimum(at, origin - 1), before]
    seen = seen[(at < origin) & np.isfinite(seen)]
    if asked.first == "known":
        begun = data.share[first[before], before]
        growth = (data.share[np.minimum(at, origin - 1), before] / begun)[at < origin]
        seen = np.outer(data.share[origin, new], growth[np.isfinite(growth)])
    else:
        seen = np.tile(seen, (new.size, 1))
    return seen.mean(axis=1), seen.min(axis=1), seen.max(axis=1)


def scenario_of(asked, data, names, origin, horizon, new):
    efforts = data.efforts[:, origin : origin + horizon]

    def chosen(firm):
        """Efforts of a firm; in years in which it is away those of the nearest year."""
        known = np.flatnonzero(np.isfinite(efforts[0, :, firm]))
        nearest = known[np.argmin(np.abs(np.subtract.outer(np.arange(horizon), known)), axis=1)]
        return dict(zip(names, efforts[:, nearest, firm].tolist(), strict=True))

    there = data.active[origin - 1] & np.isfinite(efforts[0]).any(axis=0)
    entrants = {}
    for firm in new:
        name = str(data.firms[firm])
        entrants[name] = {"efforts": chosen(firm)}
        if asked.first == "known":
            entrants[name]["share"] = float(data.share[origin, firm])
    return Scenario.model_validate(
        {
            "scenario": "entries",
            "horizon": horizon,
            "start": "observed",
            "firms": {str(data.firms[firm]): chosen(firm) for firm in np.flatnonzero(there)},
            "entrants": entrants,
            "quantiles": (0.05, 0.25, 0.75, 0.95),
            "uncertainty": {"draws": asked.draws},
        }
    )


def report(asked, study, cases):
    count = len({case["firm"] for case in cases})
    print(f"{study}, first share {asked.first}: {len(cases)} years of {count} entrants")
    if not asked.quiet:
        for case in cases:
            numbers = "".join(f"{case['expected'][name]:11.5f}" for name in CONTENDERS)
            print(f"  {case['firm']} {case['year']} {case['observed']:9.5f} {numbers} {case['held']}")
    print(f"{'':24}{'rmse of entrant':>16}{'mean |log|':>12}{'rmse of others':>16}{'90 % hold':>11}")
    # A first year with a known share predicts nothing of the entrant.
    told = [case for case in cases if asked.first == "drawn" or case["age"]]
    for name in CONTENDERS:
        off = np.array([[case["expected"][name], case["observed"]] for case in told])
        rmse = np.sqrt(np.mean((off[:, 0] - off[:, 1]) ** 2))
        log = np.abs(np.log(off[:, 0] / off[:, 1])).mean()
        # Others are counted once a year, not once for each of several entrants.
        by_year = {(case["year"], case["age"]): case["others"][name] for case in told}
        others = np.sqrt(np.mean(list(by_year.values())))
        held = [case["held_by_past"] if name == "mean entrant" else case["held"][1] for case in told]
        print(f"{name:24}{rmse:16.5f}{log:12.3f}{others:16.5f}{100 * np.mean(held):10.0f}%")
    print(f"in the middle 50 %: {100 * np.mean([case['held'][0] for case in told]):.0f}%", flush=True)


if __name__ == "__main__":
    main()
