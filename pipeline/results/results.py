"""Questions to a store: lazy labelled arrays, tables, SQL; all read-only and of one snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import QueryError, StoreNotFoundError
from pipeline.panel.dates import LogicalDate
from pipeline.results.vintages import as_of, current, sweep_of
from pipeline.store.format.layout import group_path, panel_path, sweep_path
from pipeline.store.read import SweepInfo, open_dataset, read_sweeps
from pipeline.store.store import Store

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.results.curves import ResponseCurve
    from pipeline.results.summary import Summary
    from pipeline.results.tables.fits import SweepTables
    from pipeline.results.tables.frame import Table

__all__ = ["ResultStore", "open_store"]


def open_store(
    path: str | Path,
    *,
    sweep: str | None = None,
    snapshot: str | None = None,
    tag: str | None = None,
    date: Any = None,
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

    Raises
    ------
    StoreNotFoundError
        No such store, sweep, snapshot or tag, or no vintage up to the date.
    StoreFormatError
        Not a store that this version reads.

    Examples
    --------
    >>> from pipeline import open_store
    >>> fits = open_store("runs/orange_juice").fits("investment-mnl")  # doctest: +SKIP
    >>> fits.value.sel(market=5, param="discount")  # doctest: +SKIP
    """
    store = Store.open(path)
    if date is None:
        return ResultStore(store, sweep=sweep, snapshot=snapshot, tag=tag)
    if snapshot is not None or tag is not None:
        raise QueryError("A date stands for a snapshot of its own; give it without snapshot and tag.")
    vintage = as_of(store.tags(), LogicalDate.parse(str(date)), sweep, store.location.url)
    found = sweep_of(read_sweeps(store.session(tag=vintage.tag)), vintage)
    return ResultStore(store, sweep=found.name, tag=vintage.tag)


