"""Run the benchmarks and print their figures as ratios of times measured in the same run.

    uv run python tests/benchmarks/run.py                # all but those that need optional packages
    uv run python tests/benchmarks/run.py residual fits  # some of them
    uv run --group benchmark python tests/benchmarks/run.py diffrax

The problem: 10 firms, 104 weeks, 4 expenses, Hill response with its 8 coefficients and half-saturations free,
log-ratio residuals, 2 % noise; one core. Timings are of compiled code after a first call.
`sweep` and `many_markets` measure whole runs of the pipeline; `profile` says where the time of fits goes.
"""

import argparse

import agreement
import process
import profile_fits
import speed
import sweep

BENCHMARKS = {
    "residual": speed.residual,
    "python_call": speed.python_call,
    "fits": speed.fits,
    "solve_ivp": speed.solve_ivp,
    "diffrax": speed.diffrax,
    "scaling": speed.scaling,
    "memory": process.memory,
    "first_call": process.first_call,
    "agreement": agreement.agreement,
    "methods": agreement.methods,
    "profile": profile_fits.profile,
    "sweep": sweep.sweep,
    "many_markets": sweep.many_markets,
}
_OPTIONAL = {"diffrax"}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"There is no benchmark {unknown[0]!r}; choose from {', '.join(BENCHMARKS)}.")
    for name in names or [name for name in BENCHMARKS if name not in _OPTIONAL]:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
