"""Compile, or load what was compiled before: one tiny calibration calls every kernel once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import Form
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays


def precompile() -> None:
    """Calibrate a made-up market of three firms and eight periods, in every form.

    Families, links and curves are data to the kernels, so one model compiles or loads all of them. What few
    studies ask for (formulas and splines, periods of unequal length, entries, errors that differ by firm) is
    compiled when it is first called.
    """
    random = np.random.default_rng(0)
    share = random.dirichlet(np.ones(3), 8)
    market = MarketArrays(
        market=0,
        firms=np.array(["a", "b", "c"]),
        times=np.arange(8),
        share=share,
        total_sales=np.ones(8),
        duration=np.ones(8),
        efforts=random.uniform(0.5, 1.0, (1, 8, 3)),
        active=np.ones((8, 3), dtype=np.bool_),
    )
    fit = FitSection(starts=2, max_evaluations=5)
    with _little_garbage_collection():
        for form in get_args(Form):
            variant = Variant(
                name="precompile",
                form=form,
                response=ResponseChoice("mnl", "mnl", "exp", FrozenMapping({"u": "linear"})),
                firm_effects="free",
                carry_over=FrozenMapping({"u": "geometric"}),
            )
            calibrate_market(variant, market, ("u",), fit, np.random.SeedSequence(0))


@contextmanager
def _little_garbage_collection() -> Iterator[None]:
    """Look for garbage less often: a fifth of a compilation goes into looking at what is none."""
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
