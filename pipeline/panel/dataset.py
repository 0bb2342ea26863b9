"""Markets of a panel as a labelled dataset."""

import hashlib
from collections.abc import Sequence

import numpy as np
import xarray as xr

from pipeline.panel.efforts import PRICE, Effort
from pipeline.panel.experiments.experiment import hash_experiments


def panel_dataset(
    axes: dict[str, np.ndarray],
    inputs: Sequence[Effort],
    sales: np.ndarray,
    efforts: np.ndarray,
    currency: str,
    instruments: tuple[Sequence[Effort], np.ndarray] | None = None,
) -> xr.Dataset:
    """Label the data of some markets.

    Parameters
    ----------
    axes : dict of str to array
        Labels of ``market`` (L), ``firm`` (N) and ``time`` (T).
    inputs : sequence of Effort
        The K efforts, then the P prices that firms set.
    sales : (L, N, T) array
        Sales, currency per period; nan for an absent firm.
    efforts : (L, N, K + P, T) array
        Efforts, and prices in currency; nan likewise.
    currency : str
        Unit of money.
    instruments : pair, optional
        The J instruments, and their values (L, N, J, T).

    Returns
    -------
    Dataset
        `sales` and `efforts` over the axes `market`, `firm`, `effort` and `time`; `kind`, `unit` and
        `description` of each effort. `prices` over an axis `priced`, the efforts that are indices of them,
        where there are any; `instruments` over `market`, `firm`, `instrument` and `time`, if any.
    """
    n_efforts = sum(one.kind != PRICE for one in inputs)
    prices = [one.name for one in inputs[n_efforts:]]
    of_efforts = {
        "effort": ("name", "effort"),
        "kind": ("kind", "kind of effort"),
        "unit": ("unit", "unit of the effort"),
        "description": ("long_name", "what the effort is"),
    }
    dataset = xr.Dataset(
        {
            "sales": (
                ("market", "firm", "time"),
                sales,
                {"units": f"{currency} / period", "long_name": "sales"},
            ),
            "efforts": (
                ("market", "firm", "effort", "time"),
                efforts[:, :, :n_efforts],
                {"units": "see unit(effort)", "long_name": "input of the market function"},
            ),
        },
        coords={
            "market": ("market", axes["market"], {"long_name": "market"}),
            "firm": ("firm", axes["firm"], {"long_name": "firm"}),
            "time": ("time", axes["time"], {"long_name": "period", "axis": "T"}),
            **{
                name: (
                    "effort",
                    np.array([getattr(one, field) for one in inputs[:n_efforts]]),
                    {"long_name": long_name},
                )
                for name, (field, long_name) in of_efforts.items()
            },
        },
    )
    if prices:
        labels = {"long_name": "effort that is an index of a price"}
        words = {"units": currency, "long_name": "price that the firm sets"}
        dataset = dataset.assign_coords(priced=("priced", np.array(prices), labels)).assign(
            prices=(("market", "firm", "priced", "time"), efforts[:, :, n_efforts:], words)
        )
    if instruments is None:
        return dataset
    names = np.array([instrument.name for instrument in instruments[0]])
    attributes = {"units": "as given", "long_name": "what moves efforts from outside"}
    dataset["instruments"] = (("market", "firm", "instrument", "time"), instruments[1], attributes)
    return dataset.assign_coords(instrument=("instrument", names, {"long_name": "instrument"}))


def entries_of(firm: np.ndarray, time: np.ndarray, n_firms: int) -> np.ndarray:
    """Count how often each firm enters a market after its first period, (N,).

    Parameters
    ----------
    firm, time : (R,) arrays of int
        Of its rows, by firm and then by period.
    n_firms : int
        N, firms of the panel.
    """
    period = np.unique(time, return_inverse=True)[1]
    begins = np.ones(firm.size, dtype=bool)
    begins[1:] = (firm[1:] != firm[:-1]) | (np.diff(period) != 1)
    counts: np.ndarray = np.bincount(firm[begins & (period > 0)], minlength=n_firms)
    return counts


