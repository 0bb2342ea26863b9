"""Which model of total sales forecasts held-out periods best on the data that ship.

``python tests/benchmarks/total_sales.py [orange_juice us_autos ledger ...]`` prints root mean square errors
of logarithms. No model of shares is calibrated, so `response` answers to the efforts of the study, all
of them or one at a time.
"""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from pipeline.config.load import load_study
from pipeline.config.sections.scenario import TotalSection
from pipeline.errors import QueryError
from pipeline.panel.market import iterate_markets
from pipeline.panel.open import open_study_panel
from pipeline.results.totals.comparison import MODELS, compare_totals

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass
class Known:
    """What a comparison reads of a market."""

    market: object
    efforts: tuple
    frequency: str
    past_sales: np.ndarray
    past_period: np.ndarray
    past_share: np.ndarray
    history: np.ndarray
    active: np.ndarray
    prices: tuple = ()
    terms: tuple = ()
    model: str = field(default="none")

    @property
    def chosen(self):
        chosen = self.history.copy()
        for price in self.prices:
            chosen[price.effort] = price.history
        return chosen


def markets(study):
    panel = open_study_panel(study)
    for block in panel.blocks(8):
        period = dict(zip(block["time"].values.tolist(), block["period"].values.tolist(), strict=True))
        for one in iterate_markets(block):
            yield Known(
                one.market,
                panel.efforts,
                panel.frequency,
                one.total_sales,
                np.array([period[t] for t in one.times.tolist()]),
                np.where(one.active, one.share, np.nan),
                np.where(one.active, one.efforts, 0.0),
                one.active,
                tuple(prices_of(block, one, panel.efforts)),
            )


def prices_of(block, one, efforts):
    for name in block["priced"].values if "prices" in block else ():
        at = {"market": one.market, "firm": one.firms, "time": one.times, "priced": name}
        history = np.nan_to_num(block["prices"].sel(at).transpose("time", "firm").values)
        yield SimpleNamespace(effort=efforts.index(str(name)), history=history)


def measure(name):
    study = load_study(CONFIGS / f"{name}.yaml")
    everything = list(markets(study))
    efforts = everything[0].efforts
    sections = {"mean of all periods": TotalSection(model="constant", last=1_000_000)}
    sections |= {
        f"response to {', '.join(chosen)}": TotalSection(model="response", efforts=chosen)
        for chosen in dict.fromkeys([efforts, *((effort,) for effort in efforts)])
    }
    others = [model for model in MODELS if model != "response"]
    start = time.process_time()
    columns = {}
    for market in everything:
        for label, section in sections.items():
            try:
                errors, _ = compare_totals(section, market, ())
            except QueryError:
                continue
            columns.setdefault(label, []).append(errors[section.model])
            if label == "mean of all periods":
                alone, _ = compare_totals(TotalSection(), market, others)
                for model, error in alone.items():
                    columns.setdefault(model, []).append(error)
    print(f"{name}: {len(everything)} markets, {time.process_time() - start:.1f} s")
    for label, errors in sorted(columns.items(), key=lambda item: np.nanmean(item[1])):
        values = np.array(errors)
        if not np.isfinite(values).any():
            continue
        print(f"  {label:45} {np.nanmean(values):.4f}  (in {np.isfinite(values).sum()} markets)")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["ledger", "us_autos", "orange_juice"]:
        measure(name)
