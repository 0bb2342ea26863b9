"""Plans flown as they were made (open loop) and planned again after every period (closed loop).

    nice python tests/benchmarks/closed_loop.py --runs 100

Four shops of the centre of `configs/mall.yaml`; one wants 30 % of the market after six weeks, from 25 %,
with a chance of 90 %. Errors of 2 % of every share, of which 60 % last; rivals' budgets vary as they did;
after the third week its share is moved by a shock of 8 % that no plan knew of. Both fly through the same
weeks; parameters are known.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "support"))

from flown import TARGET, fly


def main():
    """Print a table of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--probability", type=float, default=0.9)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(f"{'':12} {'reached':>8} {'rmse of share':>14} {'mean above':>11} {'money, million':>15}")
    flights = {}
    for name, closed in (("open loop", False), ("closed loop", True)):
        with ProcessPoolExecutor(given.workers) as pool:
            one = partial(fly, closed=closed, probability=given.probability)
            flights[name] = list(pool.map(one, range(given.runs)))
        share = np.array([flight.reached for flight in flights[name]])
        money = np.array([flight.spent for flight in flights[name]]) / 1e6
        print(
            f"{name:12} {(share >= TARGET).mean():>8.0%} {np.sqrt(np.mean((share - TARGET) ** 2)):>14.4f} "
            f"{np.mean(share - TARGET):>11.4f} {money.mean():>15.2f}",
            flush=True,
        )
    pairs = zip(flights["open loop"], flights["closed loop"], strict=True)
    saved = np.array([first.spent - second.spent for first, second in pairs]) / 1e6
    print(f"closed loop saves {saved.mean():.2f} ± {saved.std() / np.sqrt(saved.size):.2f} million a run")


if __name__ == "__main__":
    main()
