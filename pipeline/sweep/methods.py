"""What the coordinator needs to know of models: their parameters, their size, and how to calibrate them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.config.study import Study
from pipeline.config.variants import Variant
from pipeline.store.format.layout import ModelLayout

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Methods:
    """The functions that stand behind a sweep; they travel to workers by name, so they must be importable.

    Attributes
    ----------
    describe
        ``(variant, study, firms) -> ModelLayout``: all parameters that any market may have.
    columns
        ``(variant, study, n_firms) -> int``: free parameters in a market of that many firms.
    calibrate
        ``(panel of some markets, variant, study) -> arrays`` for :func:`pipeline.store.write.write_chunk`.
        Numbers must depend on market and model alone: see :func:`pipeline.seeds.fit_seed`. For a pooled model
        a fourth argument: its populations by window and parameter, see `pipeline.store.population`. When a
        calibration goes on from an earlier one, ``warm``: a `pipeline.fitting.warm_start.WarmStarts`.
    assess
        ``(panel of some markets, baseline, study) -> arrays``, likewise.
    warm
        ``"module:function"`` that loads or compiles what workers need, or None.
    """

    describe: Callable[[Variant, Study, np.ndarray], ModelLayout]
    columns: Callable[[Variant, Study, int], int]
    calibrate: Callable[..., Arrays]
    assess: Callable[[Any, str, Study], Arrays]
    warm: str | None = None


def default_methods() -> Methods:
    """Give the methods of this package; imports the compiler."""
    from pipeline.sweep.chunk import assess_baseline, calibrate_chunk, count_columns, describe_model

    return Methods(
        describe_model, count_columns, calibrate_chunk, assess_baseline, "pipeline.sweep.compile:warm_up"
    )
