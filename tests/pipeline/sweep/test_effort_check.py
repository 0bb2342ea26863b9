"""Efforts that do not suit their curves are refused before work; those that look like a mistake are named."""

import numpy as np
import pytest

from pipeline.config.load import load_study
from pipeline.errors import DataError
from pipeline.panel.open import open_study_panel
from pipeline.sweep.before.trial import TRIALS
from pipeline.sweep.coordinator import estimate_study, plan_study

STUDY = """
study: efforts
data:
  file: panel.csv
  market: store
  firm: brand
  time: week
  sales: sales
  efforts:
    price: PRICE
    promotion: {kind: ratio}
models:
  response: RESPONSE
store: runs
cluster: {kind: serial}
"""


def write(folder, *, effort="{kind: index}", response="linear", cells=None):
    random = np.random.default_rng(0)
    lines = ["store,brand,week,sales,price,promotion,copy"]
    for store in range(3):
        for brand in "AB":
            for week in range(8):
                sales = random.uniform(5, 10)
                price, promotion = random.uniform(0.5, 1.5), random.uniform(0, 0.2)
                if cells:
                    price, promotion = cells(store, price, promotion)
                lines.append(f"{store},{brand},{week},{sales},{price},{promotion},{2 * sales + 1}")
    (folder / "panel.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.yaml").write_text(STUDY.replace("PRICE", effort).replace("RESPONSE", response))
    study = load_study(folder / "study.yaml")
    return study, open_study_panel(study)


def warnings(*arguments, **options):
    study, panel = write(*arguments, **options)
    return [str(warning) for warning in plan_study(study, panel).warnings]


@pytest.mark.parametrize("response", ["power", "mci", "hill", "adbudg", "{price: power, promotion: linear}"])
def test_negative_efforts_under_curves_for_positive_ones_are_refused(tmp_path, response):
    study, panel = write(
        tmp_path, response=response, cells=lambda store, price, promotion: (-price, promotion + 0.1)
    )
    with pytest.raises(DataError) as refused:
        plan_study(study, panel)
    (problem,) = refused.value.problems
    assert problem.key == "effort price"
    assert "values down to -1." in problem.got
    assert "in all markets" in problem.got
    assert problem.expected.startswith("efforts >")
    assert "models.exclude" in problem.hint


def test_some_markets_outside_are_a_warning(tmp_path):
    (warning,) = warnings(
        tmp_path,
        response="{price: power, promotion: linear}",
        cells=lambda store, price, promotion: (price if store else -price, promotion),
    )
    assert "'price' leaves the domain of the curve power" in warning
    assert "in 1 of 3 markets" in warning


def test_efforts_that_suit_say_nothing(tmp_path):
    assert warnings(tmp_path, response="{price: power, promotion: linear}") == []


@pytest.mark.parametrize(
    ("effort", "warned"),
    [
        ("{formula: price / sales}", True),
        ("{formula: sales - lag(sales)}", True),
        ("{formula: market_mean(sales)}", True),
        ("{column: sales}", True),
        ("{column: copy}", True),
        ("{formula: price / lag(sales)}", False),
        ("{formula: price / sales, kind: ratio}", False),
        ("{formula: price}", False),
    ],
)
def test_sales_explained_by_sales_are_noticed(tmp_path, effort, warned):
    found = [text for text in warnings(tmp_path, effort=effort) if "by themselves" in text]
    assert len(found) == warned


def test_percentages_are_noticed(tmp_path):
    (warning,) = warnings(tmp_path, cells=lambda store, price, promotion: (price, 100 * promotion))
    assert "'promotion' is of kind ratio" in warning
    assert "divides them by 100" in warning


def test_time_is_counted_up_from_fits_that_are_made(tmp_path):
    """A calibrator that takes as long as it likes: the rule of thumb does not matter."""
    study, panel = write(tmp_path, response="[linear, mnl]")
    plan, now, calls = plan_study(study, panel), [0.0], []

    class Calibrator:
        precompile = None

        def calibrate(self, block, variant, study):
            calls.append((variant.name, block["market"].values.tolist()))
            now[0] += 30.0

    from pipeline.sweep.before.trial import estimate

    made = estimate(study, panel, plan, Calibrator(), clock=lambda: now[0])
    assert made.fits == len(calls) == 1, "no further one after so long"
    assert made.seconds == pytest.approx(plan.seconds * 30.0 / plan.models[0].seconds_per_fit)

    def quick(self, block, variant, study):
        calls.append((variant.name, block["market"].values.tolist()))
        now[0] += 2.0

    Calibrator.calibrate = quick
    calls.clear()
    made = estimate(study, panel, plan, Calibrator(), clock=lambda: now[0])
    assert len(calls) == len(plan.models) <= TRIALS
    assert len({market for _, (market,) in calls}) == len(calls)
    assert made.seconds == pytest.approx(12.0), "6 fits of 2 s"
    assert estimate_study(study, panel, plan).fits == 2
