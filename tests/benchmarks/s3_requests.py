"""What a sweep on S3 costs in requests and bytes, at two sizes of the store; the server is of this process.

    python tests/benchmarks/s3_requests.py --chunks 64 1024

Work that a task does on S3 (read its markets, write its chunk) and a commit of eight of them, counted by the
kind of request. Bytes are those of bodies that were sent; write amplification is their sum over the bytes of
the results before compression. No request may grow with what the store holds already.
"""

import argparse
import logging
from collections import Counter
from dataclasses import replace

import numpy as np
from coordinator import MODEL, STUDY
from s3 import s3_bucket

from pipeline.config.load import load_study
from pipeline.panel.open import open_study_panel
from pipeline.store.format.layout import empty_results, layout_bytes
from pipeline.store.read import open_panel
from pipeline.store.store import Store
from pipeline.store.writing.chunks import write_chunk
from pipeline.sweep.coordinator import plan_study

#: Markets of a chunk, tasks of the commit that is counted.
CHUNK, TASKS = 8, 8


class Requests:
    """Counts what reaches the server: a WSGI layer around it."""

    def __init__(self, app):
        self.app, self.counts, self.sent = app, Counter(), 0

    def __call__(self, environ, respond):
        lists = "list-type" in environ.get("QUERY_STRING", "")
        self.counts["LIST" if lists else environ["REQUEST_METHOD"]] += 1
        self.sent += int(environ.get("CONTENT_LENGTH") or 0)
        return self.app(environ, respond)

    def take(self):
        """Give what was counted since the last time."""
        counts, sent, self.counts, self.sent = self.counts, self.sent, Counter(), 0
        return dict(sorted(counts.items())), sent


def measure(folder, chunks, requests):
    """Fill a store up to its last tasks, then count those and their commit."""
    (folder / "study.yaml").write_text(STUDY)
    study = load_study(folder / "study.yaml", [f"store=s3://sweeps/{chunks}"])
    panel = open_study_panel(study)
    layout = replace(plan_study(study, panel).layout, markets=np.arange(chunks * CHUNK), chunk=CHUNK)
    store = Store.open_or_create(study.store_location)
    block = next(panel.blocks(2))
    pieces = [np.arange(start, start + CHUNK) for start in range(0, chunks * CHUNK, CHUNK)]
    blocks = (block.isel(market=piece % 2).assign_coords(market=piece) for piece in pieces)
    store.write_panel(panel.content_hash, blocks, layout.markets, CHUNK)
    names = {"study": "s3", "study_text": "", "study_hash": "0", "data_hash": panel.content_hash}
    sweep = store.create_sweep(**names, layout=layout)
    random = np.random.default_rng(0)

    def do(start):
        fork = sweep.fork()
        markets = slice(start * CHUNK, (start + 1) * CHUNK)
        open_panel(fork).isel(market=markets).load()
        arrays = empty_results(layout, MODEL, CHUNK)
        for array in arrays.values():
            array[...] = random.normal(size=array.shape) if array.dtype.kind == "f" else 1
        return write_chunk(fork, MODEL, markets, arrays)

    for first in range(0, chunks - TASKS, TASKS):
        sweep.merge_and_commit([do(start) for start in range(first, first + TASKS)])
    sweep.renew_forks()
    do(0)  # opens the panel of this snapshot
    requests.take()
    forks = [do(start) for start in range(chunks - TASKS, chunks)]
    tasks, sent = requests.take()
    sweep.merge_and_commit(forks)
    commit, committed = requests.take()
    sweep.pending(MODEL)
    resume, _ = requests.take()
    raw = layout_bytes(layout) / chunks * TASKS
    fits = TASKS * CHUNK
    print(f"{chunks} chunks of {CHUNK} fits; the last {TASKS} tasks and their commit")
    print(f"  tasks: {tasks}, {sum(tasks.values()) / fits:.2f} requests a fit, {sent / raw:.2f} bytes a byte")
    print(f"  commit: {commit}, {committed / raw:.2f} bytes a byte of these results")
    print(f"  what is left to do: {resume}")
    return tasks, commit


def main():
    import tempfile
    from pathlib import Path

    import pytest
    from moto.server import DomainDispatcherApplication

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, nargs="+", default=[64, 1024])
    asked = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    counted = Requests(None)
    plain = DomainDispatcherApplication.__call__

    def call(self, environ, respond):
        counted.app = lambda *given: plain(self, *given)
        return counted(environ, respond)

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(DomainDispatcherApplication, "__call__", call)
        with s3_bucket(patch, "sweeps"):
            for chunks in asked.chunks:
                measure(Path(folder), chunks, counted)


if __name__ == "__main__":
    main()
