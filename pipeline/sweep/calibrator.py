"""What a sweep needs to know of models: their parameters, their size, and how to calibrate them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.store.format.layout import Arrays, ModelLayout


@dataclass(frozen=True)
class Calibrator:
    """The functions that do the work of a sweep; they travel to workers by name, so they must be importable.

    Attributes
    ----------
    describe
        ``(variant, study, firms, entries) -> ModelLayout``: all parameters that any market may have.
    columns
        ``(variant, study, n_firms) -> int``: free parameters in a market of that many firms.
    calibrate
        ``(panel of some markets, variant, study) -> Arrays``: all that the store has for the model in these
        markets, see `pipeline.store.writing.chunks.write_chunk`. Numbers must depend on market and model
        alone: see `pipeline.seeds.fit_seed`. For a pooled model a fourth argument: its populations by window
        and parameter, see `pipeline.store.shared.population`. When a calibration goes on from an earlier one,
        ``warm``: a `pipeline.fitting.search.warm_start.WarmStarts`. Where first stages are pooled over
        markets, ``first_stages``: see `pipeline.store.format.first_stage.PooledStages`.
    assess
        ``(panel of some markets, baseline, study) -> Arrays``, likewise. For a baseline that learns from all
        markets (`pipeline.validation.baselines.POOLED`) a fourth argument: the lazy panel of all of them.
    precompile
        ``"module:function"`` that loads the compiled code that workers need, or compiles it; or None.
    """

    describe: Callable[[Variant, Study, NDArray[Any], NDArray[Any]], ModelLayout]
    columns: Callable[[Variant, Study, int], int]
    calibrate: Callable[..., Arrays]
    assess: Callable[..., Arrays]
    precompile: str | None = None


def default_calibrator() -> Calibrator:
    """Give the functions of this package; imports the compiler."""
    from pipeline.sweep.fit_block import assess_baseline, calibrate_block
    from pipeline.sweep.model_layout import count_columns, describe_model

    return Calibrator(
        describe=describe_model,
        columns=count_columns,
        calibrate=calibrate_block,
        assess=assess_baseline,
        precompile="pipeline.sweep.precompile:precompile",
    )
