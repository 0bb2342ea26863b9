"""What `beed show` says of a sweep: verdict, best models, starts, failures, bounds, truth, validation."""

import json
from collections.abc import Mapping
from functools import cached_property
from html import escape

import numpy as np

from pipeline.results.effects.assumption import assumption_of
from pipeline.results.experiments.table import describe_experiments
from pipeline.results.frames.table import Table
from pipeline.results.intervals import Z95
from pipeline.results.results import Results
from pipeline.results.summary.errors import all_metrics, by_horizon
from pipeline.results.summary.parameters import summarise_parameters
from pipeline.results.tables.choice import pooled_choice
from pipeline.results.tables.comparison import comparisons, kinds, read_losses
from pipeline.results.tables.fits import read_estimates, status_names
from pipeline.results.tables.regimes import regime_counts, typical_half_life
from pipeline.results.tables.residual_checks import summarise_checks, summarise_orders
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.tables.trust import (
    any_at_bound,
    any_direction,
    at_bounds,
    missing_forecasts,
    summarise_correlation,
    summarise_directions,
)
from pipeline.results.tables.uncertainty import describe_instruments
from pipeline.results.verdict import Verdict, judge
from pipeline.status import Status, is_usable
from pipeline.store.format.layout import panel_path
from pipeline.store.read import SweepInfo, open_attributes
from pipeline.validation.windows import ROLLING


