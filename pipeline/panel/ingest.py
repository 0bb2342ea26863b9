"""From a reader of rows to checked rows by market: one pass over the source, one over its records on disk.

Memory is bounded by a chunk of the source or a bucket of markets: 20,000 markets x 10 firms x 104 weeks take
270 MB (Parquet) or 370 MB (CSV) at the peak, and 19 or 24 s of processor time.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.config.sections.data import DataSection
from pipeline.config.sections.fit import FitSection
from pipeline.names import did_you_mean
from pipeline.panel.checks import Checker
from pipeline.panel.dataset import hash_market, hashed_names
from pipeline.panel.dates import Span
from pipeline.panel.efforts import Effort, build_prices
from pipeline.panel.findings import Notes, PanelNote, Problems
from pipeline.panel.reading.encode import Encoder, row_dtype
from pipeline.panel.reading.formats import required_columns, row_filter
from pipeline.panel.reading.instruments import required_instruments
from pipeline.panel.reading.labels import Labels, similar, sort_labels
from pipeline.panel.reading.tables import Reader
from pipeline.panel.spool import Buckets, Runs
from pipeline.panel.time_axis import TimeAxis, TimeError, build_axis

_DENSE = 0.05
"""Part of the cube's cells with data below which a note is made."""


@dataclass(frozen=True)
class Ingested:
    """A checked panel on disk.

    Attributes
    ----------
    markets, firms : (L,), (N,) arrays
        Labels in order.
    axis : TimeAxis
        The periods.
    efforts : tuple of Effort
        The inputs of f, then the prices that firms set.
    instruments : tuple of Effort
        What moves endogenous ones among them from outside.
    runs : Runs
        Rows (``firm``, ``time``: positions; ``values``: sales, efforts, prices and instruments) of each
        position in `markets`.
    hashes : tuple of str
        SHA-256 of the values of each market.
    notes : tuple of PanelNote
        What is unusual but allowed.
    """

    markets: np.ndarray
    firms: np.ndarray
    axis: TimeAxis
    efforts: tuple[Effort, ...]
    instruments: tuple[Effort, ...]
    runs: Runs = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)
    notes: tuple[PanelNote, ...]


def run_dtype(efforts: int) -> np.dtype:
    """Give the record of one row of a checked panel."""
    return np.dtype([("firm", np.int32), ("time", np.int32), ("values", np.float64, (1 + efforts,))])


def ingest(
    reader: Reader, data: DataSection, file: str, *, fit: FitSection, span: Span | None = None
) -> Ingested:
    """Read a source once, check all of it, and keep its rows by market in a temporary file.

    Parameters
    ----------
    reader : Reader
        The source.
    data : DataSection
        What the columns mean.
    file : str
        Name of the source in messages.
    fit : FitSection
        The instruments; and whether sales may be 0, which they may with the share residual.
    span : Span, optional
        The periods to read; by default all.

    Raises
    ------
    DataError
        With everything that is wrong.
    SpoolError
        When temporary files cannot be written.
    """
    problems = Problems(file)
    efforts = required_columns(data, reader.columns, problems)
    instruments = required_instruments(fit, data, reader.columns, problems)
    selection = row_filter(data, reader.columns, problems)
    efforts += build_prices(data.efforts, data.currency)
    problems.raise_if_any()
    used = (column for one in (*efforts, *instruments) for column in one.columns)
    columns = tuple(dict.fromkeys([data.sales, *used]))
    encoder = Encoder(data, columns, selection, fit.residual == "share", "all", problems, span)
    with Buckets(row_dtype(len(columns))) as buckets:
        for chunk in reader.chunks(encoder.needed, problems):
            buckets.append(encoder.encode(chunk))
        _check_labels(encoder, data)
        axis = _build_axis(encoder, data)
        if axis is None:
            problems.raise_if_any()
            raise AssertionError("a panel without a time axis has no problem")
        result = _check_markets(buckets, encoder, axis, efforts, instruments)
    problems.raise_if_any()
    return result


def _check_labels(encoder: Encoder, data: DataSection) -> None:
    markets = encoder.markets.texts
    for label in data.markets or ():
        if str(label) not in markets:
            hint = did_you_mean(str(label), markets)
            encoder.problems.add(
                "unknown markets", "data.markets", f"the market {label}", "a market of the data", hint
            )


