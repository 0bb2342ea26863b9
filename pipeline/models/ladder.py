"""What the ladder of `models: auto` takes from the data: priors in units of the efforts, and pooling."""

import numpy as np

from pipeline.config.sections.types import FrozenMapping
from pipeline.config.study import Study
from pipeline.panel.panel import Panel

# Log-points (under exp) that a standard deviation of an effort may do more or less for one firm than for all.
_SPREAD = 0.5
# Fewer markets have no population to speak of.
_FEWEST_MARKETS = 3
_BLOCK = 64


def climb(study: Study, panel: Panel) -> Study:
    """Complete a study whose models are a ladder, from its panel; other studies stay as they are.

    Terms by firm and lags get priors (unless the study gives them): mean 0, and a standard deviation of half
    of what one standard deviation of the effort would do with a coefficient of 1, over the first half of the
    periods, so that no forecast knows of what comes later. Models are pooled, too, from three markets on.
    """
    if not study.models.auto:
        return study
    priors = {
        f"{effort}.{kind}": (0.0, _SPREAD / scale)
        for effort, scale in _scales(panel).items()
        for kind in ("own", "lag1")
    }
    fit = study.fit.model_copy(update={"priors": FrozenMapping(priors | dict(study.fit.priors))})
    enough = len(panel.markets) >= _FEWEST_MARKETS
    pooling = study.models.pooling if "pooling" in study.models.model_fields_set else enough
    models = study.models.model_copy(update={"pooling": pooling and enough})
    return study.model_copy(update={"fit": fit, "models": models})


def _scales(panel: Panel) -> dict[str, float]:
    """Give standard deviations of the efforts in the first half of the periods; 1 for a constant one."""
    names = [str(name) for name in panel.efforts]
    count, total, square = (np.zeros(len(names)) for _ in range(3))
    half = max(len(panel.times) // 2, 1)
    for block in panel.blocks(_BLOCK):
        values = block["efforts"].transpose("effort", ...).isel(time=slice(0, half)).values
        values = values.reshape(len(names), -1)
        count += (~np.isnan(values)).sum(axis=1)
        total += np.nansum(values, axis=1)
        square += np.nansum(values**2, axis=1)
    mean = total / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0.0))
    return dict(zip(names, np.where(deviation > 1e-12, deviation, 1.0).tolist(), strict=True))
