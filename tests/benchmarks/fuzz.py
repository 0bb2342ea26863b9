"""Try mutants of all files that users write: nothing may end in a traceback, or take more than ten seconds.

    uv run python tests/benchmarks/fuzz.py                       # 2,000 mutants, about a minute
    uv run python tests/benchmarks/fuzz.py --mutants 100000      # an hour of one core
    uv run python tests/benchmarks/fuzz.py --seed 3 --from 812 --mutants 1 --show

Prints a table of verdicts by kind of file, every failure once by where it was raised, and ends with code 1 when
there is one.
"""

import argparse
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mutants import Mutants

VERDICTS = ("fine", "refused", "traceback", "slow")


def where(error):
    """Name the exception and the last line of the product that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/pipeline/" in frame.filename or "/kernels/" in frame.filename]
    place = f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {place}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument(
        "--show", action="store_true", help="print the mutants that fail, and their tracebacks"
    )
    options = parser.parse_args()
    warnings.simplefilter("error")
    counts, sites, slowest = Counter(), {}, 0.0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        mutants = Mutants(Path(folder), options.seed)
        for trial in mutants.attempts(range(options.first, options.first + options.mutants)):
            counts[trial.mutant.kind, trial.verdict] += 1
            slowest = max(slowest, trial.seconds)
            if trial.verdict in ("traceback", "slow"):
                site = "slow" if trial.error is None else where(trial.error)
                sites.setdefault(site, []).append(trial)
            if options.show and (options.mutants == 1 or trial.verdict in ("traceback", "slow")):
                print(
                    trial.mutant.content.decode(errors="replace"),
                    "".join(traceback.format_exception(trial.error)),
                )
    print(f"{'':10}" + "".join(f"{verdict:>11}" for verdict in VERDICTS))
    for kind in sorted({kind for kind, _ in counts}):
        print(f"{kind:10}" + "".join(f"{counts[kind, verdict]:11,}" for verdict in VERDICTS))
    seconds = time.monotonic() - start
    print(f"{options.mutants:,} mutants in {seconds:.0f} s; slowest {slowest:.2f} s; seed {options.seed}")
    for site, trials in sorted(sites.items(), key=lambda item: -len(item[1])):
        print(f"{len(trials):6,}  {site}: {trials[0].error}; e.g. --from {trials[0].mutant.number}")
    sys.exit(1 if sites else 0)


if __name__ == "__main__":
    main()
