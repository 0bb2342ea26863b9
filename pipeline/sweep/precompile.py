"""Compile, or load what was compiled before: one tiny calibration calls every kernel once."""

from functools import cache
from typing import get_args

import numpy as np

from kernels.numeric.jit_helper import helped
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import Form
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays


@cache
def precompile() -> None:
    """Calibrate a made-up market of three firms and eight periods, in every form, once a process.

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
    with helped("pipeline.sweep.precompile:precompile"):
        for form in get_args(Form):
            variant = Variant(
                name="precompile",
                form=form,
                response=ResponseChoice("mnl", "mnl", "exp", FrozenMapping({"u": "linear"})),
                firm_effects="free",
                carry_over=FrozenMapping({"u": "geometric"}),
            )
            calibrate_market(variant, market, ("u",), fit, np.random.SeedSequence(0))
