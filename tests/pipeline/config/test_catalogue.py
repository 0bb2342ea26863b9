import pytest
from numpy import inf

from pipeline.config.catalogue import (
    curve_parameters,
    family_parts,
    has_main_coefficient,
    own_curves,
    parameter_bounds,
    shared_parameters,
)
from pipeline.config.sections.models import CurveSection


def section(formula="k * log1p(u / h)", domain="nonnegative", **parameters):
    content = {
        "formula": formula,
        "parameters": parameters or {"k": {}, "h": {"minimum": 0.0}},
        "domain": domain,
    }
    return {"own": CurveSection.model_validate(content)}


def test_names_of_parameters_are_those_of_results():
    own = section()
    assert curve_parameters("own", own) == ("beta", "h")
    assert curve_parameters("hill", own) == ("beta", "h", "n")
    assert curve_parameters("pareto", own) == ()
    assert shared_parameters("pareto") == ("pareto",)
    assert shared_parameters("ces") == ("rho",)
    assert curve_parameters("unknown", own) == ()


def test_families_are_those_of_the_kernels():
    assert family_parts("mci") == ("exp", "ln")
    assert family_parts("hill") == ("identity", "hill")
    assert family_parts("own") == ("identity", "own")


def test_splines_and_shared_coefficients_have_no_coefficient_of_their_own():
    assert has_main_coefficient("linear", {})
    assert has_main_coefficient("own", section())
    assert not has_main_coefficient("ispline", {})
    assert not has_main_coefficient("pareto", {})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, (-inf, inf, 1.0, -2.0, 4.0)),
        ({"minimum": 0.0}, (0.0, inf, 1.0, 0.0, 4.0)),
        ({"minimum": 2.0}, (2.0, inf, 2.0, 2.0, 8.0)),
        ({"minimum": 0.0, "maximum": 10.0}, (0.0, 10.0, 5.0, 0.0, 10.0)),
        ({"maximum": -1.0}, (-inf, -1.0, -1.0, -4.0, -1.0)),
        ({"low": 2.0, "high": 4.0}, (-inf, inf, 3.0, 2.0, 4.0)),
        ({"start": 5.0, "high": 6.0}, (-inf, inf, 5.0, -10.0, 6.0)),
    ],
)
def test_a_start_and_a_finite_box_are_found_inside_the_bounds(written, expected):
    (curve,) = own_curves(section(k=written, h={})).values()
    parameter = curve.parameters[0]
    assert (
        parameter.minimum,
        parameter.maximum,
        parameter.start,
        parameter.low,
        parameter.high,
    ) == expected


def test_bounds_that_do_not_depend_on_data_are_known():
    own = section()
    assert parameter_bounds("own", "h", own) == (0.0, inf)
    assert parameter_bounds("own", "beta", own) == (-inf, inf)
    assert parameter_bounds("hill", "n", own) == (0.2, 10.0)
    assert parameter_bounds("hill", "h", own) == (0.0, inf)
    assert parameter_bounds("", "anything", own) == (-inf, inf)


def test_the_domain_reaches_the_kernels():
    (curve,) = own_curves(section(domain="positive")).values()
    assert (curve.domain.minimum, curve.domain.open) == (0.0, True)
