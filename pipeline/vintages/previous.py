"""The vintage that a recalibration goes on from, and what has changed since."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.names import Label
from pipeline.panel.dates import LogicalDate
from pipeline.panel.panel import Panel
from pipeline.results.vintages import Vintage, sweep_of, vintages_of
from pipeline.status import Status
from pipeline.store.format.layout import CONTENT_HASH, SINCE, group_path
from pipeline.store.index import read_heads
from pipeline.store.read import SweepInfo, open_arrays, read_sweep
from pipeline.store.store import Store


@dataclass(frozen=True)
class PreviousVintage:
    """The vintage before, as its sweep and its data.

    Attributes
    ----------
    vintage
        What it is called.
    info
        Its sweep.
    panel
        Its data, lazy.
    crashed : (L,) array of bool
        Markets in which a fit took its worker down.
    """

    vintage: Vintage
    info: SweepInfo
    panel: xr.Dataset
    crashed: NDArray[np.bool_]

    @property
    def date(self) -> LogicalDate:
        """The date that it is for."""
        return self.vintage.date


def find_previous(store: Store, study: Study, date: LogicalDate, sweep: str) -> PreviousVintage | None:
    """Find the vintage to go on from: the newest earlier one, or what an interrupted run went on from.

    Parameters
    ----------
    store
        Where vintages are.
    study
        Whose vintages.
    date
        The date to calibrate for.
    sweep
        Name of the sweep to be written, which an interrupted run may have begun.
    """
    session = store.session()
    heads = read_heads(session)
    known = vintages_of(store.tags(), study.study)
    if any(head.name == sweep for head in heads):
        since = read_sweep(session, sweep).attributes.get(SINCE)
        known = tuple(vintage for vintage in known if vintage.date.key == since)
    earlier = [vintage for vintage in known if vintage.date < date and vintage.date.dated == date.dated]
    if not earlier:
        return None
    info = read_sweep(session, sweep_of(heads, earlier[-1]).name)
    crashed = np.zeros(info.n_markets, dtype=np.bool_)
    for model in info.models:
        status = open_arrays(session, group_path(info.name, "fits", model))["status"][...]
        crashed |= (np.asarray(status) == Status.WORKER_CRASHED).any(axis=1)
    return PreviousVintage(earlier[-1], info, store.panel(info.data_hash), crashed)


def find_changed(
    study: Study, panel: Panel, previous: PreviousVintage | None
) -> tuple[NDArray[np.bool_], str]:
    """Tell the markets (L,) that have to be fitted, and say why in a sentence."""
    everything = np.ones(len(panel.markets), dtype=np.bool_)
    if previous is None:
        return everything, "There is no earlier vintage: all markets are calibrated."
    if previous.info.study_hash != study.content_hash:
        return everything, (
            f"The study has changed since the vintage of {previous.date}: all markets are calibrated again, "
            "from where they were."
        )
    known: dict[Label, str] = {}
    if CONTENT_HASH in previous.panel:
        hashes = zip(
            previous.panel["market"].values.tolist(),
            previous.panel[CONTENT_HASH].values.tolist(),
            previous.crashed.tolist(),
            strict=True,
        )
        known = {market: digest for market, digest, crashed in hashes if not crashed}
    changed = np.array([known.get(market) != digest for market, digest in panel.market_hashes.items()])
    periods = np.setdiff1d(panel.times, previous.panel["time"].values).size
    return changed, (
        f"Since the vintage of {previous.date}: {periods} new period{'s' * (periods != 1)}; the data of "
        f"{int(changed.sum())} of {changed.size} markets have changed, and these are calibrated again."
    )