class ResultStore:
    """One snapshot of a store, and one sweep in it, for reading.

    What runs meanwhile does not change what is seen here; `refresh` gives the newest state.
    """

    def __init__(
        self, store: Store, *, sweep: str | None = None, snapshot: str | None = None, tag: str | None = None
    ) -> None:
        self._store = store
        self._wanted = sweep
        self.session = store.session(snapshot=snapshot, tag=tag)
        self.sweeps: tuple[SweepInfo, ...] = read_sweeps(self.session)
        self._info = self._choose(sweep)

    def __repr__(self) -> str:
        models = ", ".join(self.models) or "none"
        return f"<ResultStore {self._store.location.url}, sweep {self.sweep.name}, models: {models}>"

    @property
    def sweep(self) -> SweepInfo:
        """The sweep that is asked.

        Raises
        ------
        StoreNotFoundError
            The store has none yet.
        """
        if self._info is None:
            raise StoreNotFoundError(f"The store at {self._store.location.url} holds no sweep yet.")
        return self._info

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models fitted."""
        return self._info.models if self._info is not None else ()

    @property
    def snapshot(self) -> str:
        """Name of the state of the store that is seen here."""
        return self.session.snapshot_id

    @property
    def store(self) -> Store:
        """The store itself, for what writes beside the fits."""
        return self._store

    @property
    def tags(self) -> tuple[str, ...]:
        """Named states of the store."""
        return self._store.tags()

    def refresh(self) -> "ResultStore":
        """Open the newest state of the store."""
        return ResultStore(self._store, sweep=self._wanted)

    def fits(self, model: str) -> "xr.Dataset":
        """Open the fits of a model, lazily.

        Parameters
        ----------
        model
            One of `models`.

        Returns
        -------
        xarray.Dataset
            value, stderr, at_bound (market, window, param), correlation (market, window, param, param_),
            interval (market, window, interval_method, param, level, side) and replicate_value (market,
            window, replicate, param) where the study asked for them, sensitivity (market, window, param),
            direction (market, window, direction, param), direction_strength (market, window, direction),
            status (market, window), start_cost (market, window, start), and every statistic under its own
            name (market, window): aic, bic, rmse, ...

        Raises
        ------
        StoreNotFoundError
            No such model.
        """
        dataset = self._group("fits", model)
        packed = dataset["statistic"]
        described = packed.attrs.get("statistics", {})
        for place, name in enumerate(dataset["stat"].values):
            variable = packed.variable.isel(stat=place)
            variable.attrs = dict(described.get(str(name), {}))
            dataset[str(name)] = variable
        return dataset.drop_vars(["statistic", "stat"])

    def trajectories(self, model: str) -> "xr.Dataset":
        """Open calibrated and observed trajectories, lazily.

        Returns
        -------
        xarray.Dataset
            share, sales (market, window, firm, time), observed_share, observed_sales (market, firm, time).

        Raises
        ------
        StoreNotFoundError
            No such model.
        """
        from pipeline.results.lazy import calibrated_sales, observed_share

        dataset = self._group("trajectories", model)
        observed = self.panel()["sales"].variable
        dataset["sales"] = calibrated_sales(dataset["share"].variable, observed)
        dataset["observed_share"] = observed_share(observed)
        dataset["observed_sales"] = observed
        return dataset

    def panel(self) -> "xr.Dataset":
        """Open the data that was calibrated on, lazily."""
        return open_dataset(self.session, panel_path(self.sweep.data_hash))

    def validation(self) -> "xr.Dataset":
        """Open the errors of predicted shares: error (market, window, model, metric), baselines last.

        Raises
        ------
        StoreNotFoundError
            The study asked for no validation.
        """
        return self._group("validation", "")

    def population(self, model: str) -> "xr.Dataset":
        """Open what all markets together say of the parameters of a pooled model.

        Returns
        -------
        xarray.Dataset
            mean, spread (window, param): mean and standard deviation over the markets.

        Raises
        ------
        StoreNotFoundError
            The model is not pooled, or the model it is pooled from is not done.
        """
        from pipeline.store.population import population_path

        return open_dataset(self.session, population_path(self.sweep.name, model))

    @property
    def forecasts(self) -> tuple[str, ...]:
        """Names of the forecasts stored beside the fits, oldest first."""
        from pipeline.store.forecast import list_forecasts

        return list_forecasts(self.session, self.sweep.name)

    def forecast(self, name: str) -> "xr.Dataset":
        """Open a stored forecast, lazily.

        Parameters
        ----------
        name
            One of `forecasts`, or the name of a scenario: then the newest of its forecasts.

        Returns
        -------
        xarray.Dataset
            share, sales, expense (market, firm, future), share_quantile, sales_quantile (market, quantile,
            firm, future), efforts (market, firm, effort, future), total_sales (market, future), weight
            (market, member).

        Raises
        ------
        StoreNotFoundError
            No such forecast.
        """
        from pipeline.store.format.forecast import forecasts_path

        known = self.forecasts
        for found in reversed(known):
            if name in (found, found.rpartition("-")[0]):
                dataset = open_dataset(self.session, f"{forecasts_path(self.sweep.name)}/{found}")
                shared = open_dataset(self.session, sweep_path(self.sweep.name))
                return dataset.assign_coords({axis: shared[axis] for axis in ("market", "firm")})
        raise StoreNotFoundError(
            f"The sweep {self.sweep.name} has no forecast {name}; it has: {', '.join(known) or 'none'}."
        )

    @property
    def tables(self) -> "SweepTables":
        """The same results as flat tables."""
        from pipeline.results.tables.fits import SweepTables

        return SweepTables(self.session, self.sweep)

    def sql(self, query: str) -> "Table":
        """Answer one SELECT over the tables of `SweepTables.builders`: fits, params, intervals, ...

        Raises
        ------
        QueryError
            Not one SELECT, or one that cannot be answered.
        """
        from pipeline.results.sql import query_sql

        return query_sql(self.tables, query)

    def select(self, **conditions: Any) -> "Table":
        """Select fits or parameters; see `pipeline.results.tables.fits.query_table` for the conditions.

        Raises
        ------
        QueryError
            A market, model, parameter, window or column that the sweep does not have.
        """
        from pipeline.results.select import query_table

        return query_table(self.tables, **conditions)

    def summary(self) -> "Summary":
        """Summarise: best models, agreement of starts, failures, bounds, truth, validation."""
        from pipeline.results.summary import summarise

        return summarise(self)

    def curves(self, market: Any, model: str, *, relative: bool = False) -> "tuple[ResponseCurve, ...]":
        """Evaluate the calibrated f of a model in a market, one curve with its 95 % band for each effort.

        With ``relative``, against its value at the median of the effort: see
        `pipeline.results.curves.response_curves`.

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
        """Hold the forecasts of all models and baselines against one of them, over all markets.

        Parameters
        ----------
        kind
            ``holdout``, or ``rolling`` for rolling origins.
        future
            Efforts and market total ahead: ``given`` as they were, or the last ones ``carried`` forward.
        metric
            A key of `pipeline.validation.metrics.METRICS`: rmse, mae, log_score, crps, ...
        step
            Only so many periods ahead; all together when None.
        against
            The one they are held against; the best baseline when None.

        Returns
        -------
        Table
            See `pipeline.results.tables.validation.compare`.

        Raises
        ------
        QueryError
            Something that the sweep does not have.
        """
        from pipeline.results.tables.validation import compare, read_losses

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
        """Hold the forecasts of one contender against those of another, market by market.

        Takes what `compare` takes; see `pipeline.results.tables.validation.duel`.
        """
        from pipeline.results.tables.validation import duel, read_losses

        losses = read_losses(self.tables, kind, future, metric)
        return duel(losses, self.tables.labels("market"), model, against, step=step)

    def export(self, out: str | Path, style: str = "zarr") -> Path:
        """Write the sweep and its data as ``zarr``, ``netcdf`` or ``parquet``; see `query_export.export`."""
        from pipeline.results.export import export

        return export(self, out, style)

    def _choose(self, wanted: str | None) -> SweepInfo | None:
        if wanted is None:
            return current(self.sweeps)
        for info in self.sweeps:
            if info.name == wanted:
                return info
        if own := [info for info in self.sweeps if info.study == wanted]:
            return current(own)
        known = ", ".join(info.name for info in self.sweeps) or "none"
        raise StoreNotFoundError(
            f"The store at {self._store.location.url} has no sweep {wanted}; its sweeps are: {known}."
        )

    def _group(self, kind: Any, model: str) -> "xr.Dataset":
        if kind != "validation" and model not in self.models:
            raise StoreNotFoundError(
                f"The sweep {self.sweep.name} has no model {model}; it has {', '.join(self.models)}."
            )
        dataset = open_dataset(self.session, group_path(self.sweep.name, kind, model))
        shared = open_dataset(self.session, sweep_path(self.sweep.name))
        return dataset.assign_coords({name: shared[name] for name in dataset.dims if name in shared.coords})
