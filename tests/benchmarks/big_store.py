"""A store of a million fits in a minute or two: a small sweep, repeated over a hundred thousand markets.

Every market is one of the few that were calibrated, with its statistics, estimates and errors shaken a
little. `python tests/benchmarks/big_store.py FOLDER [MARKETS]` writes FOLDER/store.
"""

import sys
import time
from pathlib import Path

import numpy as np

from pipeline.config.load import load_study
from pipeline.results.result_store import open_store
from pipeline.store.format.layout import ModelLayout, ParameterLabel, SweepLayout, panel_path
from pipeline.store.read import open_attributes, open_dataset
from pipeline.store.store import Store
from pipeline.store.writing.chunks import fork_arrays, write_chunk
from pipeline.sweep.coordinator import run_study

CHUNK = 500
_SHAKEN = ("statistic", "value", "error")
_STUDY = """
study: big
simulate:
  markets: 10
  firms: 4
  periods: 16
  total_sales: 1.0e6
  invested: 0.1
  efforts: {promotion: {part: 0.5}, place: {part: 0.5}}
  truth:
    response: linear
    firm_effects: none
    parameters: {jump_price: 1.0e6, returns_to_scale: 0.5, promotion: 1.0, place: 0.5}
  noise: 0.02
models: {form: [investment, scaled, proportional], response: [linear, mnl]}
fit: {starts: 2}
validation: {holdout: 0.2, baselines: [last, mean]}
cluster: {kind: serial}
store: small
"""


def write_big(folder: Path, n_markets: int, parts: int | None = None) -> str:
    """Make the store; with ``parts``, only so many of its chunks have been done, and the sweep is running."""
    (folder / "big.yaml").write_text(_STUDY)
    report = run_study(load_study(folder / "big.yaml"))
    small = open_store(report.store, sweep=report.sweep)
    info, tables = small.sweep, small.tables
    few = len(tables.labels("market"))
    panel = open_dataset(small.session, panel_path(info.data_hash)).load()
    store = Store.open_or_create(folder / "store")
    markets = np.arange(n_markets)
    pieces = [markets[start : start + CHUNK] for start in range(0, n_markets, CHUNK)]
    blocks = (panel.isel(market=piece % few).assign_coords(market=piece) for piece in pieces)
    store.write_panel(info.data_hash, blocks, markets, chunk=CHUNK)
    sweep = store.create_sweep(
        study=info.study,
        study_text=info.study_text,
        study_hash=info.study_hash,
        data_hash=info.data_hash,
        study_json=info.attributes["study_json"],
        layout=_layout(small, markets),
    )
    for number, piece in enumerate(pieces[:parts]):
        forks = [
            write_chunk(
                fork := sweep.fork(),
                name,
                slice(int(piece[0]), int(piece[-1]) + 1),
                _tiled(small, name, fork_arrays(fork, name), piece % few, number),
            )
            for name in (*info.models, *info.baselines)
        ]
        sweep.merge_and_commit(forks)
    if parts is None:
        sweep.compact()
    sweep.set_state("done" if parts is None else "running")
    return str(folder / "store")


def _layout(small, markets):
    tables, info = small.tables, small.sweep
    models = tuple(
        ModelLayout(
            name,
            tuple(map(ParameterLabel, tables.params_of(name), tables.units_of(name))),
            open_attributes(small.session, f"sweeps/{info.name}/fits/{name}"),
        )
        for name in info.models
    )
    axes = open_dataset(small.session, f"sweeps/{info.name}")

    def labels(axis):
        return axes[axis].values if axis in axes.coords else np.array([])

    return SweepLayout(
        markets=markets,
        firms=labels("firm"),
        times=labels("time"),
        models=models,
        windows=tuple(labels("window").tolist()),
        n_starts=len(labels("start")),
        intervals=tuple(labels("interval_method").tolist()),
        levels=tuple(labels("level").tolist()),
        n_directions=len(labels("direction")),
        baselines=info.baselines,
        metrics=tuple(labels("metric").tolist()),
        futures=tuple(labels("future").tolist()),
        n_steps=len(labels("step")),
        n_pit_bins=len(labels("pit_bin")),
        chunk=CHUNK,
    )


def _tiled(small, name, wanted, places, seed):
    """Repeat the results of a model or baseline; the errors of forecasts hold all of them side by side."""
    tables = small.tables
    random = np.random.default_rng(seed)
    stored = dict(tables.validation_arrays())
    if name in small.models:
        stored |= tables.arrays(name) | tables.trajectory_arrays(name)
    found = {}
    for array in wanted:
        values = np.asarray(stored[array][...])
        if array in tables.validation_arrays():
            values = values[:, :, small.sweep.rows[name]]
        values = values[places]
        if array in _SHAKEN:
            shape = (len(places),) + (1,) * (values.ndim - 1)
            values = values * random.lognormal(0.0, 0.1, shape)
        found[array] = values
    return found


if __name__ == "__main__":
    begun = time.perf_counter()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    made = write_big(Path(sys.argv[1]), count, int(sys.argv[3]) if len(sys.argv) > 3 else None)
    print(f"{made}: {count} markets, {time.perf_counter() - begun:.0f} s")
