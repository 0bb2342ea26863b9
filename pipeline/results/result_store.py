"""Questions to a store: results as arrays, tables, SQL and curves; all read-only and of one snapshot."""

import datetime as dt
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import QueryError
from pipeline.panel.dates import LogicalDate
from pipeline.results.results import Results
from pipeline.results.vintages import as_of, sweep_of
from pipeline.store.index import read_heads
from pipeline.store.store import Store

# Each question imports what answers it: a point query needs none of xarray, duckdb, pyarrow and numba.
if TYPE_CHECKING:
    import xarray as xr

    from pipeline.names import Label
    from pipeline.results.curves import ResponseCurve
    from pipeline.results.draws.arviz import Draws
    from pipeline.results.frames.table import Table
    from pipeline.results.summary.summary import Summary
    from pipeline.results.verdict import Verdict


def open_store(
    path: str | Path,
    *,
    sweep: str | None = None,
    snapshot: str | None = None,
    tag: str | None = None,
    date: str | int | dt.date | LogicalDate | None = None,
) -> "ResultStore":
    """Open a store for questions.

    Parameters
    ----------
    path
        A directory, or ``s3://bucket/prefix``.
    sweep
        Name of a sweep or of a study; the newest sweep that fits, the newest of all when None. Of vintages
        (see `beed recalibrate`) it is the one of the latest date.
    snapshot, tag
        An earlier state of the store; the newest when both are None.
    date
        What was believed at a date, ``"2026-03-31"``: the newest vintage (of the study named by ``sweep``)
        that is not later.

    Returns
    -------
    ResultStore
        The sweep, to be asked.

    Raises
    ------
    StoreNotFoundError
        No such store, sweep, snapshot or tag, or no vintage up to the date.
    StoreFormatError
        Not a store that this version reads.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> store.models[:2]
    ('investment-linear', 'investment-saturating')
    """
    store = Store.open(path)
    if date is None:
        return ResultStore(store, sweep=sweep, snapshot=snapshot, tag=tag)
    if snapshot is not None or tag is not None:
        raise QueryError(
            "Got a date with a snapshot or tag; the date alone chooses the snapshot, so leave them out."
        )
    vintage = as_of(store.tags(), LogicalDate.parse(str(date)), sweep, store.location.url)
    head = sweep_of(read_heads(store.session(tag=vintage.tag)), vintage)
    return ResultStore(store, sweep=head.name, tag=vintage.tag)