class Summary:
    """A sweep in some tables, each made when it is first asked for; an empty table has nothing to say.

    Parameters
    ----------
    results
        The store, opened for the sweep.

    Attributes
    ----------
    sweep
        Names, state, hashes.
    window
        The periods calibrated on that ``models``, ``best``, ``at_bounds`` and ``recovered`` speak of.
    """

    def __init__(self, results: Results) -> None:
        self._results, self._tables = results, results.tables
        self.sweep: SweepInfo = self._tables.info
        self.window = self._tables.first_window

    @cached_property
    def comparison(self) -> Table:
        """One row a model or baseline, kind of window and future.

        Markets where it has the smallest rmse, its difference to the best baseline, and whether that is
        more than chance.
        """
        return comparisons(self._tables, ("rmse",))

    @cached_property
    def verdict(self) -> Verdict:
        """Which model to use, and how far to trust it."""
        return judge(self._tables)

    @cached_property
    def assumption(self) -> str | None:
        """What has to be true for coefficients to be read as causes; None where nothing has."""
        return assumption_of(self._results)

    @cached_property
    def models(self) -> Table:
        """One row a model.

        Its noise, where that of some model is not homogeneous; fits done and usable, one a market; markets
        where it is best by AIC and by BIC, medians of the error in share, of the starts that agree, of
        seconds.
        """
        return _models(self._cubes)

    @cached_property
    def parameters(self) -> Table:
        """Of the model of the verdict.

        One row a parameter, see `pipeline.results.summary.parameters.summarise_parameters`.
        """
        model = self.verdict.model
        return Table({}) if model is None else summarise_parameters(self._tables, model)

    @cached_property
    def best(self) -> Table:
        """One row a market.

        Best model by AIC and by BIC, how far the second is behind, starts that agree.
        """
        return _best(self._cubes)

    @cached_property
    def failures(self) -> Table:
        """One row a model, window and reason: number of fits, sentence, a market for example."""
        return _failures(self._cubes)

    @cached_property
    def at_bounds(self) -> Table:
        """One row a model, parameter and side: number of fits with the parameter at this bound."""
        return at_bounds(self._tables, self.sweep.models)

    @cached_property
    def undetermined(self) -> Table:
        """One row a model and direction that the data do not see: what moves together, number of fits."""
        return self._directions[0]

    @cached_property
    def weak(self) -> Table:
        """Likewise for directions that they see badly."""
        return self._directions[1]

    @cached_property
    def serial(self) -> Table:
        """Models whose errors are correlated over time: median correlation, number of fits."""
        return summarise_correlation(self._cubes.statistics)

    @cached_property
    def checks(self) -> Table:
        """One row a model and test of residuals: fits flagged at 5 %, and how many chance would flag."""
        return summarise_checks(self._cubes.statistics)

    @cached_property
    def orders(self) -> Table:
        """One row a model: fits by the order of the autoregression of their errors."""
        return summarise_orders(self._cubes.statistics)

    @cached_property
    def no_forecast(self) -> Table:
        """One row a model, window and reason: usable fits that have no forecast."""
        return missing_forecasts(self._tables, self.sweep.models)

    @cached_property
    def recovered(self) -> Table:
        """For simulated data, one row a model and parameter.

        Truth, mean and spread over markets, and the part of markets whose 95 % interval covers the truth.
        """
        return _recovered(self._tables, _truth(self._results))

    @cached_property
    def validation(self) -> Table:
        """One row a model or baseline, kind of window and future.

        Means over markets of every measure of error.
        """
        return all_metrics(self._tables)

    @cached_property
    def horizons(self) -> Mapping[str, Table]:
        """For rolling origins, by future, rmse so many periods ahead."""
        return _horizons(self._tables)

    @cached_property
    def choice(self) -> Table:
        """One row a model: Akaike weights and stacking weight."""
        return pooled_choice(self._tables)

    @cached_property
    def regimes(self) -> Table:
        """One row a model: γ, what it says of the markets, and the half-life of share adjustments."""
        return regime_counts(self._tables)

    @cached_property
    def half_lives(self) -> Mapping[str, float]:
        """Median half-life of share adjustments by model, in periods."""
        return {model: typical_half_life(self._tables, model) for model in self.sweep.models}

    @cached_property
    def with_rows(self) -> frozenset[str]:
        """Which of the tables that take long to make have rows: choice, regimes, directions, at_bounds."""
        usable = any(bool(np.any(~np.isnan(of["bic"]))) for of in self._cubes.statistics.values())
        found = {"choice": usable, "regimes": usable}
        found["directions"] = any_direction(self._tables)
        found["at_bounds"] = any_at_bound(self._tables)
        return frozenset(name for name, some in found.items() if some)

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """What instruments say of each endogenous effort of the model of the verdict, in sentences."""
        model = self.verdict.model
        return () if model is None else describe_instruments(self._tables, model)

    @cached_property
    def experiments(self) -> tuple[str, ...]:
        """Whether experiments agree with the model of the verdict, in sentences."""
        model = self.verdict.model
        return () if model is None else describe_experiments(self._tables, model)

    def directions_of(self, model: str) -> tuple[Table, Table]:
        """`undetermined` and `weak` of one model, which are made much faster than those of all."""
        row = self.sweep.models.index(model)
        return summarise_directions(self._tables, self._cubes.usable[row : row + 1].sum(axis=1), [model])

    @cached_property
    def _cubes(self) -> "_Cubes":
        return _Cubes(self._tables)

    @cached_property
    def _directions(self) -> tuple[Table, Table]:
        return summarise_directions(self._tables, self._cubes.usable.sum(axis=1))

    def __repr__(self) -> str:
        sweep, said = self.sweep, [*self.instruments, *self.experiments, self.assumption or ""]
        head = f"{sweep.name}: {sweep.state.value}, {sweep.n_markets} market{'s' * (sweep.n_markets != 1)}"
        tables = [repr(table) for table in (self.parameters, self.models) if len(table)]
        return "\n".join([head, str(self.verdict), *filter(None, said), *tables])

    def _repr_html_(self) -> str:
        """Show what matters most in a notebook: the verdict, its parameters, the models."""
        sweep, said = self.sweep, [*self.instruments, *self.experiments, self.assumption or ""]
        head = f"<p><b>{escape(sweep.name)}</b>: {sweep.state.value}, {sweep.n_markets} markets</p>"
        sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in said if sentence)
        tables = "".join(table._repr_html_() for table in (self.parameters, self.models) if len(table))
        return f"{head}{self.verdict._repr_html_()}{sentences}{tables}"


def summarise(results: Results) -> Summary:
    """Summarise a sweep."""
    return Summary(results)


class _Cubes:
    """Status (model, market, window), and by model the statistics of the first window, (market,) each."""

    def __init__(self, tables: SweepTables) -> None:
        self.info = tables.info
        self.markets = tables.labels("market")
        self.windows = tables.labels("window")
        self.noise = [tables.noise(model) for model in self.info.models]
        self.n_starts = len(tables.labels("start"))
        models = self.info.models
        self.status = np.stack([tables.status(model) for model in models])
        self.usable = is_usable(self.status[:, :, 0])
        self.statistics = {model: tables.statistics(model) for model in models}

    def stacked(self, name: str) -> np.ndarray:
        """Lay a statistic of all models beside each other, (model, market)."""
        return np.stack([statistics[name] for statistics in self.statistics.values()])

    def best(self, criterion: str) -> tuple[np.ndarray, np.ndarray]:
        """Model with the smallest criterion in each market (-1: none), and the lead over the second."""
        values = self.stacked(criterion)
        values = np.where(np.isnan(values), np.inf, values)
        order = np.argsort(values, axis=0, kind="stable")
        ranked = np.take_along_axis(values, order, axis=0)
        first = np.where(np.isfinite(ranked[0]), order[0], -1)
        lead = np.full(len(self.markets), np.nan)
        if len(ranked) > 1:
            both = np.isfinite(ranked[1])
            lead[both] = ranked[1, both] - ranked[0, both]
        return first, lead


