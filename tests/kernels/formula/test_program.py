"""Compiled curves: same numbers as the formula, derivatives that agree with it, nothing computed in vain."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from kernels.formula import expression as expression_module
from kernels.formula import instructions
from kernels.formula.expression import ExpressionError, compile_curve, parse
from kernels.formula.expression_cache import load_program
from kernels.formula.program import TILE, Program, make_registers, run_program, stack_programs
from kernels.numeric.jit import cache_folder

CURVES = [
    ("beta * u**n / (h**n + u**n)", ("beta", "h", "n")),
    ("k * log1p(u / h)", ("k", "h")),
    ("k * (1 - exp(-u / h))", ("k", "h")),
    ("k * (1 - exp(-h * u)) / (1 + exp(-h * u))", ("k", "h")),
    ("k * tanh(u / h) + sinh(u * h) - cosh(k * u)", ("k", "h")),
    ("lo + (hi - lo) * u**c / (d + u**c)", ("lo", "hi", "c", "d")),
    ("where(u > h, k * u**2, exp(h * u) * k)", ("k", "h")),
    ("minimum(k * u, h) + maximum(u, k) + abs(u - h)", ("k", "h")),
    ("k * logistic(h * (u - 1)) + erf(u * k) + arctan(h * u) + arcsinh(k * u)", ("k", "h")),
    ("k * sin(u) + h * cos(k * u) + log(u) * log2(h * u) + log10(k + u)", ("k", "h")),
    ("h**u + 2**(k * u) + u**u + (u * h)**(k * u)", ("k", "h")),
    ("u**3 * k + u**-2 + u**0.5 + h * u**-0.5 + u**17 + u**-17 + u**2.5", ("k", "h")),
    ("floor(3 * u) * k + ceil(u) * h + sign(u - h) * expm1(k * u) + sqrt(u)", ("k", "h")),
    ("(u > 1 and u < h) * k + (u == 1 or u != h) + (not u >= 1) * h + isnan(u) + (h <= u)", ("k", "h")),
    ("k + h", ("k", "h")),
    ("k - u / k", ("k",)),
    ("u", ()),
    ("2 - u", ()),
    ("2 / u - (u - 2) / 3", ()),
    ("k * -u - -(-u)", ("k",)),
]
VALUES = {"beta": 1.3, "h": 0.8, "n": 1.7, "k": 0.6, "lo": 0.2, "hi": 1.9, "c": 2.2, "d": 0.7}
U = np.random.default_rng(1).uniform(0.05, 3.0, 41)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep tests away from the user's files, and from one another."""
    monkeypatch.setenv("BEED_CACHE_DIR", str(tmp_path))
    expression_module._compile_curve.cache_clear()


def compiled(text, parameters):
    expression = parse(text, ("u", *parameters))
    if "u" not in expression.names:
        expression = parse(f"{text} + 0 * u", ("u", *parameters))
    return expression, compile_curve(expression, "u", parameters)