class ResultStore(Results):
    """One snapshot of a store, and one sweep in it, with everything that can be asked of it.

    Parameters
    ----------
    store : Store
        Where it is; `open_store` opens one by its path.
    sweep, snapshot, tag : str, optional
        As in `open_store`.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> store.verdict().model
    'investment-linear'
    """

    def sql(self, query: str, *, timeout: float | None = None) -> "Table":
        """Answer one SELECT over the tables of `pipeline.results.tables.registry.TABLES`: fits, params, ...

        Parameters
        ----------
        query
            The statement.
        timeout
            Seconds after which it is given up; None: never.

        Returns
        -------
        Table
            With a column for each of the query's; `to_pandas` gives a data frame.

        Raises
        ------
        QueryError
            Not one SELECT, or one that cannot be answered, with this memory or in this time.
        """
        from pipeline.results.sql import query_sql

        return query_sql(self.tables, query, timeout=timeout)

    def table(
        self,
        name: str,
        *,
        model: str | None = None,
        market: "Sequence[Label] | None" = None,
    ) -> "Table":
        """Give one of the tables that SQL knows, whole or of some models and markets.

        Parameters
        ----------
        name
            A key of `pipeline.results.tables.registry.TABLES`: fits, params, intervals, regimes, ...
        model
            Pattern of names, for a table with a row a model; all when None.
        market
            Labels of markets, for such a table; all when None.

        Returns
        -------
        Table
            Its rows, in the order that they were calibrated in.

        Raises
        ------
        QueryError
            No such table, model or market, or a table that is not divided by them.
        """
        from pipeline.results.select import whole_table

        return whole_table(self.tables, name, model=model, market=market)

    def _repr_html_(self) -> str:
        """Show the sweep in a notebook, as `summary` does."""
        return self.summary()._repr_html_() if self._info is not None else f"<p>{escape(repr(self))}</p>"

    def select(
        self,
        *,
        market: "Sequence[Label] | None" = None,
        model: str | None = None,
        param: str | None = None,
        window: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> "Table":
        """Select fits, or the values of parameters when one is named; reads only the chunks needed.

        Parameters
        ----------
        market
            Labels of markets; all when None.
        model, param
            Patterns (``investment-*``, ``discount*``). With a parameter there is one row for each of its
            values, with the status and the information criteria of its fit; without, one row for each fit.
        window
            Name of the periods calibrated on.
        sort
            A column, descending with a leading dash.
        limit
            Rows at most.

        Returns
        -------
        Table
            A row for each fit, or for each value of a parameter.

        Raises
        ------
        QueryError
            A market, model, parameter, window or column that the sweep does not have.
        """
        from pipeline.results.select import query_table

        table = query_table(self.tables, market=market, model=model, param=param, window=window)
        if sort is not None:
            table = table.sorted(sort)
        return table if limit is None else table.take(slice(max(limit, 0)))

    def summary(self) -> "Summary":
        """Summarise: best models, agreement of starts, failures, bounds, truth, validation.

        Returns
        -------
        Summary
            Shows itself in a notebook.
        """
        from pipeline.results.summary.summary import summarise

        return summarise(self)

    def verdict(self) -> "Verdict":
        """Say which model to use, on what grounds, whether inertia matters, and what not to trust.

        See `pipeline.results.verdict.judge` for how a model is chosen.

        Returns
        -------
        Verdict
            Its sentences are what `beed show` begins with.
        """
        from pipeline.results.verdict import judge

        return judge(self.tables)

    def curves(self, market: "Label", model: str, *, relative: bool = False) -> "tuple[ResponseCurve, ...]":
        """Evaluate the calibrated f of a model in a market, one curve with its 95 % band for each effort.

        See `pipeline.results.curves.response_curves`.

        Parameters
        ----------
        market
            Label of a market.
        model
            Name of a model.
        relative
            Against the value at the median of the effort: all there is where its level is not known.

        Returns
        -------
        tuple of ResponseCurve
            One for each effort: values of the effort in its unit, f per period (or relative), and the band.

        Raises
        ------
        QueryError
            The sweep has no such model, or this market has no usable fit of it.
        """
        from pipeline.results.curves import response_curves

        return response_curves(self, market, model, relative=relative)

    def compare(
        self,
        kind: str = "holdout",
        *,
        future: str = "given",
        metric: str = "rmse",
        step: int | None = None,
        against: str | None = None,
    ) -> "Table":
        """Compare the forecasts of all models and baselines with those of one of them, over all markets.

        Parameters
        ----------
        kind
            ``holdout``, or ``rolling`` for rolling origins.
        future
            Efforts and market total ahead: ``given`` as they were, or the last ones ``carried`` forward.
        metric
            A key of `pipeline.validation.metrics.METRICS`: rmse, mae, log_score, crps, ...
        step
            Number of periods ahead; all together when None.
        against
            The one that the others are compared with; the best baseline when None.

        Returns
        -------
        Table
            See `pipeline.results.tables.comparison.compare`.

        Raises
        ------
        QueryError
            Something that the sweep does not have.
        """
        from pipeline.results.tables.comparison import compare, read_losses

        return compare(read_losses(self.tables, kind, future, metric), step=step, against=against)

    def duel(
        self,
        model: str,
        against: str,
        kind: str = "holdout",
        *,
        future: str = "given",
        metric: str = "rmse",
        step: int | None = None,
    ) -> "Table":
        """Compare the forecasts of two models or baselines, market by market.

        Parameters
        ----------
        model, against
            Names of two models or baselines.
        kind, future, metric, step
            As in `compare`.

        Returns
        -------
        Table
            A row a market, see `pipeline.results.tables.comparison.duel`.

        Raises
        ------
        QueryError
            Something that the sweep does not have.
        """
        from pipeline.results.tables.comparison import duel, read_losses

        losses = read_losses(self.tables, kind, future, metric)
        return duel(losses, self.tables.labels("market"), model, against, step=step)

    def to_arviz(
        self,
        model: str | None = None,
        *,
        market: "Label | None" = None,
        draws: "Draws" = "replicates",
    ) -> "xr.DataTree":
        """Give draws of the parameters of a model to ArviZ (extra ``beed[arviz]``).

        Parameters
        ----------
        model
            Its name; by default the model of the verdict.
        market
            One market; by default all of them, along a dimension of their own.
        draws
            ``replicates``: the bootstrap replicates that the study stored, one chain. ``mcmc``: the posterior
            of the fit of one market, sampled now (extra ``beed[mcmc]``), as the study's section
            ``uncertainty.mcmc`` says, every walker a chain.

        Returns
        -------
        xarray.DataTree
            ``posterior``: one variable a parameter that is not fixed (chain, draw[, market]);
            ``observed_data``: share ([market,] firm, time); of one market also ``log_likelihood``: of every
            residual (chain, draw, row), log-ratios of shares with independent normal errors.

        Raises
        ------
        QueryError
            No such model or market, no replicates stored, or arviz-base is not installed.
        PlanError
            emcee is not installed.
        """
        from pipeline.results.draws.arviz import to_arviz

        chosen = model or self.verdict().model
        if chosen is None:
            raise QueryError(f"No model of the sweep {self.sweep.name} has a usable fit to draw from.")
        return to_arviz(self, chosen, market, draws)

    def export(self, out: str | Path, style: str = "zarr") -> Path:
        """Write the sweep and its data to files; see `pipeline.results.export.export` for the styles.

        Parameters
        ----------
        out
            Where to; nothing is written over.
        style
            ``zarr``, ``netcdf`` or ``parquet``: see `pipeline.results.export.export`.

        Returns
        -------
        Path
            What was written.

        Raises
        ------
        QueryError
            No such style, or something is there.
        """
        from pipeline.results.export import export

        return export(self, out, style)
