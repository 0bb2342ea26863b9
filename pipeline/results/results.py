"""One sweep in one snapshot of a store, for reading: lazy labelled arrays, and what the study was."""

from functools import cached_property
from typing import TYPE_CHECKING, Self

from pipeline.errors import StoreNotFoundError
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.vintages import current
from pipeline.store.forecast import list_forecasts, list_plans
from pipeline.store.format.forecast import forecasts_path
from pipeline.store.format.layout import Group, group_path, panel_path, sweep_path
from pipeline.store.format.plan import plans_path
from pipeline.store.index import SweepHead, read_heads
from pipeline.store.read import SweepInfo, open_dataset, read_sweep, read_sweeps
from pipeline.store.shared.population import population_path
from pipeline.store.store import Store

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.config.study import Study
    from pipeline.config.variants import Variant

_MOST_NAMES = 12
"""Of sweeps named in a message."""


class Results:
    """One snapshot of a store, and one sweep in it, for reading.

    What runs meanwhile does not change what is seen here; `refresh` gives the newest state.

    Parameters
    ----------
    store
        Where the sweep is.
    sweep, snapshot, tag
        As for `pipeline.results.result_store.open_store`.

    Attributes
    ----------
    session
        Read-only, of the snapshot.

    Raises
    ------
    StoreNotFoundError
        No such sweep, snapshot or tag.
    """

    def __init__(
        self, store: Store, *, sweep: str | None = None, snapshot: str | None = None, tag: str | None = None
    ) -> None:
        self._store = store
        self._wanted = sweep
        self.session = store.session(snapshot=snapshot, tag=tag)
        head = self._choose(sweep)
        self._info = None if head is None else read_sweep(self.session, head.name)

    @classmethod
    def of_tables(cls, tables: SweepTables) -> Self:
        """Give the sweep that tables are of, in their snapshot; without its store it cannot be refreshed.

        Parameters
        ----------
        tables
            Labels and arrays of a sweep.
        """
        made = cls.__new__(cls)
        made.session, made._info, made.tables = tables.session, tables.info, tables
        return made

    def __repr__(self) -> str:
        models = ", ".join(self.models) or "none"
        name = type(self).__name__
        return f"<{name} {self._store.location.url}, sweep {self.sweep.name}, models: {models}>"

    @property
    def sweep(self) -> SweepInfo:
        """The sweep that is read.

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

    @cached_property
    def tables(self) -> SweepTables:
        """Labels and arrays without xarray, from which tables are built."""
        return SweepTables(self.session, self.sweep)

    @cached_property
    def study(self) -> "Study":
        """The study that the sweep was made by, overrides included.

        Raises
        ------
        QueryError
            The sweep does not hold it.
        """
        return self.tables.study

    @cached_property
    def variants(self) -> "dict[str, Variant]":
        """The models of the study by name."""
        return self.tables.variants

    @cached_property
    def lazy_panel(self) -> "xr.Dataset":
        """The data that was calibrated on, opened once: for taking single markets out of it, many times."""
        return self.panel()

    def refresh(self) -> Self:
        """Open the newest state of the store.

        Returns
        -------
        ResultStore
            Of the same sweep, or of a newer one where none was named.

        Examples
        --------
        >>> store.refresh().models == store.models
        True
        """
        return type(self)(self._store, sweep=self._wanted)

    def fits(self, model: str) -> "xr.Dataset":
        """Open the fits of a model, lazily.

        Parameters
        ----------
        model
            One of `models`.

        Returns
        -------
        xarray.Dataset
            Arrays: value, stderr, at_bound (market, window, param), correlation (market, window, param,
            ``param_``), interval (market, window, interval_method, param, level, side) and replicate_value
            (market, window, replicate, param) where the study asked for them, sensitivity (market, window,
            param), direction (market, window, direction, param), direction_strength (market, window,
            direction), status (market, window), start_cost (market, window, start), and every statistic under
            its own name (market, window): aic, bic, rmse, ... Values in the unit of their parameter.

        Raises
        ------
        StoreNotFoundError
            No such model.

        Examples
        --------
        >>> fits = store.fits("investment-linear")
        >>> round(fits.value.sel(market="all", window="all", param="price").item(), 2)
        0.57
        """
        dataset = self._group("fits", model)
        packed = dataset["statistic"]
        described = packed.attrs.get("statistics", {})
        statistics = {}
        for column, name in enumerate(map(str, dataset["stat"].values)):
            statistics[name] = packed.variable.isel(stat=column)
            statistics[name].attrs = dict(described.get(name, {}))
        return dataset.assign(statistics).drop_vars(["statistic", "stat"])

    def trajectories(self, model: str) -> "xr.Dataset":
        """Open calibrated and observed trajectories, lazily.

        Parameters
        ----------
        model
            One of `models`.

        Returns
        -------
        xarray.Dataset
            Arrays: share, sales (market, window, firm, time), observed_share, observed_sales (market, firm,
            time); sales in currency per period.

        Raises
        ------
        StoreNotFoundError
            No such model.

        Examples
        --------
        >>> store.trajectories("investment-linear").share.dims
        ('market', 'window', 'firm', 'time')
        """
        from pipeline.results.fitted_shares.lazy import lazy_calibrated_sales, lazy_observed_share, lazy_share

        observed = self.panel()["sales"].variable
        dataset = self._group("fits", model)[["status"]].assign(share=lazy_share(self.tables, model))
        dataset = dataset.drop_vars("status").assign_coords(
            {axis: self._axes[axis] for axis in ("firm", "time")}
        )
        dataset["sales"] = lazy_calibrated_sales(dataset["share"].variable, observed)
        dataset["observed_share"] = lazy_observed_share(observed)
        dataset["observed_sales"] = observed
        return dataset

    def panel(self) -> "xr.Dataset":
        """Open the data that was calibrated on, lazily.

        Returns
        -------
        xarray.Dataset
            Arrays: sales (market, firm, time), currency per period; efforts (market, firm, effort, time).

        Examples
        --------
        >>> store.panel().sales.dims
        ('market', 'firm', 'time')
        """
        return open_dataset(self.session, panel_path(self.sweep.data_hash))

    def validation(self) -> "xr.Dataset":
        """Open the errors of predicted shares, baselines last.

        Returns
        -------
        xarray.Dataset
            Arrays: error (market, window, model, future, metric), of shares; step_error, by periods ahead.

        Raises
        ------
        StoreNotFoundError
            The study asked for no validation.

        Examples
        --------
        >>> store.validation().error.sel(market="all", future="given", metric="rmse").dims
        ('window', 'model')
        """
        return self._group("validation", "")

    def population(self, model: str) -> "xr.Dataset":
        """Open what all markets together say of the parameters of a pooled model.

        Parameters
        ----------
        model
            A pooled one of `models`.

        Returns
        -------
        xarray.Dataset
            Arrays: mean, spread (window, param): mean and standard deviation over the markets.

        Raises
        ------
        StoreNotFoundError
            The model is not pooled, or the model it is pooled from is not done.

        Examples
        --------
        >>> store.population("investment-linear")
        Traceback (most recent call last):
            ...
        pipeline.errors.StoreNotFoundError: The store has no group ...
        """
        return open_dataset(self.session, population_path(self.sweep.name, model))

    @property
    def forecasts(self) -> tuple[str, ...]:
        """Names of the forecasts stored beside the fits, oldest first."""
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
            Arrays: share, sales, expense (market, firm, future), share_quantile, sales_quantile (market,
            quantile, firm, future), efforts (market, firm, effort, future), total_sales (market, future),
            weight (market, member).

        Raises
        ------
        StoreNotFoundError
            No such forecast.

        Examples
        --------
        >>> kept = beed.store_forecast(store, beed.forecast(store, {"scenario": "as_now", "horizon": 2}))
        >>> store.refresh().forecast("as_now").share.dims
        ('market', 'firm', 'future')
        """
        known = self.forecasts
        for stored in reversed(known):
            if name in (stored, stored.rpartition("-")[0]):
                dataset = open_dataset(self.session, f"{forecasts_path(self.sweep.name)}/{stored}")
                return dataset.assign_coords({axis: self._axes[axis] for axis in ("market", "firm")})
        raise StoreNotFoundError(
            f"The sweep {self.sweep.name} has no forecast {name}; it has: {', '.join(known) or 'none'}."
        )

    def plans(self) -> "dict[str, xr.Dataset]":
        """Open the flight plans stored beside the fits of this study, by name; of each the newest one.

        Those of earlier vintages, too: a plan is flown while the market is calibrated again and again.

        Returns
        -------
        dict of xarray.Dataset
            With the path, its bands and, as attributes, the settings.

        Examples
        --------
        >>> list(store.plans())
        []
        """
        found: dict[str, xr.Dataset] = {}
        for info in self.sweeps:
            if info.study == self.sweep.study:
                for name in list_plans(self.session, info.name):
                    dataset = open_dataset(self.session, f"{plans_path(info.name)}/{name}")
                    if name not in found or dataset.attrs["created"] > found[name].attrs["created"]:
                        found[name] = dataset
        return found

    @cached_property
    def _axes(self) -> "xr.Dataset":
        """Labels that the groups of the sweep share."""
        return open_dataset(self.session, sweep_path(self.sweep.name))

    @cached_property
    def sweeps(self) -> tuple[SweepInfo, ...]:
        """All sweeps of the snapshot, the oldest first."""
        return read_sweeps(self.session)

    def _choose(self, wanted: str | None) -> SweepHead | None:
        heads = read_heads(self.session)
        if wanted is None:
            return current(heads)
        for head in heads:
            if head.name == wanted:
                return head
        if of_study := [head for head in heads if head.study == wanted]:
            return current(of_study)
        known = ", ".join(head.name for head in heads[-_MOST_NAMES:]) or "none"
        if len(heads) > _MOST_NAMES:
            known = f"... {known}"
        raise StoreNotFoundError(
            f"The store at {self._store.location.url} has no sweep {wanted}; its sweeps are: {known}."
        )

    def _group(self, kind: Group, model: str) -> "xr.Dataset":
        if kind != "validation" and model not in self.models:
            raise StoreNotFoundError(
                f"The sweep {self.sweep.name} has no model {model}; it has {', '.join(self.models)}."
            )
        dataset = open_dataset(self.session, group_path(self.sweep.name, kind, model))
        return dataset.assign_coords(
            {name: self._axes[name] for name in dataset.dims if name in self._axes.coords}
        )
