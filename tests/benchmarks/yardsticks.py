"""Hold `models: auto` against all baselines on a study that ships.

    python tests/benchmarks/yardsticks.py us_autos                               # two minutes
    python tests/benchmarks/yardsticks.py orange_juice "data.filter=store <= 14"  # six stores, some minutes

Further arguments are overrides as of `--set`. One start a fit: f = exp(linear) has one optimum.
"""

import argparse
import tempfile
from pathlib import Path

from pipeline.config.load import load_study
from pipeline.results.recipes import recipes
from pipeline.results.result_store import open_store
from pipeline.results.tables.comparison import compare, kinds, read_losses
from pipeline.sweep.coordinator import run_study

CONFIGS = Path(__file__).parents[2] / "configs"
BASELINES = "[last, mean, smoothing, attraction, mci, wiener, attraction_lagged, boosting]"
COLUMNS = ("model", "error", "difference", "p", "cases", "of")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=["us_autos", "orange_juice"])
    parser.add_argument("overrides", nargs="*", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fixed = (
            "models=auto",
            "cluster={kind: serial}",
            "uncertainty.intervals=[]",
            "fit.starts=1",
            f"validation.baselines={BASELINES}",
            f"store={folder}/store",
        )
        report = run_study(load_study(CONFIGS / f"{given.study}.yaml", (*fixed, *given.overrides)))
        store = open_store(report.store)
        for row in recipes(store.tables).rows():
            print(*row)
        for kind in kinds(store.tables):
            for future in ("given", "carried"):
                for metric in ("rmse", "log_score", "crps"):
                    table = compare(read_losses(store.tables, kind, future, metric))
                    print(f"{kind}, {future}, {metric}; differences to {table['against'][0]}")
                    for name, error, difference, p, cases, of in table.select(COLUMNS).rows():
                        if error is None:
                            print(f"  {name:34}   no forecast")
                            continue
                        chance = "" if p is None else f"p {p:.3f}"
                        print(f"  {name:34}{error:10.5f}{difference:+10.5f}  {chance:8} {cases} of {of}")


if __name__ == "__main__":
    main()
