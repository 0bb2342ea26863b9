"""Benchmarks that need a process of their own: peak memory, and the first call."""

import resource
import subprocess
import sys
import time
from pathlib import Path

_HERE = Path(__file__).parent


def _run(function, *arguments):
    code = f"import process; process.{function}({', '.join(map(repr, arguments))})"
    done = subprocess.run([sys.executable, "-c", code], cwd=_HERE, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def measure_memory(n_markets):
    """Print the peak resident size, in MiB, of a process that fits ``n_markets`` different markets."""
    from problems import random_markets

    from kernels.batch import fit_batch

    markets = random_markets("proportional", n_markets)
    positional, named = markets.batch_arguments()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    fit = fit_batch(*positional, **named)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = sum(array.nbytes for array in markets.data[:-2])
    print(
        f"  {n_markets} fits of different markets: peak {peak / 1024:.0f} MiB, of which the markets are "
        f"{data / 2**20:.0f} MiB ({before / 1024:.0f} MiB before the fits); {seconds:.1f} s, "
        f"{fit.converged.mean():.2%} converged"
    )


def measure_first_call():
    """Print the seconds for imports and for the first call, in a process that has done nothing before."""
    start = time.perf_counter()
    from problems import random_markets

    from kernels.batch import fit_batch

    imported = time.perf_counter()
    markets = random_markets("proportional", 1)
    made = time.perf_counter()
    positional, named = markets.batch_arguments()
    fit_batch(*positional, **named)
    done = time.perf_counter()
    print(
        f"  imports {imported - start:.2f} s, first simulation {made - imported:.2f} s, "
        f"first fit_batch {done - made:.2f} s"
    )


def memory():
    """Peak memory of a process that fits 10,000 markets, each with its own data."""
    print("peak memory, with the compiled code on disk already")
    _run("measure_memory", 1)
    for n_markets in (1, 10_000):
        print(_run("measure_memory", n_markets))


def first_call():
    """First call in a fresh process when the compiled code is on disk already."""
    print("first call in a fresh process, warm disk cache")
    _run("measure_first_call")
    print(_run("measure_first_call"))
