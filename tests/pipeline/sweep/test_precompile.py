"""One tiny calibration loads every kernel: nothing is left to compile when work begins."""

import sys

import numpy as np
import pytest
from numba import types

from kernels.numeric.jit import jit_enabled
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.panel.market import MarketArrays
from pipeline.sweep.precompile import precompile


def kernels():
    """Give every kernel that is loaded, by its name."""
    values = {
        f"{name}.{key}": getattr(value, "compiled", value)
        for name, module in list(sys.modules.items())
        if name.startswith("kernels.")
        for key, value in vars(module).items()
    }
    return {name: value for name, value in values.items() if hasattr(value, "py_func")}


def signatures():
    """Count the compiled versions of every kernel."""
    return {name: len(kernel.signatures) for name, kernel in kernels().items()}


def arrays(returned):
    """List the arrays in a type that a kernel returns."""
    if isinstance(returned, types.BaseTuple):
        return [array for part in returned for array in arrays(part)]
    return [returned] if isinstance(returned, types.Buffer) else []


@pytest.mark.skipif(not jit_enabled(), reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
def test_kernels_that_do_not_count_references_return_no_arrays():
    precompile()
    counting = {name: kernel.targetoptions.get("_nrt", True) for name, kernel in kernels().items()}
    assert {True, False} <= set(counting.values())
    for name, kernel in kernels().items():
        for version in kernel.overloads.values():
            assert counting[name] or not arrays(version.signature.return_type), name


@pytest.mark.skipif(not jit_enabled(), reason="nothing is compiled with NUMBA_DISABLE_JIT=1")
@pytest.mark.parametrize(
    ("form", "link", "effects"),
    [("scaled", "identity", "none"), ("investment", "exp", "free"), ("proportional", "identity", "zero-sum")],
)
def test_nothing_is_compiled_after_precompiling(form, link, effects):
    precompile()
    before = signatures()
    assert sum(before.values()) > 0
    random = np.random.default_rng(1)
    market = MarketArrays(
        market=1,
        firms=np.arange(4),
        times=np.arange(30),
        share=random.dirichlet(np.full(4, 20.0), 30),
        total_sales=np.ones(30),
        duration=np.ones(30),
        efforts=random.uniform(0.5, 1.0, (2, 30, 4)),
        active=np.ones((30, 4), dtype=np.bool_),
    )
    curves = FrozenMapping({"u": "hill", "v": "linear"})
    variant = Variant(
        name="other",
        form=form,
        response=ResponseChoice("mixed", "mixed", link, curves),
        firm_effects=effects,
        carry_over=FrozenMapping({"u": "geometric", "v": "none"}),
    )
    record = calibrate_market(
        variant, market, ("u", "v"), FitSection(starts=2, max_evaluations=20), np.random.SeedSequence(0)
    )
    assert record.status.usable
    assert signatures() == before
