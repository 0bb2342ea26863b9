"""The weight of beliefs and experiments at the optimum that they lead to, for many models at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kernels.numeric.arrays import Vector
from pipeline.fitting.search.many_models import fit_models
from pipeline.fitting.search.screen import EVALUATIONS, beliefs_of
from pipeline.models.market_model import MarketModel
from pipeline.models.priors import Prior, residual_deviations

# The deviation of residuals and the weight of priors follow from each other: this near is near enough.
_SETTLED = 1e-8
_ROUNDS = 20


def settle(model: MarketModel, theta: Vector, prior: Prior) -> Vector:
    """Do for one model what `settle_together` does for many; gives its optimum (P,)."""
    return settle_together([model], [theta], [prior])[0]


def settle_together(
    models: Sequence[MarketModel], thetas: Sequence[Vector], priors: Sequence[Prior]
) -> list[Vector]:
    """Weight beliefs and experiments by the residuals of the optimum that they lead to; gives that optimum.

    The deviation of residuals and the optimum follow from each other. Where they meet depends on the data
    and the model alone, whatever starts the search came from.

    Parameters
    ----------
    models : sequence of MarketModel
    thetas : sequence of (P,) array
        Near the optimum of each.
    priors : sequence of Prior
        As in `pipeline.fitting.search.screen.screen`.
    """
    searches = [_Search(*parts) for parts in zip(models, thetas, priors, strict=True)]
    _settle([search for search in searches if not search.beliefs.empty])
    tested = [search for search in searches if search.model.experiments is not None]
    for search in tested:
        # From what the shares say: a wrong experiment that came first would be believed, as it makes the
        # deviation, and thus its own weight, large.
        search.go_on_with_experiments()
    _settle(tested)
    return [search.theta for search in searches]


@dataclass(slots=True)
class _Search:
    """One model on its way to where its deviation and its weights agree."""

    model: MarketModel
    theta: Vector
    prior: Prior
    beliefs: Prior = field(init=False)
    before: float = 0.0
    with_experiments: bool = False

    def __post_init__(self) -> None:
        self.beliefs = beliefs_of(self.model, self.prior)

    def go_on_with_experiments(self) -> None:
        """Settle their weights from here on, too."""
        self.before, self.with_experiments = 0.0, True

    def weigh(self, deviation: float) -> bool:
        """Weigh by the deviation of the residuals; tell whether the optimum may move by it."""
        if not deviation > 0.0 or abs(deviation - self.before) <= _SETTLED * self.before:
            return False
        self.before = deviation
        if self.model.data.entries:
            self.beliefs = beliefs_of(self.model, self.prior, self.theta)
        self.model.set_prior(self.beliefs.mean, self.beliefs.weight(deviation))
        if self.with_experiments:
            self.model.weigh_experiments(deviation)
        return True


def _settle(searches: Sequence[_Search]) -> None:
    for _ in range(_ROUNDS):
        deviations = residual_deviations([one.model for one in searches], [one.theta for one in searches])
        searches = [one for one, size in zip(searches, deviations, strict=True) if one.weigh(float(size))]
        if not searches:
            break
        models, starts = zip(*((one.model, one.theta[np.newaxis]) for one in searches), strict=True)
        found = zip(searches, fit_models(models, starts, EVALUATIONS), strict=True)
        fitted = [(one, fit.value[0]) for one, fit in found if np.isfinite(fit.cost[0])]
        for one, theta in fitted:
            one.theta = theta
        searches = [one for one, _ in fitted]
