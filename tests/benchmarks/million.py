"""Sweeps of `configs/large/million.yaml`: data from a simulator outside beed, kills, memory, what is lost.

    python tests/benchmarks/million.py data --markets 100000     # configs/data/million.parquet
    python tests/benchmarks/million.py run --markets 2000 --kills 2 [--folder FOLDER]

`run` takes as many markets as asked for, in a folder of its own; kills the whole process group (SIGKILL) when
a third and two thirds of the fits are committed, resumes, and prints fits a second, the largest memory of the
coordinator and of a worker, processor time, bytes of the store, fits that were committed before a kill and
are gone, and how long questions to the store take. Data and store stay in FOLDER where one is given.
Further words are overrides of the study, as for `beed run`.

Half of the markets move by the proportional form, the others by the investment form, both in closed form.
"""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import BeedError
from pipeline.status import Status
from pipeline.store.store import Store

ROOT = Path(__file__).parents[2]
FIRMS, PERIODS, BLOCK = 4, 26, 5000


def simulate(markets, random):
    """Sales and efforts of some markets, (market, period, firm) each."""
    shape = (markets.size, PERIODS, FIRMS)
    promotion, place = random.gamma(4.0, 0.25, shape), random.gamma(4.0, 0.25, shape)
    slope = random.uniform(0.05, 0.2, (2, markets.size, 1, 1))
    f = slope[0] * promotion + slope[1] * place
    share = random.dirichlet(np.full(FIRMS, 8.0), markets.size)
    seen = np.empty(shape)
    replicator = (markets % 2 == 0)[:, None]
    for period in range(PERIODS):
        now = f[:, period]
        total = now.sum(axis=1, keepdims=True)
        grown = share * np.exp(now)
        pulled = now / total + (share - now / total) * np.exp(-total)
        share = np.where(replicator, grown / grown.sum(axis=1, keepdims=True), pulled)
        seen[:, period] = share
    noisy = seen * np.exp(0.02 * random.standard_normal(shape))
    return 1000.0 * noisy / noisy.sum(axis=2, keepdims=True), promotion, place


def write_data(path, n_markets):
    """Write the table, some markets at a time."""
    random, writer = np.random.default_rng(13), None
    for start in range(0, n_markets, BLOCK):
        markets = np.arange(start, min(start + BLOCK, n_markets))
        sales, promotion, place = simulate(markets, random)
        index = np.indices(sales.shape).reshape(3, -1)
        table = pa.table(
            {
                "market": pa.array(markets[index[0]], pa.int32()),
                "period": pa.array(index[1], pa.int16()),
                "firm": pa.array(index[2], pa.int8()),
                "sales": sales.ravel(),
                "promotion": promotion.ravel(),
                "place": place.ravel(),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def committed(store):
    """Fits that a reader sees, by model: arrays of (market, window)."""
    try:
        opened = Store.open(store)
        (info,) = opened.sweeps()
        return {model: opened.sweep(info.name).status(model) != Status.PENDING for model in info.models}
    except (BeedError, ValueError):
        return {}


def count(fits):
    return sum(int(done.sum()) for done in fits.values())


class Watch:
    """Largest resident sizes seen of a process and of those that it started, and their processor time."""

    def __init__(self):
        self.coordinator = self.worker = 0
        self._seconds = {}

    def look(self, process):
        try:
            own = psutil.Process(process.pid)
            self.coordinator = max(self.coordinator, own.memory_info().rss)
            below = own.children(recursive=True)
            self.worker = max([self.worker, *(child.memory_info().rss for child in below)])
            for one in (own, *below):
                times = one.cpu_times()
                self._seconds[one.pid] = times.user + times.system
        except psutil.NoSuchProcess:
            pass

    @property
    def seconds(self):
        """Processor seconds of all that was seen."""
        return sum(self._seconds.values())


def ask(store):
    """Time what users ask of the store: a fit, and what `beed show` says."""
    for words in (["query", store, "--market", "1", "--limit", "10"], ["show", store]):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *words], capture_output=True, check=False
        )
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        print(f"  beed {words[0]}: {wall:.2f} s, {used:.2f} s of processor time, exit code {done.returncode}")


def run(n_markets, kills, overrides, kept=None):
    """Run the study on so many markets; print what was seen."""
    with tempfile.TemporaryDirectory() if kept is None else contextlib.nullcontext(kept) as folder:
        data, store = Path(folder) / "million.parquet", Path(folder) / "store"
        write_data(data, n_markets)
        words = [f"data.file={data}", f"store={{path: {store}, trajectories: none}}", *overrides]
        study = ROOT / "configs" / "large" / "million.yaml"
        command = [sys.executable, "-m", "pipeline.cli", "run", str(study)]
        command += [part for word in words for part in ("--set", word)]
        watch, lost, before, began = Watch(), 0, {}, time.monotonic()
        for number in range(kills + 1):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
            wanted = 10 * n_markets * (number + 1) // (kills + 1)
            looked, pause = 0.0, 5.0
            while process.poll() is None:
                watch.look(process)
                time.sleep(0.5)
                if number < kills and time.monotonic() - looked > pause:
                    looked, done = time.monotonic(), count(committed(store))
                    # To look takes time that the workers would have.
                    pause = max(5.0, 30.0 * (time.monotonic() - looked))
                    if done >= wanted:
                        os.killpg(process.pid, signal.SIGKILL)
                        break
            process.wait()
            after = committed(store)
            lost += sum(int((done & ~after[model]).sum()) for model, done in before.items())
            before = after
            print(
                f"  {'killed' if process.returncode else 'ended'}: {count(after)} fits committed", flush=True
            )
        seconds, fits = time.monotonic() - began, count(before)
        size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        print(
            f"{n_markets} markets, {fits} fits in {seconds:.0f} s: {fits / seconds:.1f} a second; {lost} lost"
        )
        print(f"  {watch.seconds:.0f} s of processor time, {1e3 * watch.seconds / max(fits, 1):.2f} ms a fit")
        sizes = watch.coordinator / 2**20, watch.worker / 2**20
        print("  coordinator {:.0f} MiB, a worker {:.0f} MiB at most".format(*sizes))
        each, code = size / max(fits, 1), process.returncode
        print(f"  store {size / 1e6:.1f} MB, {each:.0f} bytes a fit; exit code {code}")
        ask(str(store))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["data", "run"])
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--markets", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--folder")
    asked = parser.parse_args()
    if asked.what == "data":
        write_data(ROOT / "configs" / "data" / "million.parquet", asked.markets)
    else:
        run(asked.markets, asked.kills, asked.overrides, asked.folder)


if __name__ == "__main__":
    main()
