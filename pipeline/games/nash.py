"""The contender `nash`: a calibrated model under efforts that are best responses to one another.

A forecast that does not know efforts carries them forward as they were. Here firms are taken at their word
instead: on the market as it is calibrated before the origin each earns a margin on its sales, pays for its
efforts, and chooses the best it can do against the others.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.catalogue import own_curves
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.scenario import TotalSection
from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.open_market import market_of_fit
from pipeline.forecasting.total_sales import market_total
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.games.equilibrium import find_equilibria
from pipeline.games.setup import set_up_game
from pipeline.models.effort_paths import with_efforts
from pipeline.models.market_model import MarketModel
from pipeline.models.predictive import PredictiveDistribution
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.planning.chance import sure_market
from pipeline.results.stored_fit import StoredFit
from pipeline.seeds import fit_seed
from pipeline.validation.forecasters import Forecaster, model_forecaster

_ROUNDS = 60


def nash_forecaster(panel: xr.Dataset, market: MarketArrays, n_train: int, study: Study) -> Forecaster:
    """Calibrate a model of the study on the first periods of a market, and forecast as its firms would play.

    Parameters
    ----------
    panel : Dataset
        With the market.
    market : MarketArrays
        All its periods.
    n_train : int
        Periods before the origin.
    study : Study

    Returns
    -------
    Forecaster
        Of the same shares whether efforts ahead are given or not: it does not look at them, but for those of
        firms that enter later. None where there is no usable fit, or no equilibrium was found.
    """
    variant = _variant(study)
    efforts = tuple(str(name) for name in panel["effort"].values)
    record = calibrate_market(
        variant,
        market,
        efforts,
        study.fit,
        fit_seed(study.seed, variant.name, market.market),
        curves=own_curves(study.curves),
        n_train=n_train,
    )
    model, theta = record.model, record.theta
    played: dict[int, tuple[Floats, NDArray[np.bool_]] | None] = {}

    def forecast(
        whole: MarketArrays, origin: int, _: NDArray[np.float64] | None = None
    ) -> PredictiveDistribution | None:
        horizon = whole.times.size - origin
        if model is None:
            return None
        if horizon not in played:
            played[horizon] = _played(panel, first_periods(market, origin), model, theta, study, horizon)
        found = played[horizon]
        if found is None:
            return None
        ahead = whole.efforts[:, origin:].copy()
        ahead[:, :, found[1]] = found[0]
        known = model_forecaster(model, theta, study.fit.initial, study.validation.state)
        return known(with_efforts(whole, origin, ahead), origin)

    return forecast


def _variant(study: Study) -> Variant:
    variants, wanted = study.variants(), study.validation.nash.model
    return next(one for one in variants if wanted in (None, one.name))


def _played(
    panel: xr.Dataset, known: MarketArrays, model: MarketModel, theta: Floats, study: Study, horizon: int
) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Play on the known periods: efforts (K, H, N) of the firms left, and which of all firms these are."""
    before = panel.sel(time=slice(None, known.times[-1]))
    fit = StoredFit(before, known, model.efforts, model, theta, np.zeros((theta.size, theta.size)))
    try:
        market = market_of_fit(
            study, fit, horizon, "calibrated", covariance=fit.covariance, used=float(model.n_free)
        )
        efforts = nash_efforts(sure_market(market), study)
    except (ValueError, ArithmeticError):
        # Nothing that firms could change, no long run, or shares that cannot be computed.
        return None
    return None if efforts is None else (efforts, known.active[-1])


def nash_efforts(market: ForecastMarket, study: Study) -> Floats | None:
    """Find efforts (K, H, N) in the periods to come that are best responses to one another.

    Strategies are steady, and those of the long run where there is one, else of the periods to come. None
    where responses from the present strategies on do not come to rest.

    Raises
    ------
    PlanError, ForecastError
        As `pipeline.games.game.play`.
    """
    section = study.validation.nash
    total = market_total(TotalSection(), market)
    ahead = GameSettings(margin=section.margin, strategy=section.strategy, horizon=market.horizon)
    lasting = market.equation(market.theta).returns_to_scale < 1.0
    chosen = ahead.model_copy(update={"horizon": "steady"}) if lasting else ahead
    model, present = set_up_game(market, chosen, total)
    low, high = model.space.low[:, np.newaxis], model.space.high[:, np.newaxis]
    everybody = np.ones(market.firms.size, dtype=np.bool_)
    best = find_equilibria(model, [np.clip(present, low, high)], everybody, _ROUNDS)[0]
    if not best.converged:
        return None
    course, _ = set_up_game(market, ahead, total)
    plan = course.effort_plan(best.strategies)
    return simulate_trajectory(course.response, plan, course.total).efforts