def _models(cubes: _Cubes) -> Table:
    by_aic, by_bic = cubes.best("aic")[0], cubes.best("bic")[0]
    rows = [
        (
            model,
            int(np.sum(cubes.status[row, :, 0] != Status.PENDING)),
            int(np.sum(cubes.usable[row])),
            int(np.sum(by_aic == row)),
            int(np.sum(by_bic == row)),
            *(_median(cubes.statistics[model][name]) for name in ("rmse", "starts_agree", "seconds")),
        )
        for row, model in enumerate(cubes.info.models)
    ]
    names = ("model", "fits", "usable", "best_by_aic", "best_by_bic", "rmse", "starts_agree", "seconds")
    table = Table.from_rows(names, rows)
    if set(cubes.noise) == {"homogeneous"}:
        return table
    columns = {name: table[name] for name in names}
    return Table({"model": columns.pop("model"), "noise": np.array(cubes.noise, dtype=object), **columns})


def _best(cubes: _Cubes) -> Table:
    (by_aic, aic_lead), (by_bic, bic_lead) = cubes.best("aic"), cubes.best("bic")
    models = np.array([*cubes.info.models, None], dtype=object)
    known = np.flatnonzero(by_aic >= 0)
    best = by_aic[known]
    return Table(
        {
            "market": cubes.markets[known],
            "by_aic": models[best],
            "aic_lead": aic_lead[known],
            "by_bic": models[by_bic[known]],
            "bic_lead": bic_lead[known],
            "rmse": cubes.stacked("rmse")[best, known],
            "starts_agree": cubes.stacked("starts_agree")[best, known],
            "starts": np.full(len(known), cubes.n_starts),
        }
    )


def _failures(cubes: _Cubes) -> Table:
    rows = []
    for row, model in enumerate(cubes.info.models):
        for column, window in enumerate(cubes.windows):
            codes = cubes.status[row, :, column]
            for code in np.unique(codes):
                known = int(code) in set(map(int, Status))
                if code == Status.PENDING or (known and Status(code).usable):
                    continue
                markets = cubes.markets[codes == code]
                sentence = Status(code).sentence if known else "A code of a newer version of beed."
                name = status_names(np.array([code]))[0]
                rows.append((model, window, name, len(markets), markets[0], sentence))
    return Table.from_rows(("model", "window", "status", "fits", "example", "reason"), rows)


def _truth(results: Results) -> dict[str, float]:
    """Read the true parameters that simulated data carry in the attribute ``truth`` of their panel."""
    truth = open_attributes(results.session, panel_path(results.sweep.data_hash)).get("truth")
    truth = json.loads(truth) if isinstance(truth, str) else truth
    return dict(truth) if isinstance(truth, Mapping) else {}


def _recovered(tables: SweepTables, truth: Mapping[str, float]) -> Table:
    rows = []
    # The truth may be none of the models that were fitted; then its estimates have no truth.
    for model in [model for model in tables.info.models if truth and tables.is_truth(model)]:
        estimates, params = read_estimates(tables, model), tables.params_of(model).tolist()
        for param, true in truth.items():
            if param not in params:
                continue
            column = params.index(param)
            # What the data do not determine has no value.
            known = ~np.isnan(estimates.value[:, column])
            value, stderr = (cube[:, column][known] for cube in (estimates.value, estimates.stderr))
            if not len(value):
                continue
            known = stderr > 0
            cover = np.abs(value - true)[known] <= Z95 * stderr[known]
            spread = float(np.std(value, ddof=1)) if len(value) > 1 else np.nan
            covered = float(np.mean(cover)) if known.any() else np.nan
            rows.append((model, param, float(true), float(np.mean(value)), _median(stderr), spread, covered))
    names = ("model", "param", "truth", "mean", "stderr", "spread", "covered")
    return Table.from_rows(names, rows)


def _horizons(tables: SweepTables) -> dict[str, Table]:
    futures = tables.labels("future").tolist() if ROLLING in kinds(tables) else []
    return {future: by_horizon(read_losses(tables, ROLLING, future, "rmse")) for future in futures}


def _median(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(np.median(present)) if present.size else float("nan")