@pytest.mark.parametrize(("text", "parameters"), CURVES)
def test_value_and_derivatives_agree_with_the_formula(text, parameters):
    expression, program = compiled(text, parameters)
    theta = [VALUES[name] for name in parameters]
    values = {"u": U, **{name: VALUES[name] for name in parameters}}
    value, gradient, slope = program.evaluate(U, theta)
    expected = expression.evaluate(values)
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)
    for row, name in zip((*gradient, slope), (*parameters, "u"), strict=True):
        exact = np.broadcast_to(expression.gradient(name).evaluate(values), U.shape)
        np.testing.assert_allclose(row, exact, rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.mark.parametrize(("text", "parameters"), CURVES[:6])
def test_derivatives_agree_with_differences_of_the_program(text, parameters):
    _, program = compiled(text, parameters)
    theta = np.array([VALUES[name] for name in parameters])
    _, gradient, slope = program.evaluate(U, theta)
    for j in range(theta.size):
        step = np.where(np.arange(theta.size) == j, 2e-3 * theta, 0.0)
        difference = stencil(lambda k, step=step: program.evaluate(U, theta + k * step)[0], 2e-3 * theta[j])
        np.testing.assert_allclose(gradient[j], difference, rtol=1e-7, atol=1e-8)
    difference = stencil(lambda k: program.evaluate(U + k * 1e-3 * U, theta)[0], 1e-3 * U)
    np.testing.assert_allclose(slope, difference, rtol=1e-7, atol=1e-8)


def stencil(at, step):
    """Seven points: error of the order of step**6."""
    near, middle, far = (at(k) - at(-k) for k in (1, 2, 3))
    return (45 * near - 9 * middle + far) / (60 * step)


def test_every_instruction_is_exercised():
    seen = set()
    for text, parameters in CURVES:
        program = compiled(text, parameters)[1]
        for code in (program.scalar_code, program.vector_code):
            seen |= set(code[:, 0].tolist())
    names = {value: name for name, value in vars(instructions).items() if isinstance(value, int)}
    assert {names[code] for code in set(range(instructions.LAST + 1)) - seen} == set()


def hill():
    return compiled("beta * u**n / (h**n + u**n)", ("beta", "h", "n"))[1]


def run(program, u, theta, rows, n_rows, slope=True):
    programs = stack_programs((program,))
    scalars, registers = make_registers(programs)
    value = np.empty(u.size)
    gradient = np.full((n_rows, u.size), -7.0)
    derivative = np.empty(u.size if slope else 0)
    rows = np.array(rows, dtype=np.int64)
    run_program(programs, 0, u, np.array(theta), rows, scalars, registers, value, gradient, derivative)
    return value, gradient, derivative


def test_only_the_rows_asked_for_are_written():
    value, gradient, _ = run(hill(), U, [1.3, 0.8, 1.7], [2, -1, 0], 4, slope=False)
    expected, rows, _ = hill().evaluate(U, [1.3, 0.8, 1.7])
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(gradient, [rows[2], np.full(U.size, -7.0), rows[0], np.full(U.size, -7.0)])


def test_the_mask_spares_what_is_not_asked_for():
    masks = hill().vector_code[:, 5]
    assert np.sum(masks & 1 > 0) < 0.5 * masks.size
    assert np.all(masks > 0)


@pytest.mark.parametrize("size", [0, 1, TILE - 1, TILE, TILE + 1, 2 * TILE + 3])
def test_tiles_join_without_a_seam(size):
    u = np.linspace(0.0, 3.0, size)
    value, gradient, slope = run(hill(), u, [1.3, 0.8, 1.7], [0, 1, 2], 3)
    for k in {0, size // 2, size - 1} - {-1} if size else ():
        one = run(hill(), u[k : k + 1], [1.3, 0.8, 1.7], [0, 1, 2], 3)
        np.testing.assert_allclose(value[k], one[0][0], rtol=1e-14)
        np.testing.assert_allclose(gradient[:, k], one[1][:, 0], rtol=1e-14)
        np.testing.assert_allclose(slope[k], one[2][0], rtol=1e-14)


def test_programs_of_a_set_do_not_disturb_one_another():
    programs = [compiled(text, parameters) for text, parameters in CURVES]
    together = stack_programs([program for _, program in programs])
    scalars, registers = make_registers(together)
    for which, (_, program) in enumerate(programs):
        theta = np.array([VALUES[name] for name in program.parameters])
        value, gradient, slope = np.empty(U.size), np.empty((theta.size, U.size)), np.empty(U.size)
        rows = np.arange(theta.size)
        run_program(together, which, U, theta, rows, scalars, registers, value, gradient, slope)
        expected = program.evaluate(U, theta)
        for got, alone in zip((value, gradient, slope), expected, strict=True):
            np.testing.assert_array_equal(got, alone)


def test_an_empty_set_is_a_set():
    empty = stack_programs(())
    assert empty.code.shape == (0, 6)
    assert make_registers(empty)[1].shape == (1, TILE)


def test_zero_effort_gives_limits_not_nan():
    value, gradient, slope = hill().evaluate([0.0, 1e-300], [1.3, 0.8, 1.7])
    np.testing.assert_array_equal(value, [0.0, 0.0])
    np.testing.assert_array_equal(gradient, np.zeros((3, 2)))
    assert slope[0] == 0.0
    _, _, slope = compiled("where(u > 0, k * log(u), 0)", ("k",))[1].evaluate([0.0, 2.0], [3.0])
    np.testing.assert_allclose(slope, [0.0, 1.5])
    value, gradient, slope = compiled("k * u**n", ("k", "n"))[1].evaluate([0.0], [3.0, 0.5])
    assert (value[0], gradient[1, 0], slope[0]) == (0.0, 0.0, np.inf)


def test_values_outside_the_domain_are_not_finite_as_in_numpy():
    u = np.array([-2.0, -1.0, 0.0, np.inf, np.nan])
    for text in (
        "log(u)",
        "log1p(u)",
        "sqrt(u)",
        "1 / u",
        "u**0.3",
        "u**2",
        "exp(1000 * u)",
        "minimum(u, 1)",
    ):
        expression, program = compiled(text, ())
        np.testing.assert_allclose(program.evaluate(u, [])[0], expression.evaluate({"u": u}), err_msg=text)


def test_large_efforts_do_not_overflow_on_the_way():
    value, gradient, slope = hill().evaluate([1e20], [2.0, 1e19, 12.0])
    assert value[0] == pytest.approx(2.0)
    assert np.all(np.isfinite(gradient))
    assert np.isfinite(slope[0])
    assert gradient[1, 0] == pytest.approx(-2.0 * 12.0 / 1e19 * 1e-12, rel=1e-6)


def test_shapes_are_kept_and_parameters_counted():
    value, gradient, slope = hill().evaluate(np.ones((2, 3)), [1.0, 1.0, 1.0])
    assert (value.shape, gradient.shape, slope.shape) == ((2, 3), (3, 2, 3), (2, 3))
    with pytest.raises(ValueError, match=r"has the parameters \(beta, h, n\); got 2 values"):
        hill().evaluate(U, [1.0, 2.0])


def test_equal_parts_are_computed_once():
    program = hill()
    elementary = program.vector_code[:, 0]
    for code, times in ((instructions.LOG, 1), (instructions.POWER_VS, 1), (instructions.EXP, 0)):
        assert np.sum(elementary == code) == times
    assert instructions.POWER in program.scalar_code[:, 0]  # h**n is not computed for every element


@pytest.mark.parametrize(
    ("text", "parameters", "sentence"),
    [
        ("k * u", (), "'k' is neither the variable 'u' nor a parameter"),
        ("k * u", ("k", "h"), "does not use its parameter 'h'"),
        ("k * 2", ("k",), "does not use its variable 'u'"),
        ("k * u", ("k", "k"), "stands for two things"),
        ("k * u", ("k", "u"), "stands for two things"),
    ],
)
def test_curves_declare_what_they_use(text, parameters, sentence):
    with pytest.raises(ExpressionError, match=sentence):
        compile_curve(parse(text), "u", parameters)


def test_functions_of_the_caller_are_not_curves():
    with pytest.raises(ExpressionError, match="calls lag cannot be used as a curve"):
        compile_curve(parse("lag(u)", functions={"lag": 1}), "u", ())


def test_compiling_twice_gives_the_same_object():
    assert hill() is hill()


def test_programs_travel_between_processes():
    program = pickle.loads(pickle.dumps(hill()))
    np.testing.assert_array_equal(program.evaluate(U, [1, 2, 3])[1], hill().evaluate(U, [1, 2, 3])[1])


def test_later_processes_read_the_program_without_sympy():
    code = (
        "import sys; from kernels.formula.expression import parse, compile_curve\n"
        "program = compile_curve(parse('k * log1p(u / h)'), 'u', ('k', 'h'))\n"
        "print('sympy' in sys.modules, program.vector_code.tolist())"
    )
    outputs = []
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "NUMBA_DISABLE_JIT": "1"}
        if seed == "3":  # a process that cannot use the first one's file must come to the same program
            environment["BEED_CACHE_DIR"] = os.environ["BEED_CACHE_DIR"] + "/elsewhere"
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
        )
        outputs.append(done.stdout.split(" ", 1))
    assert [output[0] for output in outputs] == ["True", "False", "True"]
    assert outputs[0][1] == outputs[1][1] == outputs[2][1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: "not json",
        lambda record: json.dumps([]),
        lambda record: json.dumps({**record, "text": "k * u"}),
        lambda record: json.dumps({**record, "n_registers": 1}),
        lambda record: json.dumps({**record, "vector_code": [[0, 0, 0, 0, 10**6, 1]]}),
        lambda record: json.dumps({**record, "vector_code": [[0, 0, 0, -1, 0, 1]]}),
        lambda record: json.dumps({**record, "vector_code": [[99, 0, 0, 0, 0, 1]]}),
        lambda record: json.dumps({**record, "scalar_code": [[instructions.STORE, 0, 0, 0, 0, 1]]}),
    ],
)
def test_damaged_files_are_compiled_again(damage):
    program = hill()
    (file,) = (cache_folder() / "programs").glob("*.json")
    file.write_text(damage(json.loads(file.read_text())))
    assert load_program(program.text, "u", program.parameters) is None
    expression_module._compile_curve.cache_clear()
    np.testing.assert_array_equal(hill().vector_code, program.vector_code)
    assert load_program(program.text, "u", program.parameters) is not None


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BEED_CACHE_DIR", str(tmp_path / "file"))
    assert hill().parameters == ("beta", "h", "n")


def test_a_program_may_not_reach_outside_its_arrays():
    program = hill()
    with pytest.raises(ValueError, match="impossible instruction"):
        Program(
            *(program.text, "u", program.parameters, program.constants),
            *(program.scalar_code, program.vector_code, program.n_scalars, program.n_registers - 1),
        )