def _build_axis(encoder: Encoder, data: DataSection) -> TimeAxis | None:
    """Make the axis of the labels in use; None when there is none, which has been reported."""
    stamps = [
        (code, stamp)
        for code, stamp in enumerate(encoder.stamps)
        if stamp is not None and code in encoder.times.used
    ]
    if not stamps:
        if not encoder.problems:
            hint = "Check data.filter and data.markets." if data.filter or data.markets else ""
            hint = "There are only rows of other periods." if encoder.stamps and encoder.span else hint
            encoder.problems.add("an empty panel", "", "no rows", "one row per market, firm and period", hint)
        return None
    try:
        axis = build_axis([stamp for _, stamp in stamps], data.frequency)
    except TimeError as error:
        code = stamps[error.label][0]
        where = f"column {data.time}, period {encoder.times.texts[code]}"
        row = encoder.time_rows[code]
        encoder.problems.add(
            "time axis", where, error.got, error.expected, error.hint, row=row if row >= 0 else None
        )
        return None
    position = np.full(len(encoder.stamps), -1, dtype=np.int32)
    position[[code for code, _ in stamps]] = axis.position
    return replace(axis, position=position)


def _check_markets(
    buckets: Buckets,
    encoder: Encoder,
    axis: TimeAxis,
    efforts: tuple[Effort, ...],
    instruments: tuple[Effort, ...],
) -> Ingested:
    """Check one bucket after the other, and keep the rows of each market as one run."""
    markets, market_position = _order(encoder.markets)
    firms, firm_position = _order(encoder.firms)
    notes = Notes()
    checker = Checker(
        axis,
        markets,
        firms,
        _period_texts(encoder, axis),
        encoder.columns,
        (*efforts, *instruments),
        encoder.problems,
        notes,
    )
    names = (*hashed_names(efforts), *(one.name for one in instruments))
    runs = Runs(run_dtype(len(names)))
    hashes = [""] * markets.size
    count = 0
    for rows in buckets:
        rows["market"] = market_position[rows["market"]]
        rows["firm"] = firm_position[rows["firm"]]
        rows["time"] = axis.position[rows["time"]]
        rows, values = checker.check(rows)
        count += rows.size
        if encoder.problems:
            continue
        records = np.empty(rows.size, dtype=runs.dtype)
        records["firm"], records["time"] = rows["firm"], rows["time"]
        records["values"][:, 0], records["values"][:, 1:] = rows["values"][:, 0], values
        edges = np.flatnonzero(np.diff(rows["market"])) + 1
        for start, run in zip([0, *edges.tolist()], np.split(records, edges), strict=True):
            market = int(rows["market"][start])
            runs.append(market, run)
            hashes[market] = hash_market(markets[market], names, firms, axis.times[run["time"]], run)
    runs.finish()
    _note_shape(encoder, axis, count, notes)
    return Ingested(markets, firms, axis, efforts, instruments, runs, tuple(hashes), notes.records())


def _order(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Sort the labels in use, and give the position of every code among them; -1 for labels not in use."""
    used = sorted(labels.used)
    ordered, position = sort_labels(labels.texts[code] for code in used)
    by_code = np.full(len(labels), -1, dtype=np.int32)
    by_code[used] = position
    return ordered, by_code


def _period_texts(encoder: Encoder, axis: TimeAxis) -> list[str]:
    texts = [""] * axis.times.size
    for code, position in enumerate(axis.position.tolist()):
        if position >= 0:
            texts[position] = texts[position] or encoder.times.texts[code]
    return texts


def _note_shape(encoder: Encoder, axis: TimeAxis, count: int, notes: Notes) -> None:
    for labels in (encoder.markets, encoder.firms):
        pairs = similar(labels.texts[code] for code in sorted(labels.used))
        notes.add("similar-labels", pairs, len(pairs))
    if not axis.regular:
        notes.add("irregular-time", (), np.unique(np.diff(axis.period)).size)
    density = count / (len(encoder.markets.used) * len(encoder.firms.used) * axis.times.size)
    if density < _DENSE:
        notes.add("sparse", (), max(round(1000 * density), 1))
