"""The axes of a sweep as they follow from a study: models, windows, starts, intervals, errors."""

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.fitting.uncertainty.weak_directions import N_DIRECTIONS
from pipeline.store.format.layout import ModelLayout, SweepLayout
from pipeline.validation.calibration import PIT_BINS
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES, n_steps, windows_of


def study_layout(
    study: Study,
    *,
    markets: NDArray[Any],
    firms: NDArray[Any],
    times: NDArray[Any],
    models: Iterable[ModelLayout],
    chunk: int,
    n_experiments: int = 0,
) -> SweepLayout:
    """Lay out the results of a study.

    Parameters
    ----------
    study : Study
    markets, firms, times : (L,), (N,), (T,) arrays
        Labels of the panel, or of the part of it that results are wanted for.
    models : iterable of ModelLayout
        Of the study, or some of them.
    chunk : int
        Markets in a chunk.
    n_experiments : int
        Experiments in a market at most.
    """
    windows = windows_of(study.validation)
    validated = len(windows) > 1
    return SweepLayout(
        markets=markets,
        firms=firms,
        times=times,
        models=tuple(models),
        windows=tuple(window.name for window in windows),
        n_starts=study.fit.starts,
        n_replicates=study.uncertainty.bootstrap,
        intervals=study.uncertainty.methods,
        levels=study.uncertainty.levels,
        n_directions=N_DIRECTIONS,
        endogenous=tuple(study.fit.instrumented),
        n_experiments=n_experiments,
        baselines=study.validation.baselines,
        metrics=tuple(METRICS) if validated else (),
        futures=FUTURES if validated else (),
        n_steps=n_steps(windows, len(times)),
        n_pit_bins=PIT_BINS if validated else 0,
        trajectories=study.stored_trajectories,
        chunk=chunk,
    )
