"""Faults done to runs and stores, and what survives: `python tests/benchmarks/faults.py [--help]`.

Kills while a store is made and while a study runs, flipped bits, full disks, signals; in a temporary folder.
Survived means: the same command, given again, ends well and the store then holds the same numbers as without
the fault, or (flipped bits) everything reads as it was or is refused in a sentence. Ends with 1 when any did
not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from fault_trials import Trials  # noqa: E402

#: Shares of all trials, and what each does.
FAULTS = {
    "killed while the store is made": (0.2, Trials.creation),
    "killed (-9) in a run": (0.2, Trials.kills),
    "a bit flipped in the store": (0.5, Trials.flips),
    "the disk full": (0.05, Trials.full_disks),
    "Ctrl-C, SIGTERM, SIGHUP": (0.05, Trials.signals),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="all faults together")
    parser.add_argument("--seed", type=int, default=0, help="of moments, places and bits")
    chosen = parser.parse_args()
    total = survived = 0
    print(f"{'fault':34}{'trials':>8}{'survived':>10}")
    for name, (share, method) in FAULTS.items():
        with tempfile.TemporaryDirectory(prefix="beed-faults-") as folder:
            tally = method(Trials(folder, chosen.seed), max(round(share * chosen.trials), 1))
        total, survived = total + tally.trials, survived + tally.survived
        print(f"{name:34}{tally.trials:8}{tally.survived:10}", flush=True)
        for problem, count in tally.failures.most_common():
            print(f"    {count} x {problem}", flush=True)
    print(f"{'together':34}{total:8}{survived:10}")
    sys.exit(survived != total)


if __name__ == "__main__":
    main()
