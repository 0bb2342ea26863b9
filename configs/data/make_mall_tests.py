"""Make mall_tests.csv: tests in the markets of mall_tested.yaml, drawn from their truth."""

import csv
from pathlib import Path

import numpy as np

from pipeline.config.load import load_study
from pipeline.panel.market import iterate_markets
from pipeline.panel.simulated import simulated_panel

HERE = Path(__file__).parent
DISCOUNT, PROMOTION = 2.0, 0.6
HEADER = ("market", "firm", "effort", "from", "to", "baseline", "changed", "outcome", "effect", "stderr")
# Places of market, firm, effort, first and last week; values; standard error; what is wrong with it.
TESTS = (
    (0, 1, 0, 30, 35, 0.04, 0.08, 0.005, 0.0),
    (0, 3, 1, 52, 57, 0.06, 0.12, 0.005, 0.0),
    (1, 0, 0, 40, 47, 0.04, 0.0, 0.005, 0.0),
    (2, 2, 1, 40, 45, 0.06, 0.1, 0.006, 0.05),
)


def mean_share(market, firm, effort, first, last, value):
    """Follow the share of a firm from its observed one before a test, by the exact solution for γ = 0."""
    efforts = market.efforts.copy()
    efforts[effort, first : last + 1, firm] = value
    state, shares = market.share[first - 1], []
    for t in range(first, last + 1):
        f = DISCOUNT * efforts[0, t] + PROMOTION * np.sqrt(efforts[1, t])
        state = f / f.sum() + (state - f / f.sum()) * np.exp(-f.sum())
        shares.append(state[firm])
    return np.mean(shares)


def main() -> None:
    """Write the file beside this one."""
    panel = simulated_panel(load_study(HERE.parent / "mall_tested.yaml"))
    markets = list(iterate_markets(panel.load(slice(None))))
    rng = np.random.default_rng(11)
    rows = []
    for place, firm, effort, first, last, baseline, changed, stderr, wrong in TESTS:
        market = markets[place]
        ends = [mean_share(market, firm, effort, first, last, value) for value in (baseline, changed)]
        measured = ends[1] - ends[0] + stderr * rng.standard_normal() + wrong
        dates = (str(market.times[period])[:10] for period in (first, last))
        rows.append(
            (
                *(market.market, market.firms[firm], panel.efforts[effort], *dates, baseline, changed),
                *("share", round(measured, 4), stderr),
            )
        )
    with (HERE / "mall_tests.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


if __name__ == "__main__":
    main()