def entries_in(dataset: xr.Dataset) -> np.ndarray:
    """Give how often each firm (N,) enters a market, of the whole panel, or as far as its markets say."""
    if "entries" in dataset.coords:
        return dataset["entries"].values
    sales = dataset["sales"].transpose("market", "firm", "time").values
    counts: np.ndarray = np.zeros(sales.shape[1], dtype=np.int64)
    for one in sales:
        firm, time = np.nonzero(~np.isnan(one))
        counts = np.maximum(counts, entries_of(firm, time, counts.size))
    return counts


def hashed_names(inputs: Sequence[Effort]) -> tuple[str, ...]:
    """Give the names of efforts and prices as they are hashed; a price has the name of its effort."""
    return tuple(_price_name(one.name) if one.kind == PRICE else one.name for one in inputs)


def _price_name(effort: str) -> str:
    return f"price of {effort}"


def hash_market(
    market: object, efforts: Sequence[str], firms: np.ndarray, times: np.ndarray, run: np.ndarray
) -> str:
    """Compute the SHA-256 of a market's labels and values; other markets, order and format do not matter.

    Parameters
    ----------
    market
        Its label.
    efforts
        Names of the K efforts, of the prices after them, and of the instruments after these.
    firms : (N,) array
        Labels of the firms of the panel.
    times : (R,) array of int64 or datetime64[s]
        Labels of the periods of the rows.
    run : (R,) record array
        The rows, by firm and then by period: ``firm``, position among `firms`; ``values`` (1 + K), sales,
        efforts and instruments.
    """
    present, firm = np.unique(run["firm"], return_inverse=True)
    names = [str(market), *efforts, "", *(str(label) for label in firms[present])]
    digest = hashlib.sha256("\x1f".join(names).encode())
    digest.update(times.dtype.str.encode())
    for part in (firm.astype("<i8"), times.astype("<i8"), run["values"].astype("<f8") + 0.0):  # -0.0 is 0.0
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def hash_markets(dataset: xr.Dataset) -> list[str]:
    """Compute the hash of every market of a loaded panel, as `hash_market` does of its rows."""
    sales = dataset["sales"].transpose("market", "firm", "time").values
    efforts = dataset["efforts"].transpose("market", "firm", "time", "effort").values
    names = [str(name) for name in dataset["effort"].values]
    if "prices" in dataset:
        prices = dataset["prices"].transpose("market", "firm", "time", "priced").values
        efforts = np.concatenate([efforts, prices], axis=-1)
        names += [_price_name(str(name)) for name in dataset["priced"].values]
    if "instruments" in dataset:
        instruments = dataset["instruments"].transpose("market", "firm", "time", "instrument").values
        efforts = np.concatenate([efforts, instruments], axis=-1)
        names += [str(name) for name in dataset["instrument"].values]
    firms, times = dataset["firm"].values, dataset["time"].values
    times = times.astype("datetime64[s]") if times.dtype.kind == "M" else times.astype(np.int64)
    hashes = []
    for number, market in enumerate(dataset["market"].values.tolist()):
        firm, time = np.nonzero(~np.isnan(sales[number]))
        run = np.empty(firm.size, dtype=[("firm", np.int32), ("values", np.float64, (1 + len(names),))])
        run["firm"] = firm
        run["values"][:, 0] = sales[number, firm, time]
        run["values"][:, 1:] = efforts[number, firm, time]
        hashes.append(hash_market(market, names, firms, times[time], run))
    if "experiments" in dataset:
        tables = dataset["experiments"].transpose("market", "experiment", "of_experiment").values
        axes = firms, dataset["effort"].values, times
        hashes = [hash_experiments(*one, axes) for one in zip(hashes, tables, strict=True)]
    return hashes
