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


def _peak():
    """Largest resident size of this process so far, bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the process that started this one had in memory.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure_memory(n_markets):
    """Print the peak resident size, in MiB, of a process that fits ``n_markets`` different markets."""
    from problems import random_markets

    from kernels.least_squares.batch import fit_batch

    markets = random_markets("proportional", n_markets)
    positional, named = markets.batch_arguments()
    before = _peak()
    start = time.process_time()
    fit = fit_batch(*positional, **named)
    seconds = time.process_time() - start
    peak = _peak()
    data = sum(array.nbytes for array in markets.data[:-2])
    print(
        f"  {n_markets} fits of different markets: peak {peak / 2**20:.0f} MiB, of which the markets are "
        f"{data / 2**20:.0f} MiB ({before / 2**20:.0f} MiB before the fits); {seconds:.1f} s, "
        f"{fit.converged.mean():.2%} converged"
    )


def measure_first_call():
    """Print the processor seconds for imports and for the first calls, in a fresh process."""
    start = time.process_time()
    from problems import random_markets

    from kernels.least_squares.batch import fit_batch

    imported = time.process_time()
    markets = random_markets("proportional", 1)
    made = time.process_time()
    positional, named = markets.batch_arguments()
    fit_batch(*positional, **named)
    done = time.process_time()
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
